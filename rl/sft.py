"""Supervised training on trajectories: the cold start of a policy, on its own tokens only.

python -m rl.sft rl/configs/run1/sft.toml

A model that sees is shown the pictures of each run, as when it is asked. Writes a LoRA adapter that
`agent ask --adapter` takes, or the whole model, and `log.jsonl`. Several processes share the rows of a step, each on a
GPU of its own.
"""

from rl import command_lines
from rl.options import toml_command

if __name__ == "__main__":  # before torch is imported
    toml_command.check_file_first("rl.sft", __doc__, command_lines.check_sft)

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from agent.policies.local.loading import Loaded, load_model
from agent.policies.transformers import find_model
from rl.finetune.frozen import freeze, match_modules
from rl.finetune.rows import Rows, TrainingConversation, read_rows
from rl.finetune.sft_config import SftConfig
from rl.finetune.trainer import RunTrainer, draw_steps, save_around, with_lora
from rl.objective.logprobs import Loss, policy_loss
from rl.objective.vision_logprobs import OF_EYES, is_of_eyes
from rl.objective.vision_logprobs import make_picture_loss as picture_loss
from rl.processes import is_first_process, take_device

LossOf = Callable[[Any, Sequence[TrainingConversation]], Loss]


@dataclass(frozen=True)
class SftStep:
    """One step of training, as the log has it."""

    step: int
    loss: float
    """Negative log-likelihood in nats, mean over the policy's tokens."""
    tokens: int
    """Number of tokens in the loss."""
    norm: float
    """Norm of the gradient before it was clipped."""
    learning_rate: float
    seconds: float


def main(config: SftConfig, say: Callable[[str], None] = lambda _: None) -> list[SftStep]:
    """Trains by imitation and writes adapter or model; gives back the steps.

    Raises:
        ValueError: nothing to learn from, or pictures that can't be had any more.
        PolicyError: the model can't be had.
        MissingPartError: peft is not installed.
    """
    take_device()
    torch.manual_seed(config.seed)
    folder = find_model(config.model)
    loaded = load_model(folder, config.max_frame_pixels)
    specs = config.specs
    found = read_rows(
        config.data, loaded.scribe, specs, config.max_tokens, loaded.eyes, max_frame_pixels=config.max_frame_pixels
    )
    say(_describe_rows(found))
    model = _prepare_model(loaded, config)
    done: list[SftStep] = []

    def keep(step: SftStep) -> None:
        done.append(step)
        say(f"step {step.step}: loss {step.loss:.4f}, norm {step.norm:.2f}, {step.seconds:.1f} s")

    SftTrainer(model, found.rows, config, picture_loss(loaded) or policy_loss, keep).run()
    model.eval()
    if is_first_process():
        model.save_pretrained(config.out)
        if not config.lora_rank:  # a whole model is loaded with its own tokenizer, an adapter with its base's
            save_around(folder, config.out)
    return done


class SftTrainer(RunTrainer[SftStep]):
    """Minimises the mean loss over the policy tokens of a step."""

    def __init__(
        self,
        model: Any,
        rows: Sequence[TrainingConversation],
        config: SftConfig,
        loss_of: LossOf,
        keep: Callable[[SftStep], None],
    ) -> None:
        """Prepares the training.

        Args:
            model: the model with the weights to train.
            rows: the conversations.
            config: options of the training.
            loss_of: summed loss of a batch of rows.
            keep: is given each step when it is done.
        """
        steps = [_parts(step, config.rows_at_once) for step in draw_steps(rows, config.rows_a_step, config)]
        super().__init__(model, config, steps, SftStep, keep, config.weight_decay)
        self.model_accepts_loss_kwargs = True  # the trainer passes the number of tokens of the step
        self._loss_of = loss_of
        self._tokens = 0

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Share of a micro-batch in the mean loss of its step; gradients are averaged over processes.

        Args:
            model: the model, wrapped where several processes train.
            inputs: the micro-batch.
            return_outputs: not used; there is no evaluation.
            num_items_in_batch: policy tokens of the step, over all processes.
        """
        self._tokens = int(num_items_in_batch)
        total: torch.Tensor = self.through(model, lambda inner: self._loss_of(inner, inputs["rows"]).total)
        share: torch.Tensor = total / self._tokens * self.accelerator.num_processes
        return share

    def measured(self) -> dict[str, float]:
        """Number of policy tokens of the step."""
        return {"tokens": self._tokens}


def _parts(rows: Sequence[TrainingConversation], at_once: int) -> list[dict[str, Any]]:
    """The micro-batches of a step: rows of similar length together, so that little is padded."""
    ordered = sorted(rows, key=lambda row: len(row.ids))
    parts = [ordered[start : start + at_once] for start in range(0, len(ordered), at_once)]
    return [{"rows": part, **_labels(part)} for part in parts]


def _labels(rows: Sequence[TrainingConversation]) -> dict[str, torch.Tensor]:
    """The policy tokens, which the trainer counts under these names."""
    chosen = [one for row in rows for one, own in zip(row.ids[1:], row.is_policy[1:], strict=True) if own]
    return {name: torch.tensor(chosen) for name in ("labels", "shift_labels")}


def _prepare_model(loaded: Loaded, config: SftConfig) -> Any:
    if not config.lora_rank:
        model = loaded.model.float()  # loaded in half precision on a GPU, where small steps would be rounded away
        for name, weight in model.named_parameters():
            weight.requires_grad_(config.train_eyes or not is_of_eyes(name))
        freeze(model, config.frozen)
        return model
    left_out = [*(() if config.train_eyes else (OF_EYES,)), *([match_modules(config.frozen)] if config.frozen else ())]
    return with_lora(loaded.model, config.lora_rank, config.start, "|".join(left_out) or None)


def _describe_rows(found: Rows) -> str:
    lengths = sorted(len(row.ids) for row in found.rows)
    policy = sum(sum(row.is_policy) for row in found.rows)
    pictures = sum(len(row.jpegs) for row in found.rows)
    shown = f", {pictures / len(lengths):.1f} pictures" if pictures else ""
    left_out = f", {found.too_long} longer ones left out" if found.too_long else ""
    return (
        f"{len(lengths)} conversations{left_out}: {lengths[len(lengths) // 2]} tokens in the middle, {lengths[-1]} at "
        f"most; {policy / len(lengths):.0f} of them the policy's{shown} on average"
    )


if __name__ == "__main__":
    toml_command.run_toml_command("rl.sft", __doc__, SftConfig, main)
