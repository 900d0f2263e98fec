"""`--prompt published`: the benchmark's own words, its frames, one turn, no tools; scored as it was said."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.policies.lite import LitePolicy, load_packaged_similarity
from agent.policy import PolicyOptions, ToolAccess
from agent.rendering.messages import ImageBlock, Text, render
from agent.rendering.reply_parser import parse_reply
from agent.trajectory import Reply, Setup, Stop, Trajectory, Turn, Usage
from evals.benchmarks.catalogue import BENCHMARKS
from evals.datasets.registry import open_set
from evals.report.__main__ import load_runs
from evals.report.__main__ import main as report
from evals.run import RunConfig, main
from evals.runner.manifest import read_manifest
from evals.runner.run_file import read_stored
from evals.score import main as score
from tests.drawn_clips import draw_clip
from tests.evals.test_benchmarks import folder_of, load
from tests.evals.test_fixtures_play import SECONDS, furnished


class PlainModel:
    """A model that says what a function makes of the prompt, as one behind a server would."""

    spec = "http:plain@127.0.0.1"

    def __init__(self, say: Callable[[str], str]) -> None:
        self._say = say
        self._options = PolicyOptions()
        self.asked: list[tuple[int, str]] = []

    @property
    def setup(self) -> Setup:
        return self._options.setup("text")

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        (message,) = render(trajectory, sight.specs, "text", self._options).messages
        *pictures, text = message.blocks
        assert all(isinstance(block, ImageBlock) for block in pictures)
        assert isinstance(text, Text)
        assert sight.specs == ()
        self.asked.append((len(pictures), text.text))
        return parse_reply(Reply(self._say(text.text)), Usage(prompt_tokens=9), trajectory)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    grey = np.full((36, 64, 3), 120, np.uint8)
    return draw_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", lambda _: grey, SECONDS, fps=8)


@pytest.mark.parametrize(("name", "frames"), [("egoschema-subset", 32), ("tvbench", 16)])
def test_the_model_is_sent_the_published_words_behind_its_frames(
    name: str, frames: int, clip: Path, tmp_path: Path
) -> None:
    policy = PlainModel(lambda _: "<think>A or B?</think>(C")
    config = RunConfig(name, str(furnished(name, tmp_path, clip)), tmp_path / "run", policy.spec, encoder="hashing")
    page = main(replace(config, prompt="published"), policy=policy)
    benchmark = BENCHMARKS[name]
    items = benchmark.load(Path(config.data))
    wanted = {benchmark.prompt(item, benchmark.prompt_profile, "") for item in items}
    assert {text for _, text in policy.asked} == wanted
    assert {shown for shown, _ in policy.asked if shown != frames} == set()
    rows = read_stored(config.out)
    assert {(row.stop, row.turns) for row in rows} == {(Stop.ANSWERED, 1)}
    assert "asked with the published prompt" in page
    manifest = read_manifest(config.out)
    assert manifest is not None
    assert manifest.terms.wording == "published"
    assert page.split("\n", 1)[1].strip() in score([str(config.out)])


def test_what_was_said_is_scored_as_it_is_by_each_rule() -> None:
    _, (item, *_) = load("egoschema-subset")
    questions = open_set("egoschema-subset", str(folder_of("egoschema")), wording="published")
    right = item.right_letters
    answers = {said: parse(said) for said in (right, f"<think>{right}?</think> {right}", f"Surely {right} it is")}
    assert [questions.score(item.id, answer, "strict").value for answer in answers.values()] == [1, 1, 0]
    assert [questions.score(item.id, answer, "lmms").value for answer in answers.values()] == [1, 1, 1]
    assert questions.score(item.id, None, "strict").value == 0


def parse(said: str) -> "object":
    from agent.trajectory import Question, VideoFacts

    asked = Trajectory(Question("v", "q", is_verbatim=True), VideoFacts("", 1.0, 1, 1))
    return parse_reply(Reply(said), Usage(), asked).move


def test_both_prompts_stand_side_by_side_in_the_report(clip: Path, tmp_path: Path) -> None:
    data = furnished("egoschema-subset", tmp_path, clip)
    base = RunConfig("egoschema-subset", str(data), tmp_path / "agent", "x", encoder="hashing", control="middle-frame")
    letter = load("egoschema-subset")[1][0].right_letters
    policy = PlainModel(lambda _: letter)
    published = replace(base, out=tmp_path / "published", policy=policy.spec, prompt="published")
    main(published, policy=policy)
    scripted = replace(base, policy=script(tmp_path), control=None)
    main(scripted)
    first, second = load_runs((scripted.out, published.out))
    assert first.set_key == second.set_key
    page = report((scripted.out, published.out))
    assert "| agent " in page
    assert "| published " in page
    with pytest.raises(ValueError, match="holds another run: its questions"):
        main(replace(published, prompt="agent"), policy=policy)


def script(folder: Path) -> str:
    from agent.trajectory import Answer
    from tests.evals.sets_drawn import write_script

    return write_script(folder / "script.json", Answer("A", 0))


@pytest.mark.parametrize("name", ["clips", "composed"])
def test_our_own_sets_have_no_published_prompt(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} has no published prompt"):
        open_set(name, "nowhere", wording="published")


def test_a_prompt_that_is_ours_is_not_called_published() -> None:
    with pytest.raises(ValueError, match="vrbench has no published prompt of one turn"):
        open_set("vrbench", str(folder_of("vrbench")), wording="published")


@pytest.mark.parametrize("more", [{"mode": "captions"}, {"control": "no-zoom"}, {"control": "shuffled-options"}])
def test_what_needs_tools_or_other_words_is_refused(more: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"leave --(mode|control) .* out"):
        RunConfig("mlvu", "x", tmp_path, prompt="published", **more)  # type: ignore[arg-type]


def test_rules_read_no_prompt(tmp_path: Path) -> None:
    config = RunConfig("mlvu", "x", tmp_path, "lite", prompt="published")
    with pytest.raises(ValueError, match="lite reads no prompt: --prompt published is for models"):
        config.run_settings(LitePolicy(load_packaged_similarity()))
