"""Supervised training on trajectories: the cold start of a policy, on its own tokens only.

python -m rl.sft rl/configs/run1/sft.toml

A model that sees is shown the pictures of each run, as when it is asked. Plain PyTorch, one device. Writes a LoRA
adapter that `agent ask --adapter` takes, or the whole model, and `log.jsonl`.
"""

from agent.ending import read_first
from rl import toml_command

if __name__ == "__main__":  # before torch is imported
    read_first("rl.sft", toml_command.parser("rl.sft", __doc__))

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from agent.policies.local.loading import Loaded, load
from agent.policies.transformers import folder_of
from rl.data.text_tools import specs_of
from rl.finetune.rows import Rows, TrainingConversation, read_rows
from rl.finetune.sft_config import SftConfig
from rl.finetune.training_loop import logged, precision, save_around, steps, with_lora
from rl.objective.logprobs import Loss, policy_loss
from rl.objective.vision_logprobs import OF_EYES, is_of_eyes
from rl.objective.vision_logprobs import loss_of as picture_loss

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
    torch.manual_seed(config.seed)
    folder = folder_of(config.model)
    loaded = load(folder, config.max_frame_pixels)
    specs = specs_of(config.tools)
    found = read_rows(
        config.data, loaded.scribe, specs, config.max_tokens, loaded.eyes, max_frame_pixels=config.max_frame_pixels
    )
    say(_about(found))
    model = _prepared(loaded, config)
    loss_of = picture_loss(loaded) or policy_loss
    done = []
    for step in logged(train(model, found.rows, config, loss_of), config.out):
        done.append(step)
        say(f"step {step.step}: loss {step.loss:.4f}, norm {step.norm:.2f}, {step.seconds:.1f} s")
    model.save_pretrained(config.out)
    if not config.lora_rank:  # a whole model is loaded with its own tokenizer, an adapter with that of its base model
        save_around(folder, config.out)
    return done


def train(
    model: Any, rows: Sequence[TrainingConversation], config: SftConfig, loss_of: LossOf = policy_loss
) -> Iterator[SftStep]:
    """Trains on the rows, and yields each step when it is done.

    Args:
        model: the model with the weights to train.
        rows: the conversations.
        config: options of the training.
        loss_of: summed loss of a batch of rows.
    """

    def gradient(numbers: Sequence[int]) -> tuple[float, int]:
        return _gradient(model, [rows[number] for number in numbers], config, loss_of)

    model.train()
    for (loss, tokens), update in steps(
        model, config, len(rows), config.rows_a_step, gradient, weight_decay=config.weight_decay
    ):
        yield SftStep(update.step, loss, tokens, update.norm, update.learning_rate, update.seconds)
    model.eval()


def _gradient(
    model: Any, batch: Sequence[TrainingConversation], config: SftConfig, loss_of: LossOf
) -> tuple[float, int]:
    """Accumulates the gradient of the mean loss over the batch's policy tokens; gives back loss and number of
    tokens."""
    at_once = config.rows_at_once
    tokens = sum(sum(row.is_policy[1:]) for row in batch)
    total = 0.0
    # rows of similar length together, so that little is padded
    ordered = sorted(batch, key=lambda row: len(row.ids))
    for start in range(0, len(ordered), at_once):
        with precision(model, config):
            loss = loss_of(model, ordered[start : start + at_once])
        (loss.total / tokens).backward()  # type: ignore[no-untyped-call]
        total += float(loss.total.detach())
    return total / tokens, tokens


def _prepared(loaded: Loaded, config: SftConfig) -> Any:
    if not config.lora_rank:
        model = loaded.model.float()  # loaded in half precision on a GPU, where small steps would be rounded away
        for name, weight in model.named_parameters():
            weight.requires_grad_(config.train_eyes or not is_of_eyes(name))
        return model
    return with_lora(loaded.model, config.lora_rank, config.start, None if config.train_eyes else OF_EYES)


def _about(found: Rows) -> str:
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
    toml_command.end("rl.sft", __doc__, SftConfig, main)
