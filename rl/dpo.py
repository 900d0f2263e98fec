"""Direct preference optimisation on whole runs: what the policy wrote in a good one grows likelier than in a bad one.

python -m rl.dpo rl/configs/veripo/2-dpo.toml

The reference is the model as it starts, adapter included: what it makes of each run is computed once, before the first
step, so no copy is held. Writes an adapter that `agent ask --adapter` takes, or the whole model, and `log.jsonl`.
Several processes share the pairs of a step, each on a GPU of its own.
"""

from agent.ending import read_first
from rl import toml_command

if __name__ == "__main__":  # before torch is imported
    read_first("rl.dpo", toml_command.parser("rl.dpo", __doc__))

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from agent.policies.local.loading import Loaded, load
from agent.policies.transformers import folder_of
from rl.data.text_tools import specs_of
from rl.finetune.dpo_config import DpoConfig
from rl.finetune.rows import TrainingConversation, read_rows
from rl.finetune.trainer import RunTrainer, draw_steps, precision, save_around, with_lora
from rl.objective.logprobs import chosen
from rl.objective.vision_logprobs import loss_of as picture_loss
from rl.processes import is_first_process, take_device
from rl.verify import CHOSEN, REJECTED

_UNLIMITED_TOKENS = 10**9

Logps = Callable[[Any, Sequence[TrainingConversation]], torch.Tensor]
"""(rows,) natural logarithm of the probability of all that the policy chose in each row."""


@dataclass(frozen=True)
class RunPair:
    """Two runs of a question; the first is preferred."""

    chosen: TrainingConversation
    rejected: TrainingConversation


@dataclass(frozen=True)
class DpoStep:
    """One step of training, as the log has it."""

    step: int
    loss: float
    """Mean over pairs; ln 2 = 0.693 before anything was learned."""
    preferred: float
    """Share of pairs whose good run has gained on the bad one, 0..1."""
    margin: float
    """By how much, in nats, mean over pairs."""
    chosen_gain: float
    """How much likelier the good runs have become, in nats, mean; both may fall."""
    norm: float
    """Of the gradient, before it was clipped."""
    learning_rate: float
    seconds: float


def dpo_loss(margins: torch.Tensor, reference: torch.Tensor, beta: float) -> torch.Tensor:
    """-log sigmoid(beta (margin - reference margin)), of each pair (arXiv 2305.18290, equation 7).

    Args:
        margins: (pairs,) log pi(chosen) - log pi(rejected).
        reference: the same of the reference.
        beta: how dear it is to move away from it.
    """
    return -functional.logsigmoid(beta * (margins - reference))


def main(config: DpoConfig, say: Callable[[str], None] = lambda _: None) -> list[DpoStep]:
    """Trains, and writes what was learned; gives back the steps.

    Raises:
        ValueError: no pairs that fit, or pictures that can't be had any more.
        PolicyError: the model can't be had.
        MissingPartError: peft is not installed.
    """
    take_device()
    torch.manual_seed(config.seed)
    folder = folder_of(config.model)
    loaded = load(folder, config.max_frame_pixels)
    pairs = read_pairs(loaded, config)
    say(f"{len(pairs)} pairs")
    model = _prepared(loaded, config)
    done: list[DpoStep] = []

    def keep(step: DpoStep) -> None:
        done.append(step)
        say(f"step {step.step}: loss {step.loss:.4f}, preferred {step.preferred:.0%}, {step.seconds:.1f} s")

    DpoTrainer(model, pairs, config, logps_of(loaded), keep).run()
    if is_first_process():
        model.save_pretrained(config.out)
        if not config.lora_rank and not config.start:
            save_around(folder, config.out)
    return done


def read_pairs(loaded: Loaded, config: DpoConfig) -> list[RunPair]:
    """The pairs of a folder, without those of which one is too long.

    Raises:
        ValueError: it is no folder of pairs, or none fits.
    """
    sides = [
        read_rows(
            [config.pairs / name],
            loaded.scribe,
            specs_of(config.tools),
            _UNLIMITED_TOKENS,
            loaded.eyes,
            max_frame_pixels=config.max_frame_pixels,
        ).rows
        for name in (CHOSEN, REJECTED)
    ]
    if len(sides[0]) != len(sides[1]):
        raise ValueError(
            f"{config.pairs}: {len(sides[0])} chosen and {len(sides[1])} rejected are no pairs: write it anew"
        )
    fit = [
        RunPair(one, other)
        for one, other in zip(*sides, strict=True)
        if max(len(one.ids), len(other.ids)) <= config.max_tokens
    ]
    if not fit:
        raise ValueError(f"{config.pairs}: all {len(sides[0])} pairs are longer than {config.max_tokens} tokens")
    return fit


class DpoTrainer(RunTrainer[DpoStep]):
    """Trains on the mean over the pairs of a step."""

    def __init__(
        self, model: Any, pairs: Sequence[RunPair], config: DpoConfig, logps: Logps, keep: Callable[[DpoStep], None]
    ) -> None:
        """Trains nothing yet, but asks the reference what it makes of each pair."""
        model.eval()
        known = []
        for pair in pairs:
            with torch.no_grad(), precision(model, config):
                known.append({"pair": pair, "reference": logps(model, (pair.chosen, pair.rejected)).float()})
        super().__init__(model, config, draw_steps(known, config.pairs_a_step, config), DpoStep, keep)
        self._logps, self._beta = logps, config.beta
        self._each: list[torch.Tensor] = []
        """Of each pair of the step (3,): is preferred, margin, gain of the good run."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """The loss of one pair, of which the trainer takes the mean."""
        model.eval()  # no dropout, or the reference would be another one than the policy
        pair, reference = inputs["pair"], inputs["reference"]
        found = self.through(model, lambda inner: self._logps(inner, (pair.chosen, pair.rejected))).float()
        gains = (found - reference).detach()
        margin = gains[0] - gains[1]
        self._each.append(torch.stack([(margin > 0).float(), margin, gains[0]]))
        return dpo_loss(found[0] - found[1], reference[0] - reference[1], self._beta)

    def measured(self) -> dict[str, float]:
        """How far good and bad runs of the step have parted."""
        means = self.accelerator.gather(torch.stack(self._each)).mean(0).tolist()
        self._each = []
        return dict(zip(("preferred", "margin", "chosen_gain"), means, strict=True))


def logps_of(loaded: Loaded) -> Logps:
    """How likely rows are to a model; where it only reads, what both rows begin with is computed once."""
    pictures = picture_loss(loaded)
    if pictures is None:
        return word_logps
    return lambda model, rows: torch.stack([-pictures(model, [row]).total for row in rows])


def word_logps(model: Any, rows: Sequence[TrainingConversation]) -> torch.Tensor:
    """(rows,) of a model that reads."""
    found = chosen(model, rows)
    each = -functional.cross_entropy(found.logits, found.ids, reduction="none")
    parts = each.split([sum(row.is_policy[1:]) for row in rows])  # type: ignore[no-untyped-call]
    return torch.stack([part.sum() for part in parts])


def _prepared(loaded: Loaded, config: DpoConfig) -> Any:
    if not config.lora_rank and not config.start:
        return loaded.model.float()
    return with_lora(loaded.model, config.lora_rank, config.start)


if __name__ == "__main__":
    toml_command.end("rl.dpo", __doc__, DpoConfig, main)
