"""Teaches the eyes to see: a picture of a composed scene, and the line that says what is on it.

    python -m rl.small_vlm.pretrain CONFIG.toml

The text side stays as it is, or has an adapter that is merged at the end. Scenes are drawn as they are needed, of the
side `train` only, and none comes twice. A training that was stopped goes on when the command is given again.
"""

from rl.options import toml_command
from rl.small_vlm import command_lines

if __name__ == "__main__":  # before torch is imported
    toml_command.check_file_first("rl.small_vlm.pretrain", __doc__, command_lines.check_pretraining)

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from agent.policies.local.image_processing import measure_jpeg
from agent.policies.local.loading import Loaded, load_model
from agent.rendering.messages import Conversation, ImageBlock, Message, Text
from agent.trajectory import Reply
from rl.checkpoints import check_same
from rl.finetune.rows import TrainingConversation
from rl.finetune.trainer import save_around, with_lora
from rl.objective.vision_logprobs import OF_EYES, ModelBatch, PictureLoss, batch_loss, is_of_eyes, make_picture_loss
from rl.small_vlm.pretrain_config import PretrainConfig
from rl.small_vlm.scenes import ASKED, Scenes, ShapeScene

LOG, TERMS, STATE = "log.jsonl", "pretrain.json", "state.pt"
_LAST_SHARE = 0.1
"""Share of the peak learning rate that is left at the end of the schedule."""


@dataclass(frozen=True)
class PretrainStep:
    """One training step, as the log has it."""

    step: int
    loss: float
    """Negative log-likelihood in nats, mean over the tokens of the captions."""
    tokens: int
    norm: float
    """Norm of the gradient before it was clipped."""
    learning_rate: float
    seconds: float


def render_scene(scene: ShapeScene) -> Conversation:
    """The conversation that asks a model about a scene."""
    return Conversation((Message("user", (ImageBlock(scene.ref), Text("\n" + ASKED))),), ())


def main(config: PretrainConfig, say: Callable[[str], None] = lambda _: None) -> list[PretrainStep]:
    """Trains the vision encoder and writes the model; gives back the steps that were done now.

    Raises:
        ValueError: the folder holds no model that sees, or `out` holds another training.
        PolicyError: the model can't be had.
        MissingPartError: an adapter without peft.
    """
    if config.pictures_a_step % config.pictures_at_once:
        raise ValueError(
            f"pictures_at_once = {config.pictures_at_once} must divide pictures_a_step = {config.pictures_a_step}"
        )
    check_same(config.out / TERMS, config.model_dump_json(exclude={"out", "workers"}, indent=1))
    torch.manual_seed(config.seed)
    loaded = load_model(config.model, max(config.max_frame_pixels, config.crop_pixels))
    loss = make_picture_loss(loaded)
    if loss is None:
        raise ValueError(f"{config.model} only reads: build one that sees with `python -m rl.small_vlm.build`")
    model = _prepare_model(loaded, config)
    steps = []
    with (config.out / LOG).open("a", encoding="utf-8") as log:
        for step in train(model, Lessons(loaded, loss, config), config):
            steps.append(step)
            log.write(json.dumps(asdict(step)) + "\n")
            log.flush()
            say(f"step {step.step}: loss {step.loss:.4f}, norm {step.norm:.2f}, {step.seconds:.1f} s")
    merged = model.merge_and_unload() if config.text_lora_rank else model
    merged.save_pretrained(config.out)
    save_around(config.model, config.out)
    (config.out / STATE).unlink(missing_ok=True)
    return steps


class Lessons(Dataset[ModelBatch]):
    """Dataset of batches by number, of `pictures_at_once` scenes each."""

    def __init__(self, loaded: Loaded, loss: PictureLoss, config: PretrainConfig) -> None:
        assert loaded.eyes is not None
        self._scribe, self._eyes, self._loss = loaded.scribe, loaded.eyes, loss
        self._scenes = Scenes(config.seed, "train", config.max_frame_pixels, config.crop_pixels)
        self._count = config.pictures_at_once

    def __getitem__(self, number: int) -> ModelBatch:
        rows = [self.row(self._scenes(number * self._count + place)) for place in range(self._count)]
        return self._loss.batch(rows)

    def row(self, scene: ShapeScene) -> TrainingConversation:
        """A training row: a scene with its caption as the reply."""
        answered = (*render_scene(scene).messages, Message("assistant", reply=Reply(scene.told.line)))
        tokens = self._scribe.write(Conversation(answered, ()))
        expanded = tokens.expanded([measure_jpeg(self._eyes, scene.jpeg).span])
        return TrainingConversation(expanded.ids, expanded.sampled, (scene.jpeg,))


def train(model: Any, lessons: Lessons, config: PretrainConfig) -> Iterator[PretrainStep]:
    """Trains the remaining steps, and yields each when it is done.

    Args:
        model: the model with the weights to train.
        lessons: batches by number.
        config: options of the training.
    """
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    optimizer = torch.optim.AdamW(weights.values(), lr=config.learning_rate, weight_decay=config.weight_decay)
    done = _resume(config.out / STATE, weights, optimizer)
    at_once = config.pictures_a_step // config.pictures_at_once
    batches = iter(
        DataLoader(
            lessons,
            batch_size=None,
            sampler=range(done * at_once, config.steps * at_once),
            num_workers=config.workers,
            multiprocessing_context="fork" if config.workers else None,
        )
    )
    model.train()
    for number in range(done, config.steps):
        started = time.perf_counter()
        rate = config.learning_rate * share_of_rate(number, config.steps, config.warmup_share)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss, tokens = _accumulate_gradients(model, [next(batches) for _ in range(at_once)], config)
        norm = float(torch.nn.utils.clip_grad_norm_(weights.values(), config.max_norm))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (number + 1) % config.save_every == 0:
            _keep(config.out / STATE, number + 1, weights, optimizer)
        yield PretrainStep(number + 1, loss, tokens, norm, rate, time.perf_counter() - started)
    model.eval()


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


def _accumulate_gradients(model: Any, batches: list[ModelBatch], config: PretrainConfig) -> tuple[float, int]:
    """Accumulates the gradient of the mean loss over the captions' tokens; gives back loss and number of tokens."""
    tokens = sum(int(batch.wanted[:, 1:].sum()) for batch in batches)
    total = 0.0
    for batch in batches:
        with torch.autocast(model.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            loss = batch_loss(model, batch)
        (loss.total / tokens).backward()  # type: ignore[no-untyped-call]
        total += float(loss.total.detach())
    return total / tokens, tokens


def _prepare_model(loaded: Loaded, config: PretrainConfig) -> Any:
    """The model in float32 with its vision encoder trainable, and an adapter on the text layers if wanted."""
    model = loaded.model.float()
    if config.text_lora_rank:
        model = with_lora(model, config.text_lora_rank, exclude=OF_EYES)
    for name, weight in model.named_parameters():
        weight.requires_grad_(is_of_eyes(name) or "lora_" in name)
    return model


def _keep(path: Path, step: int, weights: dict[str, Any], optimizer: torch.optim.Optimizer) -> None:
    beside = path.with_suffix(".partial")
    kept = {name: weight.detach() for name, weight in weights.items()}
    torch.save({"step": step, "weights": kept, "optimizer": optimizer.state_dict()}, beside)
    beside.replace(path)


def _resume(path: Path, weights: dict[str, Any], optimizer: torch.optim.Optimizer) -> int:
    """Restores weights and optimiser; gives back the number of steps that are done."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location="cpu")
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(state["weights"][name])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


if __name__ == "__main__":
    toml_command.run_toml_command("rl.small_vlm.pretrain", __doc__, PretrainConfig, main)
