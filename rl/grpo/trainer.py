"""GRPO over rollouts of the agent's loop: the one file that knows TRL.

`_generate` gives TRL rollouts of the graph; its advantages are replaced by those of our presets, turn by turn; its
image processor hands on references to the pictures that the model saw when it sampled. TRL keeps the loss, except
Reg-GRPO's, the optimiser and the checkpoints. `rollout_func`, TRL's own hook, drops the pictures of a rollout without a
word.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property, partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list, gather_object  # type: ignore[import-untyped]
from datasets import Dataset  # type: ignore[import-not-found,import-untyped,unused-ignore]
from transformers import AutoImageProcessor, PrinterCallback, ProcessorMixin
from trl import (  # type: ignore[import-not-found,import-untyped,attr-defined,unused-ignore]
    GRPOConfig,
    GRPOTrainer,
)

from agent.adapters import add_adapter
from agent.policies.local.image_processing import JpegImage, QwenImageProcessor
from agent.policies.local.loading import Loaded, choose_device, load_weights
from agent.policies.local.model_files import read_model_files
from agent.policies.transformers import find_model
from agent.trajectory import Trajectory
from evals.runner.run_file import TRAJECTORIES, Key, RunFile
from rl.finetune.frozen import freeze
from rl.grpo.blank_image import BlankPicture, drop_empty_pictures
from rl.grpo.config import Lora, Training
from rl.grpo.early_rollouts import EarlyRollouts
from rl.grpo.evaluation import Evaluator
from rl.grpo.minibatches import share_batch
from rl.grpo.open_sampler import make_sync
from rl.grpo.pixels import PixelsByReference
from rl.grpo.prefetch import VideoPrefetcher
from rl.grpo.replay_buffer import ReplayKeeper, TrainingRow
from rl.grpo.rollout import RolloutRunner
from rl.grpo.rows import make_idle_row
from rl.grpo.step_batch import StepBatchBuilder, StepContext, TrainingProgress
from rl.monitor.progress import StepProgress
from rl.monitor.step_log import Say, StepClock, StepLog
from rl.monitor.stopwatch import StageSeconds
from rl.objective.algorithms import Algorithm
from rl.objective.grouped_logprobs import PLACE, restore_order, score_batch
from rl.objective.padding import score_trimmed
from rl.objective.reg_grpo import compute_regression
from rl.processes import process_count
from rl.rewards.preset import Preset
from rl.sampling.sampler import Rollout
from tools import packaged_weights


class ImagesByReference:
    """Image processor for TRL that gives numbers of pictures for their pixels, which each micro-batch makes itself."""

    def __init__(self, pixels: PixelsByReference, merge_size: int) -> None:
        self._pixels = pixels
        self.merge_size = merge_size

    def __call__(self, images: Sequence[JpegImage], return_tensors: str = "pt") -> dict[str, torch.Tensor]:
        """Numbers and grids of all pictures."""
        return self._pixels.refer(images)


class Processor(ProcessorMixin):
    """The processor that TRL expects; `save_pretrained` writes the tokenizer and image processor of the model."""

    def __init__(self, tokenizer: Any, original: Any, pixels: PixelsByReference) -> None:
        self.tokenizer = tokenizer
        self.pixels = pixels
        self.image_processor = ImagesByReference(pixels, original.merge_size)
        self._original = original

    def save_pretrained(self, save_directory: Any, push_to_hub: bool = False, **_: Any) -> None:
        """Writes tokenizer and image processor, so that a checkpoint can be loaded like any model.

        Args:
            save_directory: folder of the checkpoint.
            push_to_hub: ignored; nothing is uploaded.
        """
        self.tokenizer.save_pretrained(save_directory)
        self._original.save_pretrained(save_directory)


class GraphTrainer(GRPOTrainer):  # type: ignore[misc,unused-ignore]
    """Trains the model of a sampler by GRPO on its own rollouts."""

    def __init__(
        self,
        training: Training,
        rollouts: RolloutRunner,
        preset: Preset,
        say: Say,
        held_out: RolloutRunner | None = None,
    ) -> None:
        """Prepares model, optimiser and log; no step is made yet.

        Args:
            training: the training file.
            rollouts: samples the questions.
            preset: the reward.
            say: prints a line a step.
            held_out: plays the questions of the evaluation with the same sampler; None for none.

        Raises:
            ValueError: TRL does not train pictures of this family of models, or the rows of a step can't be shared by
                the processes.
        """
        self._training, self._rollouts, self._preset, self._say = training, rollouts, preset, say
        self._rule = training.update.rule(preset.recipe.group.loss)
        self._drawn: tuple[TrainingRow, ...] = ()
        self._wanted: torch.Tensor | None = None
        self._progress: StepProgress | None = None
        self._clock = clock = StepClock()
        loaded = rollouts.sampler.loaded
        # a sampler whose engine generates has no weights
        model = load_weights(find_model(training.model)) if loaded.model is None else loaded.model
        if training.lora is None:
            freeze(model, training.update.frozen)
            model.float()  # in bfloat16 a small step is rounded away: at 1e-6 nearly all of them

        def told(worth: list[float | None], **_: Any) -> list[float | None]:
            clock.scored()  # TRL rewards when its log-probabilities are there
            return worth

        processor = _make_processor(model.name_or_path, loaded)
        super().__init__(
            model=_load_adapter(model, training.lora),
            args=_make_arguments(training, self._rule, self._trl_loss, is_shuffled=not rollouts.questions.is_in_order),
            reward_funcs=[told],
            train_dataset=Dataset.from_dict({"prompt": list(rollouts.examples)}),
            processing_class=processor,
            peft_config=None if training.lora is None or training.lora.start else _make_adapter_config(training.lora),
        )
        if not loaded.reads_ids_alone:
            for one in (model, self.ref_model) if self.ref_model is not None else (model,):
                seeing = self.accelerator.unwrap_model(one)
                drop_empty_pictures(seeing)
                processor.pixels.attach(seeing)
            if self.accelerator.num_processes > 1:
                BlankPicture(model)
        on_gpu = self.accelerator.device.type == "cuda" and self.accelerator.is_local_main_process
        self._ahead = VideoPrefetcher(rollouts.warm, self.order(), training.questions) if on_gpu else None
        if self.accelerator.device.type == "cuda":
            rollouts.sampler.autocast = self.accelerator.autocast  # weights in float32 would sample at half the speed
        self._early = EarlyRollouts(rollouts) if training.engine.one_step_off_policy else None
        self._epochs = self._get_train_sampler(self.train_dataset)
        self._coming: list[str] = []
        self._sync = make_sync(training, rollouts.sampler, self.accelerator)
        self._synced: int | None = None
        # TRL corrects a loss for a sampler's probabilities only where it believes that it has begun vLLM itself; where
        # the model samples without autocast, those of a loss in bfloat16 differ as well
        is_rounded = rollouts.sampler.is_half or (self.args.bf16 and rollouts.sampler.autocast is nullcontext)
        self.use_vllm = self._sync is not None or is_rounded
        # with tools TRL counts a run's pictures by its tokens; given earlier, it would also want its own chat templates
        self.tools = [_never_called]
        self.remove_callback(PrinterCallback)  # prints the log a second time, on stdout
        context = StepContext(
            self._played, self._run_shuffled, rollouts.examples, is_in_order=rollouts.questions.is_in_order
        )
        place = self.accelerator.process_index
        self._drawing = StepBatchBuilder(
            training, preset, context, self._tokenizer.pad_token_id, self._gather_items, place
        )
        if training.sampling.replay_groups:
            self.add_callback(ReplayKeeper(self._drawing.replay, place))
        if self.accelerator.is_main_process:
            self._progress = progress = StepProgress(say)
            rollouts.on_run = lambda done, of: progress(self.state.global_step + 1, "runs played", done, of)
        self.steps = StepLog(training.out, clock, self._record, say, training.alarms, _broadcast_first)
        self.add_callback(self.steps)
        if held_out is not None and training.evaluation is not None:
            ranks = self.accelerator.process_index, self.accelerator.num_processes
            every, count = training.evaluation.every, training.evaluation.count
            examples = dict(islice(held_out.examples.items(), count))
            play = partial(self._play_held_out, held_out)
            self.add_callback(Evaluator(examples, every, play, self._gather_items, self._record, ranks))

    @property
    def _trl_loss(self) -> str:
        """Name of the loss that TRL computes."""
        return self._rule.loss

    def _generate(self, prompts: list[str]) -> tuple[Any, ...]:
        """Rollouts of the graph in place of completions; a prompt is the id of a question."""
        if self._early is not None:
            self._clock.played(StageSeconds(generate=self._early.wait()))
        with self._rollouts.sampler.awake():
            self._sync_weights()
            drawn = self._drawing(prompts, TrainingProgress(self.state.global_step, self.state.max_steps))
        self._rollouts.sampler.forget()
        self._clock.end_batch()
        for name, value in drawn.measures.items():
            self._record(name, value)
        if self.accelerator.is_main_process:
            for warning in drawn.warnings:
                self._say(f"step {self.state.global_step + 1}: {warning}")
        self._drawn = drawn.runs
        if self._ahead is not None:
            self._ahead.played(self.state.global_step // self._training.updates_a_batch + 1)
        self._start_next(len(prompts))
        rows = [make_idle_row(self._tokenizer.pad_token_id) if self._is_idle(run) else run.row for run in drawn.runs]
        pictures = [list(row.pictures) for row in rows]
        return (
            [list(row.prompt) for row in rows],
            [list(row.completion) for row in rows],
            [list(row.mask) for row in rows],
            [run.ending for run in drawn.runs],
            # where the very model in training samples in the same precision, these are the probabilities of the loss
            [list(row.logprobs) for row in rows] if self.use_vllm else None,
            {"worth": [run.worth for run in drawn.runs]},
            pictures if any(pictures) else None,
            pictures,
        )

    def _start_next(self, rows: int) -> None:
        """Begins to sample the next step's rollouts of this process, which has so many, if that is wanted."""
        updates = self._training.updates_a_batch
        step = self.state.global_step + updates
        if self._early is None or step >= self.state.max_steps:
            return
        asked = self._foresee(step // updates)
        every = [question for question in asked for _ in range(self._training.generations)]
        first = self.accelerator.process_index * rows
        self._early.start(self._drawing.list_keys(every[first : first + rows], step), self.state.global_step)

    def _foresee(self, number: int) -> list[str]:
        """Question ids of a batch of rollouts over all processes, from 0, as the sampler of TRL will come to them."""
        start = number * self._training.questions
        while len(self._coming) <= start:
            self._coming += self._list_epoch(self._epochs)
        return self._coming[start : start + self._training.questions]

    def _is_idle(self, run: TrainingRow) -> bool:
        """Whether the gradient of a rollout is 0 (no advantage, no KL term), so that it need not be computed."""
        return self._rule.skips_idle and self.beta == 0 and run.row.is_trained_on and not any(run.push or ())

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        """The inputs of the loss, with the preset's advantages of turns in place of TRL's own."""
        scored: dict[str, Any] = super()._generate_and_score_completions(inputs)
        runs, like = self._drawn, scored["completion_ids"]
        idle = [self._is_idle(run) for run in runs]
        pairs = list(zip(runs, idle, strict=True))
        # tokens that are not computed count in the mean all the same
        saved = torch.tensor(sum(sum(run.row.mask) for run, is_idle in pairs if is_idle), device=like.device)
        ours = {
            PLACE: torch.arange(len(runs), device=like.device),
            "advantages": _pad_rows(
                [() if is_idle else run.row.spread_over_tokens(run.push) for run, is_idle in pairs], like
            ),
            "num_items_in_batch": scored["num_items_in_batch"] + self.accelerator.gather(saved).sum(),
        }
        is_old = torch.tensor([run.born is not None for run in runs], device=like.device)
        if is_old.any():
            sampled = _pad_rows([() if is_idle else run.row.logprobs for run, is_idle in pairs], like)
            before = scored.get("old_per_token_logps", sampled)
            ours["old_per_token_logps"] = torch.where(is_old[:, None], sampled, before)
            if "importance_sampling_ratio" in scored:  # theirs is in the ratio that is clipped
                engines: torch.Tensor = scored["importance_sampling_ratio"]
                ours["importance_sampling_ratio"] = engines.masked_fill(is_old[:, None], 1.0)
        return scored | ours

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """The next micro-batch; where prompts are computed once, rows of a group are brought together again."""
        has_drawn = self._drawn
        inputs = super()._prepare_inputs(generation_batch)
        if self._drawn is not has_drawn and self._shares_prompts:
            buffered: Any = self._buffered_inputs
            self._buffered_inputs = buffered = restore_order(buffered)  # type: ignore[assignment,unused-ignore]
            inputs = buffered[self._step % len(buffered)]
        return inputs

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """TRL's loss, on the policy tokens alone where that changes nothing."""
        # where older probabilities are compared with, what is not scored would differ from them
        self._wanted = None if "old_per_token_logps" in inputs or self.beta else _mask_policy_tokens(inputs)
        try:
            loss: torch.Tensor = super()._compute_loss(model, inputs)  # type: ignore[no-untyped-call,unused-ignore]
        finally:
            self._wanted = None
        self._tell_progress()
        return loss

    def _tell_progress(self) -> None:
        """Says how much of the update is done, in the first process."""
        if self._progress is not None:
            batches = self.args.gradient_accumulation_steps
            self._progress(self.state.global_step + 1, "parts of the update", self._step % batches + 1, batches)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        *arguments: Any,
        **named: Any,
    ) -> Any:
        """Log-probabilities and entropies, each (rows, completion tokens); a prompt that rows share is computed once.

        Left to TRL where pictures are seen, and for several processes, whose gradients meet in the wrapped model; but
        for columns that are padding.
        """
        if not self._shares_prompts:
            score = super()._get_per_token_logps_and_entropies
            return score_trimmed(score, model, input_ids, attention_mask, logits_to_keep, *arguments, **named)
        with self.accelerator.autocast():
            policy = self.accelerator.unwrap_model(model)
            return *score_batch(policy, input_ids, attention_mask, logits_to_keep, self.temperature, self._wanted), None

    @property
    def _shares_prompts(self) -> bool:
        return self._rollouts.sampler.loaded.reads_ids_alone and self.accelerator.num_processes == 1

    def order(self) -> list[str]:
        """Question ids in the order of the first epoch."""
        return self._list_epoch(self._get_train_sampler(self.train_dataset))

    def _list_epoch(self, epoch: Iterable[int]) -> list[str]:
        ids = list(self._rollouts.examples)
        return [ids[number] for number in dict.fromkeys(epoch)]

    def _sync_weights(self) -> None:
        """Sends weights to the sampler where it does not sample with the model in training and has older ones."""
        sampler = self._rollouts.sampler
        if (self._sync is None and not sampler.is_half) or self._synced == self.state.global_step:
            return
        with self._clock.syncing():
            if self._sync is None:
                sampler.follow()
            else:
                self._sync(self.model_wrapped, self.state.global_step)
        self._synced = self.state.global_step

    def _played(self, keys: Sequence[Key]) -> list[Rollout]:
        early = None if self._early is None else self._early.take(keys)
        if early is None:
            with self._sample_context():
                rollouts, weights = self._rollouts(keys), self.state.global_step
        else:
            rollouts, weights = early
            self._rollouts.sampler.watch.taken()  # beside the update, whose time it was
        if self._early is not None:
            self._record("sampling/staleness", self.state.global_step - weights)
        if self._training.keep_runs:
            for rollout in rollouts:
                self._kept.add(rollout.trajectory)
        return rollouts

    def _play_held_out(self, runner: RolloutRunner, keys: Sequence[Key]) -> list[Trajectory]:
        """Trajectories of held-out questions by the weights of now."""
        if self._early is not None:
            self._early.wait()
        with runner.sampler.awake():
            self._sync_weights()
            with self._sample_context():
                played = runner(keys)
        runner.sampler.forget()
        return [one.trajectory for one in played]

    @cached_property
    def _kept(self) -> RunFile:
        """The file to which this process writes its trajectories."""
        folder = self._training.out / f"runs-{self.accelerator.process_index}"
        folder.mkdir(parents=True, exist_ok=True)
        return RunFile(folder / TRAJECTORIES)

    def _run_shuffled(self, keys: Sequence[Key]) -> list[Trajectory]:
        with self._sample_context():
            return self._rollouts.shuffled(keys)

    @contextmanager
    def _sample_context(self) -> Iterator[None]:
        model: Any = self.model
        sampler, was_training = self._rollouts.sampler, model.training
        model.eval()  # with checkpoints for gradients, a model in training has no cache
        try:
            yield
        finally:
            model.train(was_training)
        self._clock.played(sampler.watch.taken())

    def _gather_items(self, items: list[Any]) -> list[Any]:
        with self._clock.waiting():
            every: list[Any] = gather_object(items)
        return every

    def _record(self, name: str, value: float) -> None:
        model: Any = self.model
        self._metrics["train" if model.training else "eval"][name].append(value)


class RegGrpoTrainer(GraphTrainer):
    """Trains by Reg-GRPO, which predicts the advantages of a group from the log-ratios of its rollouts."""

    @property
    def _trl_loss(self) -> str:
        return "grpo"  # is not computed

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        """The batch of the step, with the group and the advantage of each row."""
        scored, runs = super()._generate_and_score_completions(inputs), self._drawn
        device, first = scored["completion_ids"].device, self.accelerator.process_index * len(runs)
        return scored | {
            "is_old": torch.tensor([run.born is not None for run in runs], device=device),
            "group": torch.arange(first, first + len(runs), device=device) // self._training.generations,
            "push": torch.tensor([run.push[0] if run.push else 0.0 for run in runs], device=device),
            "counts": torch.tensor([bool(run.push) and run.row.is_trained_on for run in runs], device=device),
        }

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """The next micro-batch; before the first one, the log-ratios of all rows of the step are computed."""
        inputs = super()._prepare_inputs(generation_batch)
        if self._step % self.args.gradient_accumulation_steps == 0:
            batches: Any = self._buffered_inputs
            self._tell_slopes(batches)
            self._clock.scored()
        return inputs

    def _tell_slopes(self, batches: Sequence[dict[str, Any]]) -> None:
        """Adds to each row its share of the regression loss, and the slope of the loss in the row's log-ratio."""
        is_first = self._step // self.args.gradient_accumulation_steps % self.num_iterations == 0
        moved = torch.cat([self._moved(batch, is_first=is_first) for batch in batches])
        told = [torch.cat([batch[name].float() for batch in batches]) for name in ("push", "group", "counts")]
        every = self.accelerator.gather(torch.stack([moved, *told], 1)).double().cpu().numpy()
        shares = compute_regression(
            every[:, 0], every[:, 1], every[:, 2], every[:, 3] > 0, self._preset.recipe.group.epsilon
        )
        first = self.accelerator.process_index * len(moved)
        ours = torch.as_tensor(np.stack([shares.losses, shares.slopes], 1), dtype=torch.float32, device=moved.device)
        ours = ours[first : first + len(moved)] * self.accelerator.num_processes  # whose gradients are averaged
        for batch, part in zip(batches, ours.split([len(batch["push"]) for batch in batches]), strict=True):
            batch["losses"], batch["slopes"] = part.unbind(1)

    def _moved(self, batch: dict[str, Any], *, is_first: bool) -> torch.Tensor:
        """Log-ratio of each rollout since it was sampled, (rows,) float32; before the first update exactly 0."""
        if is_first and not batch["is_old"].any():
            return torch.zeros_like(batch["push"])
        with torch.no_grad():
            since = (self._logps(self.model, batch) - batch["old_per_token_logps"]) * _mask_policy_tokens(batch)
        return torch.where(batch["is_old"], since.sum(1), 0.0) if is_first else since.sum(1)

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """Reg-GRPO's loss: its value is the regression loss, its gradient that of the slopes."""
        logps, chosen_tokens = self._logps(model, inputs), _mask_policy_tokens(inputs)
        pushed = (inputs["slopes"] * (logps * chosen_tokens).sum(1)).sum()
        loss: torch.Tensor = pushed - pushed.detach() + inputs["losses"].sum()
        if self.beta == 0:
            return loss
        away = inputs["ref_per_token_logps"] - logps
        divergence = ((away.exp() - away - 1) * chosen_tokens).sum(1) / chosen_tokens.sum(1).clamp(min=1)
        self._record("kl", divergence.mean().item())
        held: torch.Tensor = self.beta * divergence.mean() / self.current_gradient_accumulation_steps
        return loss + held

    def _logps(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """Log-probabilities of completion tokens, (rows, completion tokens), for inputs as the loss is given them."""
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
        mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
        names = ("pixel_values", "image_grid_thw", "num_images", "mm_token_type_ids")
        seen = {name: inputs.get(name) for name in names}
        kept = inputs["completion_ids"].size(1)
        found: torch.Tensor = self._get_per_token_logps_and_entropies(model, ids, mask, kept, **seen)[0]
        return found


def trainer_class(training: Training, preset: Preset) -> type[GraphTrainer]:
    """The trainer for the algorithm of a training with this preset."""
    return RegGrpoTrainer if training.update.rule(preset.recipe.group.loss).loss == "regression" else GraphTrainer


def _broadcast_first(found: Any) -> Any:
    [shared] = broadcast_object_list([found])
    return shared


def _never_called() -> None:
    """Never called: tools are called by the graph."""


def _pad_rows(rows: Sequence[Sequence[float]], like: torch.Tensor) -> torch.Tensor:
    """Rows padded with 0 at the end to the shape of `like`, (rows, completion tokens) float32."""
    filled = torch.zeros_like(like, dtype=torch.float32)
    for place, row in zip(filled, rows, strict=True):
        place[: len(row)] = torch.tensor(row)
    return filled


def _mask_policy_tokens(inputs: dict[str, Any]) -> torch.Tensor:
    chosen_tokens: torch.Tensor = inputs["completion_mask"] * inputs["tool_mask"]
    return chosen_tokens


def _make_processor(place: str, loaded: Loaded) -> Any:
    tokenizer = read_model_files(place).tokenizer
    if loaded.reads_ids_alone:
        return tokenizer
    if not isinstance(loaded.eyes, QwenImageProcessor):
        raise ValueError(f"{place}: pictures are trained for models of the Qwen-VL shape only; take one of those")
    pictures: Any = AutoImageProcessor.from_pretrained(place, trust_remote_code=False)  # type: ignore[no-untyped-call]
    return Processor(tokenizer, pictures, PixelsByReference(loaded.eyes))


def _load_adapter(model: Any, lora: Lora | None) -> Any:
    """The model with the adapter that training continues from, if there is one."""
    if lora is None or not lora.start:
        return model
    return add_adapter(model, lora.start, is_trainable=True)


def _make_adapter_config(lora: Lora) -> Any:
    from peft import LoraConfig  # type: ignore[import-not-found,import-untyped,unused-ignore]

    alpha: Any = lora.alpha  # peft types it as int, and only multiplies with it
    return LoraConfig(r=lora.rank, lora_alpha=alpha, target_modules=lora.targets, task_type="CAUSAL_LM")


def _make_arguments(training: Training, rule: Algorithm, trl_loss: str, *, is_shuffled: bool) -> GRPOConfig:
    update = training.update
    device = choose_device()
    share = share_batch(training, process_count())
    return GRPOConfig(
        output_dir=str(training.out),
        max_steps=training.steps,
        num_generations=training.generations,
        per_device_train_batch_size=training.rows_at_once,
        steps_per_generation=share.batch,
        gradient_accumulation_steps=share.update,
        num_iterations=update.passes,
        loss_type=trl_loss,
        importance_sampling_level=rule.ratio,
        vllm_importance_sampling_mode=training.engine.correction,
        vllm_importance_sampling_clip_max=training.engine.correction_limit,
        epsilon=rule.clip_low,
        epsilon_high=rule.clip_high,
        beta=update.kl,
        scale_rewards="none",  # its advantages are replaced
        max_completion_length=training.max_sampled_tokens,  # by which dr_grpo divides
        temperature=training.play.temperature,
        learning_rate=update.learning_rate,
        lr_scheduler_type=update.schedule,
        warmup_steps=update.warmup_steps,
        max_grad_norm=update.max_grad_norm,
        gradient_checkpointing=update.gradient_checkpointing,
        # TRL's own would take pictures out of the attention and keep their pixels; `rl.grpo.rows` does it
        mask_truncated_completions=False,
        log_multimodal=False,
        bf16=device.type == "cuda" if update.precision is None else update.precision == "bfloat16",
        shuffle_dataset=is_shuffled,
        use_cpu=device.type == "cpu",
        seed=training.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,  # it would write the mean of the steps before in place of a loss that is none
        report_to=_list_reporters(training.trackers),
        run_name=training.out.name,
        disable_tqdm=True,
        save_steps=training.save_every,
        save_total_limit=training.keep,
    )


def _list_reporters(wanted: Sequence[str] | None) -> list[str]:
    if wanted is not None:
        return list(wanted)
    return ["tensorboard"] if packaged_weights.is_installed("tensorboard") else []
