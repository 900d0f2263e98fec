"""GRPO over runs of the game: the one file that knows TRL, of which `_generate` alone is replaced.

What TRL would generate are runs of the graph; what it would reward are their advantages, by our presets; its image
processor hands on the pixels that the model saw when it played. TRL is left with log-probabilities, loss, optimiser
and checkpoints. `rollout_func`, its own way in, drops the pictures of a run without a word.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object  # type: ignore[import-untyped]
from datasets import Dataset  # type: ignore[import-not-found,import-untyped,unused-ignore]
from transformers import AutoImageProcessor, PrinterCallback, ProcessorMixin
from trl import GRPOConfig, GRPOTrainer  # type: ignore[import-not-found,import-untyped,unused-ignore]

from agent.backends.card import read_card
from agent.backends.loading import best_device
from agent.backends.vision import Eyes, QwenEyes, Seen
from agent.trajectory import from_json, to_json
from rl.groups import Judged, judged
from rl.measures import measured
from rl.preset import Preset
from rl.rollout import Rollout, Rollouts
from rl.rows import row_of
from rl.step_log import Say, StepClock, StepLog
from rl.training import Lora, Training


class AsSeen:
    """Stands where TRL looks for an image processor; the pictures have been prepared when they were first shown."""

    def __init__(self, eyes: QwenEyes, merge_size: int) -> None:
        self._eyes = eyes
        self.merge_size = merge_size

    def __call__(self, images: Sequence[Seen], return_tensors: str = "pt") -> dict[str, torch.Tensor]:
        """Pixels and grids of all pictures, behind each other."""
        return self._eyes.gather([images])


class Processor(ProcessorMixin):
    """What TRL takes for a processor; saved, it's the tokenizer and the image processor that the model came with."""

    def __init__(self, tokenizer: Any, original: Any, eyes: QwenEyes) -> None:
        self.tokenizer = tokenizer
        self.image_processor = AsSeen(eyes, original.merge_size)
        self._original = original

    def save_pretrained(self, save_directory: Any, push_to_hub: bool = False, **_: Any) -> None:
        """Writes both, so that a checkpoint can be asked like any model."""
        self.tokenizer.save_pretrained(save_directory)
        self._original.save_pretrained(save_directory)


class GraphTrainer(GRPOTrainer):  # type: ignore[misc]
    """Trains the model that a sampler plays with."""

    def __init__(self, training: Training, rollouts: Rollouts, preset: Preset, say: Say) -> None:
        """Trains nothing yet.

        Args:
            training: how.
            rollouts: plays the questions.
            preset: the reward.
            say: is told a line a step.

        Raises:
            ValueError: a family of models whose pictures TRL does not put into a loss.
        """
        self._training, self._rollouts, self._preset = training, rollouts, preset
        self._clock = clock = StepClock()
        loaded = rollouts.sampler.loaded

        def advantage(push: list[float | None], **_: Any) -> list[float | None]:
            clock.scored()  # TRL rewards when its log-probabilities are there
            return push

        super().__init__(
            model=loaded.model,
            args=_arguments(training),
            reward_funcs=[advantage],
            train_dataset=Dataset.from_dict({"prompt": list(rollouts.examples)}),
            processing_class=_processor(loaded.model.name_or_path, loaded.eyes),
            peft_config=None if training.lora is None else _adapter(training.lora),
        )
        # with tools TRL counts a run's pictures by its tokens; given earlier, it would also want its own chat templates
        self.tools = [_played_by_the_graph]
        self.remove_callback(PrinterCallback)  # prints the log a second time, on stdout
        self.add_callback(StepLog(training.out / "log.jsonl", clock, self._record, say))

    def _generate(self, prompts: list[str]) -> tuple[Any, ...]:
        """Runs of the graph in place of completions; a prompt is the id of a question."""
        keys = self._keys(prompts)
        rollouts = self._played(keys)
        max_tokens, mask_cut = self._training.update.max_tokens, self._training.update.mask_cut
        filler = self._tokenizer.pad_token_id
        rows = [row_of(rollout, filler, max_tokens, mask_cut=mask_cut) for rollout in rollouts]
        pushes, measures = self._judged(prompts, rollouts)
        for name, value in {**measures, **measured(rollouts, rows)}.items():
            self._record(name, value)
        pictures = [list(row.pictures) for row in rows]
        return (
            [list(row.prompt) for row in rows],
            [list(row.completion) for row in rows],
            [list(row.mask) for row in rows],
            [_ending(rollout) for rollout in rollouts],
            None,  # the sampler is the model itself: its log-probabilities are those of the loss
            {"push": pushes},
            pictures if any(pictures) else None,
            pictures,
        )

    def _keys(self, prompts: Sequence[str]) -> list[tuple[str, int]]:
        """The runs to play: no sample twice in a training, and the same ones after it was resumed."""
        per_step = self.args.gradient_accumulation_steps
        batch = self.state.global_step * per_step + self._step % per_step
        first = self.accelerator.process_index * len(prompts)
        group = self.num_generations
        return [(key, batch * group + (first + n) % group) for n, key in enumerate(prompts)]

    def _played(self, keys: Sequence[tuple[str, int]]) -> list[Rollout]:
        sampler, was_training = self._rollouts.sampler, self.model.training
        started, generating = time.perf_counter(), sampler.generating_seconds
        self.model.eval()  # with checkpoints for gradients, a model in training has no cache
        try:
            rollouts = self._rollouts(keys)
        finally:
            self.model.train(was_training)
        self._clock.played(time.perf_counter() - started, sampler.generating_seconds - generating)
        return rollouts

    def _judged(self, prompts: Sequence[str], rollouts: Sequence[Rollout]) -> tuple[list[float | None], Any]:
        """The pushes of these runs, by whole groups, whose other runs may be with other processes."""
        every_prompt = gather_object(list(prompts))
        every_run = [from_json(text) for text in gather_object([to_json(r.trajectory) for r in rollouts])]
        examples = [self._rollouts.examples[key] for key in every_prompt]
        step, group = self.state.global_step, self.num_generations
        preset = self._preset.at(min(1.0, step / max(1, self.state.max_steps)))
        noise = np.random.default_rng([self._training.seed, step, self._step])
        found: Judged = judged(preset, examples, every_run, group, noise)
        first = self.accelerator.process_index * len(prompts)
        return list(found.pushes[first : first + len(prompts)]), found.measures

    def _record(self, name: str, value: float) -> None:
        self._metrics["train" if self.model.training else "eval"][name].append(value)


def _played_by_the_graph() -> None:
    """Never called: tools are called by the graph."""


def _ending(rollout: Rollout) -> str:
    """What TRL keeps of a run for its own log."""
    answer = rollout.trajectory.answer
    return answer.text if answer is not None else f"({rollout.trajectory.stop})"


def _processor(place: str, eyes: Eyes | None) -> Any:
    tokenizer = read_card(place).tokenizer
    if eyes is None:
        return tokenizer
    if not isinstance(eyes, QwenEyes):
        raise ValueError(f"{place}: pictures are trained for models of the Qwen-VL shape only; take one of those")
    return Processor(tokenizer, AutoImageProcessor.from_pretrained(place), eyes)  # type: ignore[no-untyped-call]


def _adapter(lora: Lora) -> Any:
    from peft import LoraConfig  # type: ignore[import-not-found,import-untyped,unused-ignore]

    return LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=lora.targets, task_type="CAUSAL_LM")


def _arguments(training: Training) -> GRPOConfig:
    update, rule = training.update, training.update.rule()
    device = best_device()
    return GRPOConfig(
        output_dir=str(training.out),
        max_steps=training.steps,
        num_generations=training.generations,
        per_device_train_batch_size=training.rows_at_once,
        gradient_accumulation_steps=training.questions * training.generations // training.rows_at_once,
        num_iterations=update.passes,
        loss_type=rule.loss,
        importance_sampling_level=rule.ratio,
        epsilon=rule.clip_low,
        epsilon_high=rule.clip_high,
        beta=update.kl,
        scale_rewards="none",  # what is given as a reward is an advantage already
        max_completion_length=update.max_tokens,
        temperature=training.play.temperature,
        learning_rate=update.learning_rate,
        lr_scheduler_type=update.schedule,
        warmup_steps=update.warmup_steps,
        max_grad_norm=update.max_grad_norm,
        gradient_checkpointing=update.gradient_checkpointing,
        # TRL's own would take pictures out of the attention and keep their pixels; `rl.rows` does it
        mask_truncated_completions=False,
        log_multimodal=False,
        bf16=device.type == "cuda",
        use_cpu=device.type == "cpu",
        seed=training.seed,
        logging_steps=1,
        report_to=_report_to(),
        disable_tqdm=True,
        save_steps=training.save_every,
        save_total_limit=training.keep,
    )


def _report_to() -> list[str]:
    from tools import packaged

    return ["tensorboard"] if packaged.is_installed("tensorboard") else []
