"""Trainings on runs that were played before, by `transformers.Trainer`: which weights, and the steps on them.

The trainer brings schedule, accumulation, checkpoints and several processes. Losses are ours, on rows as they are, and
so is the log.
"""

import importlib
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from transformers import (
    AutoImageProcessor,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from agent.adapters import put_on
from agent.policies.local.loading import best_device
from agent.policies.local.model_files import read_model_files
from rl.checkpoints import check_same, last_checkpoint
from rl.finetune.config import OnRuns
from rl.monitor.log import LOG, without_cut_line
from rl.processes import is_first_process, process_count
from tools import packaged_weights
from tools.observation import MissingPartError

TERMS = "training.json"
_LAST_SHARE = 0.1
"""Of the learning rate, at the end."""

Found = TypeVar("Found")
Part = Mapping[str, Any]
"""What goes through the model at once, as the loss takes it."""


class LoggedStep(Protocol):
    """A step as a dataclass: `step`, `loss`, `norm`, `learning_rate`, `seconds`, and what its training measures."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Kept = TypeVar("Kept", bound=LoggedStep)


class RunTrainer(Trainer, Generic[Kept]):
    """Trains in steps that are laid out beforehand; a subclass has the loss of a part of one."""

    def __init__(
        self,
        model: Any,
        config: OnRuns,
        steps: Sequence[Sequence[Part]],
        kind: Callable[..., Kept],
        keep: Callable[[Kept], None],
        weight_decay: float = 0.0,
    ) -> None:
        """Trains nothing yet.

        Args:
            model: of which all that has a gradient is trained.
            config: of the training.
            steps: the parts of each step, in order; the last one may have fewer than the others.
            kind: makes what is logged of a step, by the names of `LoggedStep`.
            keep: is handed each step when it is done.
            weight_decay: of AdamW.

        Raises:
            ValueError: the parts of a step can't be shared by the processes.
        """
        if len(steps[0]) % process_count():
            raise ValueError(
                f"the {len(steps[0])} parts of a step can't be shared by {process_count()} processes: take as many "
                "processes as divide them, or fewer rows at once"
            )
        super().__init__(
            model=model,
            args=_arguments(config, len(steps), len(steps[0]) // process_count(), weight_decay),
            data_collator=_only,
            train_dataset=[part for step in steps for part in step],  # type: ignore[arg-type]
        )
        self._config = config
        self.remove_callback(PrinterCallback)  # prints the log on stdout
        self.add_callback(_StepRecorder(config, kind, keep))

    def run(self) -> None:
        """Trains, from the last checkpoint on where there is one."""
        if self._config.save_every is None:
            self.train()
            return
        if is_first_process():
            check_same(self._config.out / TERMS, self._config.model_dump_json(exclude={"out"}, indent=1))
        before = last_checkpoint(self._config.out)
        self.train(resume_from_checkpoint=None if before is None else str(before))

    def measured(self) -> dict[str, float]:
        """What else is logged of the step that is over, over all processes."""
        raise NotImplementedError

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Adds what is measured to what is logged of a step; the summary at the end is none."""
        super().log(logs | self.measured() if "loss" in logs else logs, start_time)

    def through(self, model: Any, found: Callable[[Any], Found]) -> Found:
        """What a function finds of the model, in the precision of the training.

        It reads parts of the model, such as its layers without its head. Of a model that stands in a wrapper, which
        brings the gradients of processes together, it is called where the wrapper calls the model.
        """
        inner: Any = self.accelerator.unwrap_model(model)
        with precision(inner, self._config):
            if inner is model:
                return found(inner)
            forward = inner.forward

            def instead() -> Found:
                inner.forward = forward
                return found(inner)

            inner.forward = instead
            told: Found = model()
            return told


class _StepRecorder(TrainerCallback, Generic[Kept]):
    """Writes `log.jsonl`: a line a step, before the next one begins."""

    def __init__(self, config: OnRuns, kind: Callable[..., Kept], keep: Callable[[Kept], None]) -> None:
        self._path, self._kind, self._keep = config.out / LOG, kind, keep
        self._since = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Goes on with the log where the training goes on."""
        if state.is_world_process_zero:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if state.global_step:
                without_cut_line(self._path)
            else:
                self._path.write_text("", encoding="utf-8")

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Starts the clock."""
        self._since = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, **told: Any) -> None:
        """Keeps a step."""
        logs: dict[str, Any] = dict(told["logs"])
        if "loss" not in logs:
            return
        del logs["epoch"]
        seconds = time.perf_counter() - self._since
        step = self._kind(step=state.global_step, norm=logs.pop("grad_norm"), seconds=seconds, **logs)
        if state.is_world_process_zero:
            with self._path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(asdict(step)) + "\n")
        self._keep(step)


def draw_steps(items: Sequence[Found], at_once: int, config: OnRuns) -> list[list[Found]]:
    """What each step learns from: every epoch draws all in an order of its own, and the last step has the rest.

    Args:
        items: what is learned from.
        at_once: how many of them a step takes.
        config: of the training.
    """
    rng = random.Random(config.seed)
    drawn = [item for _ in range(config.epochs) for item in rng.sample(items, len(items))]
    return [drawn[start : start + at_once] for start in range(0, len(drawn), at_once)][: config.max_steps]


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


def precision(model: Any, config: OnRuns) -> torch.autocast:
    """Within, products are in the precision that the training wants."""
    return torch.autocast(model.device.type, torch.bfloat16, enabled=config.precision == "bfloat16")


def save_around(model: str, out: Path) -> None:
    """Writes what a model needs besides its weights: the tokenizer, and the image processor of one that sees."""
    card = read_model_files(model)
    card.tokenizer.save_pretrained(out)
    if card.image_token_id is not None:
        pictures: Any = AutoImageProcessor.from_pretrained(model, trust_remote_code=False)  # type: ignore[no-untyped-call]
        pictures.save_pretrained(out)


def _arguments(config: OnRuns, steps: int, parts: int, weight_decay: float) -> TrainingArguments:
    made = TrainingArguments(
        output_dir=str(config.out),
        num_train_epochs=1,  # the steps of all epochs are laid out
        train_sampling_strategy="sequential",
        per_device_train_batch_size=1,
        gradient_accumulation_steps=parts,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine_warmup_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": _LAST_SHARE},
        warmup_steps=max(1, round(steps * config.warmup_share)),
        optim="adamw_torch",
        weight_decay=weight_decay,
        max_grad_norm=config.max_norm,
        save_strategy="no" if config.save_every is None else "steps",
        save_steps=config.save_every or 0,
        save_total_limit=1,
        logging_steps=1,
        logging_nan_inf_filter=False,  # it would write the mean of the steps before in place of a loss that is none
        report_to="none",
        disable_tqdm=True,
        seed=config.seed,
        use_cpu=best_device().type == "cpu",
        use_cache=True,  # else the model would be saved as one that plays without
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )
    if made.n_gpu > 1:
        made._n_gpu = 1  # a process has one; several GPUs are for several processes
    return made


def _only(parts: Sequence[Part]) -> dict[str, Any]:
    [part] = parts
    return dict(part)
