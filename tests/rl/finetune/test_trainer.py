"""Steps on runs that were played before: their order and rate, and that stopping or sharing them changes nothing."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from rl import dpo, sft
from rl.finetune.config import OnRuns
from rl.finetune.dpo_config import DpoConfig
from rl.finetune.sft_config import SftConfig
from rl.finetune.trainer import draw_steps
from rl.monitor.log import LOG, read_log
from rl.verify import PreferencePair, Verified, write_pairs
from tests.rl.cases import BLIND, RIGHT, WRONG, run
from tests.tiny_llama import tiny_llama
from tools import packaged_weights

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 600
needs_peft = pytest.mark.skipif(not packaged_weights.is_installed("peft"), reason="needs videosleuth[rl]")


class KilledError(Exception):
    """Stands for a machine that went down."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chats") / "chats.jsonl"
    turns = [({"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "yes " * n}) for n in range(1, 7)]
    path.write_text("".join(json.dumps({"messages": turn}) + "\n" for turn in turns), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    good = Verified(run(*RIGHT), 1.0, True, True)
    write_pairs([PreferencePair(good, Verified(run(*bad), 0.0, False, True)) for bad in (WRONG, BLIND)], folder)
    return folder


def imitation(tiny: Path, chats: Path, out: Path, **other: Any) -> SftConfig:
    settings: dict[str, Any] = {"lora_rank": 0, "precision": "float32", "rows_a_step": 4, "rows_at_once": 2}
    settings |= {"learning_rate": 1e-2, "epochs": 3}
    return SftConfig(model=str(tiny), out=out, data=[chats], **(settings | other))


def preference(tiny: Path, pairs: Path, out: Path, **other: Any) -> DpoConfig:
    settings: dict[str, Any] = {"lora_rank": 0, "precision": "float32", "max_tokens": 8000, "pairs_a_step": 1}
    settings |= {"learning_rate": 1e-3, "epochs": 2}
    return DpoConfig(model=str(tiny), out=out, pairs=pairs, **(settings | other))


def killed_at(step: int) -> Callable[[str], None]:
    """Before the step is saved."""

    def say(line: str) -> None:
        if line.startswith(f"step {step}:"):
            raise KilledError

    return say


def weights(out: Path) -> dict[str, Any]:
    [path] = out.glob("*.safetensors")
    return load_file(path)


def logged(out: Path) -> list[dict[str, Any]]:
    """But for times."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in read_log(out / LOG)]


def ends_as_if_it_had_not_been_killed(train: Callable[..., Any], settings: Callable[[Path], Any], folder: Path) -> None:
    straight, killed = settings(folder / "straight"), settings(folder / "killed")
    train(straight)
    with pytest.raises(KilledError):
        train(killed, killed_at(4))
    assert [path.name for path in killed.out.glob("checkpoint-*")] == ["checkpoint-2"]
    said: list[str] = []
    train(killed, said.append)
    assert [line.partition(":")[0] for line in said if line.startswith("step")] == ["step 3", "step 4"]
    first, second = weights(straight.out), weights(killed.out)
    assert first.keys() == second.keys()
    assert all(first[name].equal(second[name]) for name in first)
    assert logged(killed.out) == logged(straight.out)


def test_imitation_that_was_killed_ends_as_if_it_had_not_been(tiny: Path, chats: Path, tmp_path: Path) -> None:
    def settings(out: Path) -> SftConfig:
        return imitation(tiny, chats, out, save_every=2, max_steps=4)

    ends_as_if_it_had_not_been_killed(sft.main, settings, tmp_path)


@needs_peft
def test_preference_that_was_killed_ends_as_if_it_had_not_been(tiny: Path, pairs: Path, tmp_path: Path) -> None:
    """Of an adapter, whose reference stays the model as it was before the first step."""

    def settings(out: Path) -> DpoConfig:
        return preference(tiny, pairs, out, save_every=2, lora_rank=2)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's own
        ends_as_if_it_had_not_been_killed(dpo.main, settings, tmp_path)


def test_a_folder_goes_on_with_its_own_training_only(tiny: Path, chats: Path, tmp_path: Path) -> None:
    sft.main(imitation(tiny, chats, tmp_path, save_every=1, max_steps=1))
    with pytest.raises(ValueError, match="holds another training"):
        sft.main(imitation(tiny, chats, tmp_path, save_every=1, max_steps=2))


def test_each_epoch_has_an_order_of_its_own_and_the_last_step_the_rest() -> None:
    config = OnRuns(model="m", out=Path("o"), epochs=2, seed=3)
    drawn = draw_steps(range(5), 4, config)
    assert [len(step) for step in drawn] == [4, 4, 2]
    order = [item for step in drawn for item in step]
    assert sorted(order[:5]) == sorted(order[5:]) == [0, 1, 2, 3, 4]
    assert order[:5] != order[5:]
    assert draw_steps(range(5), 4, config) == drawn


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine_to_a_tenth(tiny: Path, chats: Path, tmp_path: Path) -> None:
    done = sft.main(imitation(tiny, chats, tmp_path, rows_a_step=3, warmup_share=1 / 3, learning_rate=1.0))
    # the cosine at a quarter, a half, three quarters and the end of its way, between 1 and 0.1
    falls = [0.1 + 0.9 * (1 + cosine) / 2 for cosine in (2**-0.5, 0.0, -(2**-0.5), -1.0)]
    assert [step.learning_rate for step in done] == pytest.approx([0.5, 1.0, *falls])


@pytest.mark.heavy
def test_two_processes_make_the_same_steps(tiny: Path, chats: Path, pairs: Path, tmp_path: Path) -> None:
    """Each has half of the rows at once; but for rounding, as gradients are summed in another order."""
    one, two = tmp_path / "one", tmp_path / "two"
    sft.main(imitation(tiny, chats, one, epochs=2))
    dpo.main(preference(tiny, pairs, one / "dpo", pairs_a_step=2))
    share(sft.__name__, imitation(tiny, chats, two, epochs=2), tmp_path)
    share(dpo.__name__, preference(tiny, pairs, two / "dpo", pairs_a_step=2), tmp_path)
    for alone, shared in ((one, two), (one / "dpo", two / "dpo")):
        assert len(logged(alone)) > 1
        for expected, found in zip(logged(alone), logged(shared), strict=True):
            assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)
        first, second = weights(alone), weights(shared)
        assert all((first[name] - second[name]).abs().max() < 1e-3 for name in first)


def share(command: str, config: OnRuns, folder: Path) -> None:
    """Runs a command in two processes; by torchrun, as `accelerate launch` does not start on a CPU build of torch."""
    file = folder / "config.toml"
    told = json.loads(config.model_dump_json(exclude_none=True))
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items()), encoding="utf-8")
    launched = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", command, str(file)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, *launched],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
