"""TEST ONLY: two steps of GRPO of the tiny model whose tokens an engine draws, and what its losses were given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from evals.datasets.composed import open_composed
from rl.grpo.config import Training
from rl.grpo.rollout import RolloutRunner
from rl.rewards.preset import load_preset
from rl.sampling.engine import SamplingEngine
from rl.sampling.sampler import Rollout
from rl.sampling.vllm_sampler import EngineSampler

RANK = 4
SETTINGS: dict[str, Any] = {
    "preset": "tinyllava-video-r1",  # its noise moves the weights where all runs are worth the same
    "data": "drawn,level=1,count=2",
    "steps": 2,
    "generations": 2,
    "rows_at_once": 2,
    "lora": {"rank": RANK, "targets": ["q_proj", "v_proj"]},
    "update": {"learning_rate": 0.05, "mask_cut": False},
    "play": {"encoder": "hashing", "max_reply_tokens": 24, "max_frame_pixels": 96 * 54, "max_turns": 2},
}


@dataclass
class Watched:
    """A training that is over."""

    sampler: EngineSampler
    rows: list[dict[str, Any]]
    """What the loss of each step was given."""
    played: list[list[Rollout]]
    """The runs of each step."""

    def off_by(self, step: int) -> float:
        """The most by which the two probabilities of a token differ, in natural logarithms."""
        row = self.rows[step]
        mask = (row["completion_mask"] * row["tool_mask"]).bool()
        return float((row["old_per_token_logps"] - row["sampling_per_token_logps"])[mask].abs().max())


def wanted(model: Path, out: Path) -> Training:
    """What is trained."""
    return Training.model_validate({"model": str(model), "out": out, **SETTINGS})


def trained(training: Training, engine: SamplingEngine) -> Watched:
    """Trains it, with the tokens of the engine."""
    from rl.grpo.trainer import GraphTrainer

    rows: list[dict[str, Any]] = []
    played: list[list[Rollout]] = []

    class Watching(GraphTrainer):
        """Keeps what losses are computed on."""

        def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
            rows.append(dict(inputs))
            loss: torch.Tensor = super()._compute_loss(model, inputs)
            return loss

        def _played(self, keys: Any) -> list[Rollout]:
            played.append(super()._played(keys))
            return played[-1]

    training.out.mkdir(parents=True)
    sampler = EngineSampler(training.model, training.play.options(training.seed), engine)
    rollouts = RolloutRunner(open_composed(training.data), training.run_settings(sampler), sampler)
    Watching(training, rollouts, load_preset(training.preset), lambda _: None).train()
    return Watched(sampler, rows, played)
