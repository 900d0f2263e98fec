"""What all trainings on runs that were played before do alike: which weights they train, their steps, their log."""

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
"""Of the learning rate, at the end."""

Found = TypeVar("Found")


class Logged(Protocol):
    """A step as a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Kept = TypeVar("Kept", bound=Logged)


@dataclass(frozen=True)
class WeightUpdate:
    """What a step did to the weights."""

    step: int
    """From 1."""
    norm: float
    """Of the gradient, before it was clipped."""
    learning_rate: float
    seconds: float


def with_lora(model: Any, rank: int, start: str = "", exclude: str | None = None) -> Any:
    """The model with the adapter that is trained: one to go on with, or one that changes nothing yet.

    Args:
        model: as it is loaded.
        rank: of a new one.
        start: an adapter to go on with, as `agent.adapters.adapter_folder` takes it; its rank is its own.
        exclude: pattern of the layers that a new one leaves as they are.

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
    """The steps, one after another, as they are done, by AdamW.

    Args:
        model: of which all that has a gradient is trained.
        config: of the training.
        count: of what is learned from.
        at_once: how many of these a step takes.
        gradient: leaves the gradient of those with these numbers in the model.
        weight_decay: of AdamW.
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
    """The share of the learning rate at a step, from 0: up in a line, then down along a cosine."""
    warmup = max(1, round(steps * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return _LAST_SHARE + (1 - _LAST_SHARE) * (1 + math.cos(math.pi * done)) / 2


def precision(model: Any, config: OnRuns) -> torch.autocast:
    """Within, products are in the precision that the training wants."""
    return torch.autocast(model.device.type, torch.bfloat16, enabled=config.precision == "bfloat16")


def logged(done: Iterable[Kept], out: Path) -> Iterator[Kept]:
    """The same steps; each is a line of the log in this folder before the next one begins."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOG).open("w", encoding="utf-8") as log:
        for step in done:
            log.write(json.dumps(asdict(step)) + "\n")
            log.flush()
            yield step


def save_around(model: str, out: Path) -> None:
    """Writes what a model needs besides its weights: the tokenizer, and the image processor of one that sees."""
    card = read_model_files(model)
    card.tokenizer.save_pretrained(out)
    if card.image_token_id is not None:
        pictures: Any = AutoImageProcessor.from_pretrained(model, trust_remote_code=False)  # type: ignore[no-untyped-call]
        pictures.save_pretrained(out)
