"""Every control is one option away, for a model that is shown pictures and for rules that use tools."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.policy import ToolAccess
from agent.trajectory import Answer, Calls, Setup, Stop, ToolCall, Trajectory, Turn
from evals.controls.catalogue import CONTROLS
from evals.run import RunConfig, main
from evals.runner.run_file import read_stored

FRAMES = {
    "blind": 0,
    "random-frame": 1,
    "middle-frame": 1,
    "top-frame": 1,
    "uniform-8": 8,
    "uniform-32": 32,
    "subtitles-only": 0,
}
"""Pictures that a model is shown."""
WITHOUT_TOOLS = {*FRAMES, "oracle-frame", "oracle-crop"} - {"subtitles-only"}


class Model:
    """Answers at once; remembers which tools it had."""

    spec = "model"
    setup = Setup("text", 0.0, 1.0, 0, 64, 1280 * 720, None, "hash")

    def __init__(self) -> None:
        self.tools: set[int] = set()

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self.tools.add(len(sight.specs))
        return Turn("", Answer("red", 0))


class Rules:
    """Looks once, then answers."""

    spec = "rules"
    setup = None

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        if not trajectory.steps:
            return Turn("", Calls((ToolCall("t1c1", "overview", {"count": 4}),)))
        return Turn("", Answer("red", 0))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for all, so that each video is indexed once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder))
        yield folder


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", CONTROLS)
def test_a_model_plays_under_the_control(name: str, tmp_path: Path) -> None:
    model = Model()
    main(RunConfig("composed", "drawn,count=2", tmp_path, "model", control=name, encoder="hashing"), policy=model)
    rows = read_stored(tmp_path)
    assert [row.error for row in rows if row.stop is not Stop.ANSWERED] == []
    if name in FRAMES:
        assert {len(row.frames_seen) for row in rows} == {FRAMES[name]}
    if name in WITHOUT_TOOLS:
        assert model.tools == {0}


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", CONTROLS)
def test_rules_play_under_the_control(name: str, tmp_path: Path) -> None:
    said: list[str] = []
    config = RunConfig("composed", "drawn,count=2", tmp_path, "rules", control=name, encoder="hashing")
    page = main(config, say=said.append, policy=Rules())
    rows = read_stored(tmp_path)
    assert [row.error for row in rows if row.stop is not Stop.ANSWERED] == []
    assert f"under the control `{name}`" in page
    assert all(row.frames_seen for row in rows)
    if name == "blind":
        assert not any("train-1" in line for line in said if line.startswith("opening"))
