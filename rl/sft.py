"""Supervised training on trajectories: the cold start of a policy, on its own tokens only.

python -m rl.sft rl/configs/run1/sft.toml

A model that sees is shown the pictures of each run, as when it plays. Plain PyTorch, one device. Writes a LoRA adapter
that `agent ask --adapter` takes, or the whole model, and `log.jsonl`.
"""

import importlib
import json
import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoImageProcessor

from agent.backends.card import read_card
from agent.backends.loading import Loaded, load
from agent.backends.transformers import folder_of
from rl import sheet_command
from rl.imitated import Row, Rows, read_rows
from rl.picture_loss import OF_EYES, is_of_eyes
from rl.picture_loss import loss_of as picture_loss
from rl.policy_loss import Loss, policy_loss
from rl.sft_config import SftConfig
from rl.words import specs_of
from tools import packaged
from tools.observation import MissingPartError

LossOf = Callable[[Any, Sequence[Row]], Loss]

LOG = "log.jsonl"
_LAST_SHARE = 0.1
"""Of the learning rate, at the end."""


@dataclass(frozen=True)
class Step:
    """One step of training, as the log has it."""

    step: int
    loss: float
    """Mean over the policy's tokens, natural logarithm."""
    tokens: int
    """That the loss counts."""
    norm: float
    """Of the gradient, before it was clipped."""
    learning_rate: float
    seconds: float


def main(config: SftConfig, say: Callable[[str], None] = lambda _: None) -> list[Step]:
    """Trains, and writes what was learned; gives back the steps.

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
    steps = []
    config.out.mkdir(parents=True, exist_ok=True)
    with (config.out / LOG).open("w", encoding="utf-8") as log:
        for step in train(model, found.rows, config, loss_of):
            steps.append(step)
            log.write(json.dumps(asdict(step)) + "\n")
            log.flush()
            say(f"step {step.step}: loss {step.loss:.4f}, norm {step.norm:.2f}, {step.seconds:.1f} s")
    model.save_pretrained(config.out)
    if not config.lora_rank:  # whole models are loaded with what stands around them, adapters with that of the model
        save_around(folder, config.out)
    return steps


def train(model: Any, rows: Sequence[Row], config: SftConfig, loss_of: LossOf = policy_loss) -> Iterator[Step]:
    """The steps, one after another, as they are done."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=config.weight_decay)
    batches = list(_batches(rows, config))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda n: share_of_rate(n, len(batches), config.warmup_share)
    )
    model.train()
    for number, batch in enumerate(batches, start=1):
        started = time.perf_counter()
        rate = float(schedule.get_last_lr()[0])
        loss, tokens = _gradients(model, batch, config, loss_of)
        norm = float(torch.nn.utils.clip_grad_norm_(weights, config.max_norm))
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        yield Step(number, loss, tokens, norm, rate, time.perf_counter() - started)
    model.eval()


def _gradients(model: Any, batch: Sequence[Row], config: SftConfig, loss_of: LossOf) -> tuple[float, int]:
    """Leaves the gradient of the mean over the policy's tokens of the batch; gives back that mean, and their number."""
    is_half, at_once = config.precision == "bfloat16", config.rows_at_once
    tokens = sum(sum(row.is_policy[1:]) for row in batch)
    total = 0.0
    # those of a length together, so that little is padded
    ordered = sorted(batch, key=lambda row: len(row.ids))
    for start in range(0, len(ordered), at_once):
        with torch.autocast(model.device.type, torch.bfloat16, enabled=is_half):
            loss = loss_of(model, ordered[start : start + at_once])
        (loss.total / tokens).backward()  # type: ignore[no-untyped-call]
        total += float(loss.total.detach())
    return total / tokens, tokens


def _batches(rows: Sequence[Row], config: SftConfig) -> Iterator[list[Row]]:
    rng = random.Random(config.seed)
    drawn = [row for _ in range(config.epochs) for row in rng.sample(rows, len(rows))]
    steps = math.ceil(len(drawn) / config.rows_a_step)
    for number in range(min(steps, config.max_steps or steps)):
        yield drawn[number * config.rows_a_step : (number + 1) * config.rows_a_step]


def share_of_rate(step: int, steps: int, warmup_share: float) -> float:
    """The share of the learning rate at a step, from 0: up in a line, then down along a cosine."""
    warmup = max(1, round(steps * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return _LAST_SHARE + (1 - _LAST_SHARE) * (1 + math.cos(math.pi * done)) / 2


def _prepared(loaded: Loaded, config: SftConfig) -> Any:
    if not config.lora_rank:
        model = loaded.model.float()  # loaded in half precision on a GPU, where small steps would be rounded away
        for name, weight in model.named_parameters():
            weight.requires_grad_(config.train_eyes or not is_of_eyes(name))
        return model
    if not packaged.is_installed("peft"):
        raise MissingPartError("peft is not installed, which LoRA needs: run `pip install 'videosleuth[rl]'`")
    peft: Any = importlib.import_module("peft")
    if config.start:
        return peft.PeftModel.from_pretrained(loaded.model, config.start, is_trainable=True)
    settings = peft.LoraConfig(
        r=config.lora_rank,
        lora_alpha=2 * config.lora_rank,
        target_modules="all-linear",
        exclude_modules=None if config.train_eyes else OF_EYES,
        task_type="CAUSAL_LM",
    )
    return peft.get_peft_model(loaded.model, settings)


def save_around(model: str, out: Path) -> None:
    """Writes what a model needs besides its weights: the tokenizer, and the image processor of one that sees."""
    card = read_card(model)
    card.tokenizer.save_pretrained(out)
    if card.image_token_id is not None:
        pictures: Any = AutoImageProcessor.from_pretrained(model)  # type: ignore[no-untyped-call]
        pictures.save_pretrained(out)


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
    sys.exit(sheet_command.run("rl.sft", SftConfig, main))
