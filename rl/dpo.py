"""Direct preference optimisation on whole runs: what the policy wrote in a good one grows likelier than in a bad one.

python -m rl.dpo rl/configs/veripo/2-dpo.toml

The reference is the model as it starts, adapter included: what it makes of each run is computed once, before the first
step, so no copy is held. Writes an adapter that `agent ask --adapter` takes, or the whole model, and `log.jsonl`.
Several processes share the pairs of a step, each on a GPU of its own.
"""

from rl import command_lines
from rl.options import toml_command

if __name__ == "__main__":  # before torch is imported
    toml_command.check_file_first("rl.dpo", __doc__, command_lines.check_dpo)

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from agent.policies.local.loading import Loaded, load_model
from agent.policies.transformers import find_model
from rl.finetune.dpo_config import DpoConfig
from rl.finetune.rows import TrainingConversation, read_rows
from rl.finetune.trainer import RunTrainer, draw_steps, precision, save_around, with_lora
from rl.objective.logprobs import compute_policy_logits
from rl.objective.vision_logprobs import make_picture_loss as picture_loss
from rl.processes import is_first_process, take_device
from rl.verify import CHOSEN, REJECTED

_UNLIMITED_TOKENS = 10**9
"""Stands for no limit: a side is read whole, and long pairs are left out later, with both sides."""

Logps = Callable[[Any, Sequence[TrainingConversation]], torch.Tensor]
"""Function from model and rows to the log-probability of the policy's tokens in each row, (rows,) in nats."""


@dataclass(frozen=True)
class RunPair:
    """Two conversations on one question, of which the first is preferred."""

    chosen: TrainingConversation
    rejected: TrainingConversation


@dataclass(frozen=True)
class DpoStep:
    """One step of training, as the log has it."""

    step: int
    loss: float
    """DPO loss, mean over pairs; ln 2 = 0.693 before the first update."""
    preferred: float
    """Share of pairs whose margin over the reference is above 0, 0..1."""
    margin: float
    """Gain of the chosen run's log-probability over the rejected run's, in nats, mean over pairs."""
    chosen_gain: float
    """Rise of the chosen runs' log-probability since the reference, in nats, mean over pairs; both may fall."""
    norm: float
    """Norm of the gradient before it was clipped."""
    learning_rate: float
    seconds: float


def dpo_loss(margins: torch.Tensor, reference: torch.Tensor, beta: float) -> torch.Tensor:
    """DPO loss of each pair, (pairs,): -log sigmoid(beta (margin - reference margin)) (arXiv 2305.18290, equation 7).

    Args:
        margins: log pi(chosen) - log pi(rejected) of each pair, (pairs,).
        reference: margins under the reference model, (pairs,).
        beta: weight of the divergence from the reference.
    """
    return -functional.logsigmoid(beta * (margins - reference))


def main(config: DpoConfig, say: Callable[[str], None] = lambda _: None) -> list[DpoStep]:
    """Trains by DPO and writes adapter or model; gives back the steps.

    Raises:
        ValueError: no pairs that fit, or pictures that can't be had any more.
        PolicyError: the model can't be had.
        MissingPartError: peft is not installed.
    """
    take_device()
    torch.manual_seed(config.seed)
    folder = find_model(config.model)
    loaded = load_model(folder, config.max_frame_pixels)
    pairs = read_pairs(loaded, config)
    say(f"{len(pairs)} pairs")
    model = _prepare_model(loaded, config)
    done: list[DpoStep] = []

    def keep(step: DpoStep) -> None:
        done.append(step)
        say(f"step {step.step}: loss {step.loss:.4f}, preferred {step.preferred:.0%}, {step.seconds:.1f} s")

    DpoTrainer(model, pairs, config, choose_logps(loaded), keep).run()
    if is_first_process():
        model.save_pretrained(config.out)
        if not config.lora_rank and not config.start:
            save_around(folder, config.out)
    return done


def read_pairs(loaded: Loaded, config: DpoConfig) -> list[RunPair]:
    """Reads the pairs of a folder, without those of which one side is too long.

    Raises:
        ValueError: the folder holds no pairs, or none fits `max_tokens`.
    """
    sides = [
        read_rows(
            [config.pairs / name],
            loaded.scribe,
            config.specs,
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
    """Minimises the mean loss over the pairs of a step."""

    def __init__(
        self, model: Any, pairs: Sequence[RunPair], config: DpoConfig, logps: Logps, keep: Callable[[DpoStep], None]
    ) -> None:
        """Computes the log-probabilities of the reference, the model as it is now.

        Args:
            model: the model, as the reference is.
            pairs: the preference pairs.
            config: options of the training.
            logps: log-probabilities of rows.
            keep: is given each step when it is done.
        """
        model.eval()
        known = []
        for pair in pairs:
            with torch.no_grad(), precision(model, config):
                known.append({"pair": pair, "reference": logps(model, (pair.chosen, pair.rejected)).float()})
        super().__init__(model, config, draw_steps(known, config.pairs_a_step, config), DpoStep, keep)
        self._logps, self._beta = logps, config.beta
        self._each: list[torch.Tensor] = []
        """For each pair of the step: is preferred, margin, gain of the chosen run, (3,) float32."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Loss of one pair; the trainer takes the mean over the step.

        Args:
            model: the model, wrapped where several processes train.
            inputs: the pair, with the log-probabilities of the reference.
            return_outputs: not used; there is no evaluation.
            num_items_in_batch: not used; pairs are counted by the trainer.
        """
        model.eval()  # no dropout, or the policy would differ from the reference before the first update
        pair, reference = inputs["pair"], inputs["reference"]
        found = self.through(model, lambda inner: self._logps(inner, (pair.chosen, pair.rejected))).float()
        gains = (found - reference).detach()
        margin = gains[0] - gains[1]
        self._each.append(torch.stack([(margin > 0).float(), margin, gains[0]]))
        return dpo_loss(found[0] - found[1], reference[0] - reference[1], self._beta)

    def measured(self) -> dict[str, float]:
        """Means over the pairs of the step: preferred, margin, gain of the chosen run."""
        means = self.accelerator.gather(torch.stack(self._each)).mean(0).tolist()
        self._each = []
        return dict(zip(("preferred", "margin", "chosen_gain"), means, strict=True))


def choose_logps(loaded: Loaded) -> Logps:
    """The function of log-probabilities for a model; where it only reads, a shared prefix is computed once."""
    pictures = picture_loss(loaded)
    if pictures is None:
        return word_logps
    return lambda model, rows: torch.stack([-pictures(model, [row]).total for row in rows])


def word_logps(model: Any, rows: Sequence[TrainingConversation]) -> torch.Tensor:
    """Log-probability of the policy's tokens in each row, (rows,) in nats, by a model of text only."""
    found = compute_policy_logits(model, rows)
    each = -functional.cross_entropy(found.logits, found.ids, reduction="none")
    parts = each.split([sum(row.is_policy[1:]) for row in rows])  # type: ignore[no-untyped-call]
    return torch.stack([part.sum() for part in parts])


def _prepare_model(loaded: Loaded, config: DpoConfig) -> Any:
    if not config.lora_rank and not config.start:
        return loaded.model.float()
    return with_lora(loaded.model, config.lora_rank, config.start)


if __name__ == "__main__":
    toml_command.run_toml_command("rl.dpo", __doc__, DpoConfig, main)
