"""The training loop of SFT and DPO: adapters, optimiser steps, schedule and log."""

import importlib
import json
import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from transformers import AutoImageProcessor

from agent.adapters import put_on
from agent.policies.local.model_files import read_model_files
from rl.finetune.config import OnRuns
from tools import packaged_weights
from tools.observation import MissingPartError

LOG = "log.jsonl"
_LAST_SHARE = 0.1
"""Share of the peak learning rate that is left at the end of the schedule."""

Found = TypeVar("Found")


class Logged(Protocol):
    """A dataclass that describes one step, for the log."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Kept = TypeVar("Kept", bound=Logged)


@dataclass(frozen=True)
class WeightUpdate:
    """The optimiser's part of one training step."""

    step: int
    """Number of the step, from 1."""
    norm: float
    """Norm of the gradient before it was clipped."""
    learning_rate: float
    seconds: float


def with_lora(model: Any, rank: int, start: str = "", exclude: str | None = None) -> Any:
    """The model with the LoRA adapter that is trained: an existing one, or a new one that changes nothing yet.

    Args:
        model: the model of transformers.
        rank: rank of a new adapter.
        start: an adapter to continue from, as `agent.adapters.adapter_folder` takes it; it keeps its rank.
        exclude: pattern of the layers that a new adapter leaves as they are.

    Raises:
        MissingPartError: peft is not installed.
        ValueError: `start` is no adapter of this model.
    """
    if start:
        return put_on(model, start, is_trainable=True)
    if not packaged_weights.is_installed("peft"):
        raise MissingPartError(
            f"peft is not installed, which LoRA needs: run `{packaged_weights.install_command('rl')}`"
        )
    peft: Any = importlib.import_module("peft")
    settings = peft.LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules="all-linear", exclude_modules=exclude, task_type="CAUSAL_LM"
    )
    return peft.get_peft_model(model, settings)


def steps(
    model: Any,
    config: OnRuns,
    count: int,
    at_once: int,
    gradient: Callable[[Sequence[int]], Found],
    weight_decay: float = 0.0,
) -> Iterator[tuple[Found, WeightUpdate]]:
    """Trains by AdamW, and yields each step when it is done, with what `gradient` gave.

    Args:
        model: the model; all its weights that require a gradient are trained.
        config: options of the training.
        count: number of training items.
        at_once: number of items in a step.
        gradient: accumulates the gradient of the items with these numbers in the model.
        weight_decay: AdamW's weight decay.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=weight_decay)
    batches = _batches(count, at_once, config)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda n: share_of_rate(n, len(batches), config.warmup_share)
    )
    for number, batch in enumerate(batches, start=1):
        started, rate = time.perf_counter(), float(schedule.get_last_lr()[0])
        found = gradient(batch)
        norm = float(torch.nn.utils.clip_grad_norm_(weights, config.max_norm))
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        yield found, WeightUpdate(number, norm, rate, time.perf_counter() - started)


def _batches(count: int, at_once: int, config: OnRuns) -> list[list[int]]:
    rng = random.Random(config.seed)
    drawn = [number for _ in range(config.epochs) for number in rng.sample(range(count), count)]
    return [drawn[start : start + at_once] for start in range(0, len(drawn), at_once)][: config.max_steps]


def share_of_rate(step: int, steps: int, warmup_share: float) -> float:
    """The learning rate at a step as a share of its peak: linear warmup, then cosine decay.

    Args:
        step: number of the step, from 0.
        steps: number of all steps.
        warmup_share: share of the steps that warm up, 0..1.
    """
    warmup = max(1, round(steps * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return _LAST_SHARE + (1 - _LAST_SHARE) * (1 + math.cos(math.pi * done)) / 2


def precision(model: Any, config: OnRuns) -> torch.autocast:
    """A context in which matrix products have the precision of the training."""
    return torch.autocast(model.device.type, torch.bfloat16, enabled=config.precision == "bfloat16")


def logged(done: Iterable[Kept], out: Path) -> Iterator[Kept]:
    """Passes steps on, and writes each as a line of the folder's log before the next one begins."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOG).open("w", encoding="utf-8") as log:
        for step in done:
            log.write(json.dumps(asdict(step)) + "\n")
            log.flush()
            yield step


def save_around(model: str, out: Path) -> None:
    """Writes the files of a model besides its weights: the tokenizer, and the image processor of one that sees."""
    card = read_model_files(model)
    card.tokenizer.save_pretrained(out)
    if card.image_token_id is not None:
        pictures: Any = AutoImageProcessor.from_pretrained(model, trust_remote_code=False)  # type: ignore[no-untyped-call]
        pictures.save_pretrained(out)
