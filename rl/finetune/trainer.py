"""SFT and DPO by `transformers.Trainer`: the weights that are trained, the order of the data, and the log.

The trainer brings learning rate schedule, gradient accumulation, checkpoints and data parallelism. Losses are ours:
they take conversations, not padded tensors, and compute a common prefix once.
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
from transformers import AutoImageProcessor, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from agent.adapters import add_adapter
from agent.policies.local.loading import choose_device
from agent.policies.local.model_files import read_model_files
from rl.checkpoints import check_same, last_checkpoint
from rl.finetune.config import OnRuns
from rl.monitor.log import LOG, TERMS, remove_cut_line
from rl.processes import is_first_process, process_count
from tools import packaged_weights
from tools.observation import MissingPartError

_LAST_SHARE = 0.1
"""Share of the peak learning rate that is left at the end of the schedule."""

Found = TypeVar("Found")
Part = Mapping[str, Any]
"""A micro-batch, as the loss takes it."""


class LoggedStep(Protocol):
    """A dataclass that describes one step: `step`, `loss`, `norm`, `learning_rate`, `seconds`, and other measures."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Kept = TypeVar("Kept", bound=LoggedStep)


class RunTrainer(Trainer, Generic[Kept]):
    """Trains in steps that are laid out beforehand; a subclass computes the loss of a micro-batch."""

    def __init__(
        self,
        model: Any,
        config: OnRuns,
        steps: Sequence[Sequence[Part]],
        kind: Callable[..., Kept],
        keep: Callable[[Kept], None],
        weight_decay: float = 0.0,
    ) -> None:
        """Prepares the training.

        Args:
            model: the model; all its weights that require a gradient are trained.
            config: options of the training.
            steps: the micro-batches of each step, in order. The last step may have fewer; where processes can't share
                these evenly, the first ones of the training fill it up.
            kind: makes the description of a step, from the names of `LoggedStep`.
            keep: is given each step when it is done.
            weight_decay: AdamW's weight decay, which norms and biases are spared.

        Raises:
            ValueError: the micro-batches of a step can't be shared by the processes.
        """
        if len(steps[0]) % process_count():
            raise ValueError(
                f"the {len(steps[0])} micro-batches of a step can't be shared by {process_count()} processes: their "
                "number must be a multiple"
            )
        super().__init__(
            model=model,
            args=_arguments(config, len(steps), len(steps[0]) // process_count(), weight_decay),
            data_collator=_only,
            train_dataset=[part for step in steps for part in step],
        )
        self._config = config
        self.remove_callback(PrinterCallback)  # prints the log on stdout
        self.add_callback(_StepRecorder(config, kind, keep))

    def run(self) -> None:
        """Trains; continues from the last checkpoint where there is one.

        Raises:
            ValueError: the folder holds another training.
        """
        if self._config.save_every is None:
            self.train()
            return
        if is_first_process():
            check_same(self._config.out / TERMS, self._config.model_dump_json(exclude={"out"}, indent=1))
        before = last_checkpoint(self._config.out)
        self.train(resume_from_checkpoint=None if before is None else str(before))

    def measured(self) -> dict[str, float]:
        """Further measures of the step that has ended, over all processes."""
        raise NotImplementedError

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Adds the further measures to the log of a step; the summary at the end is no step.

        Args:
            logs: what the trainer logs.
            start_time: when the training began, in seconds.
        """
        super().log(logs | self.measured() if "loss" in logs else logs, start_time)

    def through(self, model: Any, found: Callable[[Any], Found]) -> Found:
        """Calls a function with the model, in the precision of the training.

        Losses call parts of the model, such as its layers without its head. Where a wrapper averages the gradients of
        several processes, the function is called inside the forward of the wrapper, which prepares that.
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
    """Writes one line of `log.jsonl` for each step, before the next one begins."""

    def __init__(self, config: OnRuns, kind: Callable[..., Kept], keep: Callable[[Kept], None]) -> None:
        self._path, self._kind, self._keep = config.out / LOG, kind, keep
        self._since = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Continues the log where the training continues; else begins a new one."""
        if state.is_world_process_zero:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if state.global_step:
                remove_cut_line(self._path)
            else:
                self._path.write_text("", encoding="utf-8")

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Starts the clock of the step."""
        self._since = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, **told: Any) -> None:
        """Writes a step to the log and hands it on."""
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
    """The items of each step: every epoch has all of them in an order of its own, and the last step has the rest.

    Args:
        items: the training items.
        at_once: number of items in a step.
        config: options of the training.
    """
    rng = random.Random(config.seed)
    drawn = [item for _ in range(config.epochs) for item in rng.sample(items, len(items))]
    return [drawn[start : start + at_once] for start in range(0, len(drawn), at_once)][: config.max_steps]


def with_lora(model: Any, rank: int, start: str = "", exclude: str | None = None) -> Any:
    """The model with the LoRA adapter that is trained: an existing one, or a new one that changes nothing yet.

    Args:
        model: the model of transformers.
        rank: rank of a new adapter.
        start: an adapter to continue from, as `agent.adapters.find_adapter_folder` takes it; it keeps its rank.
        exclude: pattern of the layers that a new adapter leaves as they are.

    Raises:
        MissingPartError: peft is not installed.
        ValueError: `start` is no adapter of this model.
    """
    if start:
        return add_adapter(model, start, is_trainable=True)
    if not packaged_weights.is_installed("peft"):
        raise MissingPartError(
            f"peft is not installed, which LoRA needs: run `{packaged_weights.make_install_command('rl')}`"
        )
    peft: Any = importlib.import_module("peft")
    settings = peft.LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules="all-linear", exclude_modules=exclude, task_type="CAUSAL_LM"
    )
    return peft.get_peft_model(model, settings)


def precision(model: Any, config: OnRuns) -> torch.autocast:
    """A context in which matrix products have the precision of the training."""
    return torch.autocast(model.device.type, torch.bfloat16, enabled=config.precision == "bfloat16")


def save_around(model: str, out: Path) -> None:
    """Writes the files of a model besides its weights: the tokenizer, and the image processor of one that sees."""
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
        logging_nan_inf_filter=False,  # the filter would log the mean of earlier steps in place of a NaN loss
        report_to="none",
        disable_tqdm=True,
        seed=config.seed,
        use_cpu=choose_device().type == "cpu",
        use_cache=True,  # else the saved configuration would switch the KV cache off
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )
    if made.n_gpu > 1:
        made._n_gpu = 1  # each process has one GPU: DataParallel would scatter what is no tensor
    return made


def _only(parts: Sequence[Part]) -> dict[str, Any]:
    [part] = parts
    return dict(part)
