"""A training that was killed and started again is, bit for bit, the one that was not."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from rl.grpo.config import Training, read_training
from rl.train import main
from tests.rl.dictated import DictatedSampler
from tests.rl.marks import trl_warns
from tests.rl.small_training import SCRIPTS, TWO_TOOLS, built, training

pytest.importorskip("trl", reason="needs the rl extra")
pytestmark = trl_warns
SETTINGS: dict[str, Any] = {
    "preset": "tinyllava-video-r1",  # it adds noise to advantages, which has to be the same noise
    "generations": 2,
    "rows_at_once": 2,
    "steps": 2,
    "save_every": 1,
    "play": TWO_TOOLS,
}


class KilledError(Exception):
    """Stands for a machine that went down."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("resume")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield built("qwen3_vl", folder / "model", folder / "cache")


def trained(wanted: Training, say: Callable[[str], None] = lambda _: None) -> Path:
    sampler = DictatedSampler(Path(wanted.model), wanted.play.options(wanted.seed), SCRIPTS[2:4])
    return main(wanted, say, sampler)


def killed_at(step: int) -> Callable[[str], None]:
    """Before the step is saved."""

    def say(line: str) -> None:
        if line.startswith(f"step {step}/"):
            raise KilledError

    return say


@pytest.mark.parametrize("lora", [None, {"rank": 4}], ids=["all weights", "adapter"])
def test_killed_in_its_second_step_it_ends_as_if_it_had_not_been(
    model: Path, tmp_path: Path, lora: dict[str, Any] | None
) -> None:
    settings = SETTINGS | {"lora": lora}
    straight = trained(training(model, tmp_path / "straight", **settings))
    with pytest.raises(KilledError):
        trained(training(model, tmp_path / "killed", **settings), killed_at(2))
    said: list[str] = []
    resumed = trained(training(model, tmp_path / "killed", **settings), said.append)
    assert [line.partition("  ")[0] for line in said if "/2" in line] == ["step 2/2"]  # a slow machine says more
    name = "model.safetensors" if lora is None else "adapter_model.safetensors"
    first, second = (load_file(folder / name) for folder in (straight, resumed))
    assert first.keys() == second.keys()
    assert all(first[key].equal(second[key]) for key in first)
    assert last_row(tmp_path / "killed") == last_row(tmp_path / "straight")


def test_a_checkpoint_in_the_middle_of_the_passes_over_some_runs_is_refused(tmp_path: Path) -> None:
    """The runs are not in it, and others would be played for the passes that are left."""
    file = tmp_path / "t.toml"
    file.write_text('model = "m"\nout = "o"\nsave_every = 3\n[update]\npasses = 2\n')
    with pytest.raises(ValueError, match="save_every = 3 cuts through the 2 passes"):
        read_training(file)


def last_row(out: Path) -> dict[str, Any]:
    """Of the log, but for times."""
    row: dict[str, Any] = json.loads((out / "log.jsonl").read_text().splitlines()[-1])
    return {key: value for key, value in row.items() if "seconds" not in key and "time" not in key}
