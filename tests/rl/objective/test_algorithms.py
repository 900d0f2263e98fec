"""What each algorithm's switch changes: TRL's loss, set up by our names, against formulas written out here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from rl.grpo.config import UpdateConfig
from rl.objective.algorithms import ALGORITHMS, Name
from rl.rewards.preset import load_preset
from tests.rl.small_training import built, rollouts_of, training

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning")

PUSHES = torch.tensor([[1.5], [-0.5]])
MASK = torch.tensor([[1, 1, 1, 0, 0, 1, 1, 1], [1, 1, 0, 0, 1, 0, 0, 0]])
"""1 for tokens of the policy; the last three of the second row are padding."""
PADDED = torch.tensor([[1] * 8, [1] * 5 + [0] * 3])
SINCE = torch.tensor([[0.5, -0.5, 0.1, 9.0, 9.0, 0.0, 2.0, 0.3], [-0.5, 0.5, 9.0, 9.0, 0.1, 9.0, 9.0, 9.0]])
"""How much likelier each token has become; 9 where nothing must be read."""
SAMPLED = 4 * 64
"""The most tokens that a rollout of `tests.rl.small_training` can sample: its turns times those of a reply."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("algorithms")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield built("qwen3_vl", folder / "model", folder / "cache")


def loss_of(model: Path, out: Path, **update: object) -> tuple[float, torch.Tensor]:
    """TRL's loss on two rows, and the log-probabilities (2, 8) that it has found."""
    pytest.importorskip("trl", reason="needs the rl extra")
    from rl.grpo.trainer import GraphTrainer

    wanted = training(model, out, generations=2, rows_at_once=2, update=update)
    trainer: Any = GraphTrainer(wanted, rollouts_of(wanted), load_preset("videokr"), lambda _: None)
    ids = torch.arange(24).reshape(2, 12)
    rows = {"prompt_ids": ids[:, :4], "prompt_mask": torch.ones(2, 4, dtype=torch.long), "completion_ids": ids[:, 4:]}
    whole = torch.cat([rows["prompt_mask"], PADDED], 1)
    trainer.current_gradient_accumulation_steps = 1
    logps = trainer._get_per_token_logps_and_entropies(trainer.model.train(), ids, whole, 8)[0].detach()
    pushes = {"advantages": PUSHES[:, 0], "old_per_token_logps": logps - SINCE, "num_items_in_batch": MASK.sum()}
    loss = trainer.compute_loss(trainer.model, rows | pushes | {"completion_mask": PADDED, "tool_mask": MASK})
    return loss.item(), logps


def clipped(ratio: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return -torch.min(ratio * PUSHES, ratio.clamp(1 - low, 1 + high) * PUSHES)


def by_run(loss: torch.Tensor) -> float:
    return float(((loss * MASK).sum(1) / MASK.sum(1)).mean())


def expected(name: Name, logps: torch.Tensor) -> float:
    ratio = SINCE.exp()
    if name == "grpo":
        return by_run(clipped(ratio, 0.2, 0.2))
    if name == "dr_grpo":
        return float((clipped(ratio, 0.2, 0.2) * MASK).sum() / (2 * SAMPLED))
    if name == "bnpo":
        return float((clipped(ratio, 0.2, 0.2) * MASK).sum() / MASK.sum())
    if name == "dapo":
        return float((clipped(ratio, 0.2, 0.28) * MASK).sum() / MASK.sum())
    if name == "gspo":
        of_run = ((SINCE * MASK).sum(1, keepdim=True) / MASK.sum(1, keepdim=True)).exp()
        return by_run(clipped(of_run, 3e-4, 4e-4).expand(2, 8))
    weight = ratio.clamp(max=5.0)
    return float((-weight * PUSHES * logps * MASK).sum() / MASK.sum())


@pytest.mark.parametrize("name", [name for name in ALGORITHMS if name != "reg_grpo"])
def test_the_loss_is_that_of_its_paper(model: Path, tmp_path: Path, name: Name) -> None:
    loss, logps = loss_of(model, tmp_path, algorithm=name)
    assert loss == pytest.approx(expected(name, logps), rel=1e-4)


def test_a_clip_of_the_file_takes_the_place_of_the_algorithms_own(model: Path, tmp_path: Path) -> None:
    loss, _ = loss_of(model, tmp_path, algorithm="grpo", clip_low=0.05, clip_high=3.0)
    assert loss == pytest.approx(by_run(clipped(SINCE.exp(), 0.05, 3.0)), rel=1e-4)


def test_no_two_algorithms_are_the_same() -> None:
    assert len(set(ALGORITHMS.values())) == len(ALGORITHMS)
    assert UpdateConfig(algorithm="gspo").rule() == ALGORITHMS["gspo"]
