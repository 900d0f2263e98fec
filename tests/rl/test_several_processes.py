"""Two processes train as one does: the same runs, each once, judged in whole groups, and the same update."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.rl.small_training import built

pytest.importorskip("trl", reason="needs the rl extra")
pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 1200


@dataclass
class Trained:
    """A training that is over."""

    played: list[list[dict[str, Any]]]
    """The runs of each process: key and token ids."""
    log: list[dict[str, Any]]
    weights: dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("processes")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield built("qwen3_vl", folder / "model", folder / "cache")


@pytest.fixture(scope="module")
def both(model: Path) -> tuple[Trained, Trained]:
    """One process with two rows at once, and two with one row at once."""
    one = trained(model, model.parent / "one", 1, {"steps": 2, "rows_at_once": 2})
    two = trained(model, model.parent / "two", 2, {"steps": 2, "rows_at_once": 1})
    return one, two


def trained(model: Path, out: Path, processes: int, settings: dict[str, Any], *more: str) -> Trained:
    """Trains by `tests.rl.launched`; by torchrun, as `accelerate launch` does not start on a CPU build of torch."""
    launched = ["-m", "tests.rl.launched", str(model), str(out), json.dumps(settings), *more]
    if processes > 1:
        run = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        launched = [*run, *launched]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *launched]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    played = [_rows(out / f"played-{rank}.jsonl") for rank in range(processes)]
    name = "adapter_model.safetensors" if "lora" in settings else "model.safetensors"
    weights = load_file(out / f"checkpoint-{settings['steps']}" / name)
    return Trained(played, _rows(out / "log.jsonl"), weights)


def test_each_process_plays_its_half_and_no_run_is_played_twice(both: Any) -> None:
    one, two = both
    assert [len(runs) for runs in two.played] == [4, 4]
    keys = [tuple(run["key"]) for runs in two.played for run in runs]
    assert len(set(keys)) == len(keys) == 8
    assert set(keys) == {tuple(run["key"]) for run in one.played[0]}


def test_runs_are_those_of_one_process_token_by_token(both: Any) -> None:
    one, two = both
    alone = {tuple(run["key"]): run["ids"] for run in one.played[0]}
    assert {tuple(run["key"]): run["ids"] for runs in two.played for run in runs} == alone


def test_groups_are_judged_whole(both: Any) -> None:
    """A half group has another mean, another spread, and so other advantages and another loss."""
    one, two = both
    for first, second in zip(one.log, two.log, strict=True):
        for name in ("score", "score/answer", "groups/teaching", "runs/calls", "runs/sampled_tokens"):
            assert second[name] == pytest.approx(first[name], abs=1e-5)
        for name in ("loss", "grad_norm"):
            assert second[name] == pytest.approx(first[name], rel=1e-4)


def test_the_update_is_that_of_one_process(both: Any, model: Path) -> None:
    """But for rounding, as rows stand together otherwise: two steps of AdamW were 5e-6 of their length apart."""
    one, two = both
    before = load_file(model / "model.safetensors")
    moved = sum(float((one.weights[name] - value).square().sum()) for name, value in before.items()) ** 0.5
    apart = sum(float((one.weights[name] - two.weights[name]).square().sum()) for name in before) ** 0.5
    print(f"moved {moved:.4g}, apart {apart:.4g}, {apart / moved:.2e} of it")
    assert moved > 0.01
    assert apart < 1e-3 * moved


def test_each_process_brings_the_adapter_to_the_engine_beside_it(model: Path, tmp_path: Path) -> None:
    """Step by step its tokens are as likely for it as for the model in training, but for four that are never drawn."""
    settings = {
        "preset": "tinyllava-video-r1",  # its noise moves the weights where all runs are worth the same
        "steps": 2,
        "generations": 2,
        "rows_at_once": 1,
        "lora": {"rank": 4, "targets": ["q_proj", "v_proj"]},
        "update": {"learning_rate": 0.05, "mask_cut": False},
        "play": {"encoder": "hashing", "max_reply_tokens": 24, "max_frame_pixels": 96 * 54, "max_turns": 2},
    }
    two = trained(model, tmp_path / "beside", 2, settings, "beside")
    assert [len(runs) for runs in two.played] == [2, 2]
    assert max(row["sampling/sampling_logp_difference/max"] for row in two.log) < 0.02
    assert all(row["seconds/sync"] > 0 for row in two.log)
    assert any(value.abs().max() > 0.01 for name, value in two.weights.items() if "lora_B" in name)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
