"""The first two stages of a model that sees by a connector: alignment, then instructions.

Alignment trains the connector alone: first its tokens are to lie near the vectors of the words of a caption, which
takes no language model and so costs milliseconds a picture; then the language model, frozen, is to write the caption.
Instructions train the connector and a LoRA adapter on answers to questions about videos.
"""

import json
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch.nn import functional

from agent.policies.local.loading import Loaded, load_model
from agent.policies.local.picture_words import FIRST_ID, KEPT, save_connector
from agent.rendering.messages import Conversation, ImageBlock, Message, Text
from agent.trajectory import Reply
from evals.composed.recipe import Split
from rl.finetune.rows import TrainingConversation, read_rows
from rl.finetune.trainer import with_lora
from rl.objective.logprobs import policy_loss
from rl.objective.vision_logprobs import OF_EYES
from rl.options.toml_config import TomlConfig
from rl.small_vlm.look_scenes import ASKED, draw_scene
from rl.small_vlm.pretrain import share_of_rate
from tools.observation import FULL_FRAME, FrameRef

LOG = "log.jsonl"
_SHARPNESS = 16.0
"""Factor on cosines, so that they can be as sure as a probability."""
Count = Annotated[int, Field(ge=1)]
Say = Callable[[str], None]


class AlignSettings(TomlConfig):
    """Options of both stages, apart from their folders."""

    scenes: Annotated[int, Field(ge=1, le=KEPT)] = 6000
    """Captioned pictures of the alignment, whose features are all kept."""
    word_steps: Annotated[int, Field(ge=0)] = 2000
    """Steps of the connector alone."""
    caption_steps: Annotated[int, Field(ge=0)] = 60
    """Steps in which the frozen language model writes captions."""
    instruction_epochs: Count = 1
    pictures_a_step: Count = 64
    """Pictures of a step of the connector alone."""
    rows_a_step: Count = 32
    rows_at_once: Count = 16
    word_rate: Annotated[float, Field(gt=0)] = 1e-3
    caption_rate: Annotated[float, Field(gt=0)] = 3e-4
    instruction_rate: Annotated[float, Field(gt=0)] = 3e-4
    lora_rank: Count = 16
    seed: int = 0


def align(model: Path, out: Path, settings: AlignSettings, say: Say = lambda _: None) -> Path:
    """Stage 1: trains the connector of a folder's model, with all else frozen; gives the new folder.

    Args:
        model: folder of the model.
        out: folder to write.
        settings: options of the stage.
        say: prints a line of progress.

    Raises:
        MissingPartError: a package with weights is not installed.
    """
    loaded = load_model(str(model), 1)
    lessons = [draw_lesson(loaded, settings.seed, number, "train") for number in range(settings.scenes)]
    rows = [lesson.row for lesson in lessons]
    say(f"{len(rows)} pictures are drawn and looked at")
    loaded.model.requires_grad_(False)
    connector = loaded.model.get_input_embeddings().connector.requires_grad_(True)
    with (_begin(model, out) / LOG).open("a", encoding="utf-8") as log:
        words = WordLoss(loaded, lessons)
        by = Schedule(settings.pictures_a_step, settings.word_steps, settings.word_rate, settings.seed)
        _train(connector, words, len(rows), by, log, say)

        def caption(numbers: Sequence[int]) -> torch.Tensor:
            return _mean_loss(loaded.model, [rows[number] for number in numbers], settings.rows_at_once)

        by = Schedule(settings.rows_a_step, settings.caption_steps, settings.caption_rate, settings.seed)
        _train(connector, caption, len(rows), by, log, say)
    save_connector(loaded.model, out)
    return out


def instruct(
    model: Path, runs: Path, out: Path, adapter: Path, settings: AlignSettings, say: Say = lambda _: None
) -> None:
    """Stage 2: trains the connector and an adapter on the answers of runs; writes them to two folders.

    Args:
        model: folder of the aligned model.
        runs: folder of the runs.
        out: folder for the model with its trained connector.
        adapter: folder for the adapter.
        settings: options of the stage.
        say: prints a line of progress.
    """
    loaded = load_model(str(model), 640 * 360)
    rows = read_rows([runs], loaded.scribe, (), 4096, loaded.eyes, 640 * 360).rows
    say(f"{len(rows)} conversations, {max(len(row.ids) for row in rows)} tokens at most")
    tuned = with_lora(loaded.model, settings.lora_rank, exclude=OF_EYES)
    loaded.model.get_input_embeddings().connector.requires_grad_(True)

    def answer(numbers: Sequence[int]) -> torch.Tensor:
        return _mean_loss(tuned, [rows[number] for number in numbers], settings.rows_at_once)

    steps = settings.instruction_epochs * len(rows) // settings.rows_a_step
    with (_begin(model, out) / LOG).open("a", encoding="utf-8") as log:
        by = Schedule(settings.rows_a_step, steps, settings.instruction_rate, settings.seed)
        _train(tuned, answer, len(rows), by, log, say)
    save_connector(loaded.model, out)
    tuned.save_pretrained(adapter)


@dataclass(frozen=True)
class Schedule:
    """How a stage is trained."""

    rows: int
    """Rows, or pictures, of a step."""
    steps: int
    rate: float
    seed: int


@dataclass(frozen=True)
class CaptionLesson:
    """A picture with its caption, as a conversation and as words."""

    row: TrainingConversation
    words: tuple[str, ...]


class WordLoss:
    """The loss of a connector whose tokens are to lie near the vectors of a caption's words, and of no others."""

    def __init__(self, loaded: Loaded, lessons: Sequence[CaptionLesson]) -> None:
        """Collects the words of all captions, and the ids of their pictures."""
        self._embedding = loaded.model.get_input_embeddings()
        self.known = known = sorted({word for lesson in lessons for word in lesson.words})
        ids = torch.tensor([loaded.scribe.ids(" " + word)[0] for word in known])
        with torch.no_grad():
            self._words = functional.normalize(self._embedding(ids), dim=-1)
        self._wanted = torch.tensor([[float(word in lesson.words) for word in known] for lesson in lessons])
        self._ids = torch.tensor([[token for token in lesson.row.ids if token >= FIRST_ID] for lesson in lessons])

    def __call__(self, numbers: Sequence[int]) -> torch.Tensor:
        """The mean loss over pictures and words: whether each is said by the token nearest to it."""
        nearest, wanted = self.find_nearest(numbers), self._wanted[torch.tensor(numbers)]
        return functional.binary_cross_entropy_with_logits(_SHARPNESS * (nearest - 0.5), wanted)

    def find_nearest(self, numbers: Sequence[int]) -> torch.Tensor:
        """The cosine of each word with the token nearest to it, (pictures, words)."""
        tokens = functional.normalize(self._embedding(self._ids[torch.tensor(numbers)]), dim=-1)
        return (tokens @ self._words.T).amax(1)


def _train(
    model: Any,
    loss_of: Callable[[Sequence[int]], torch.Tensor],
    count: int,
    by: Schedule,
    log: Any,
    say: Say,
) -> None:
    """Trains the weights with a gradient by AdamW on rows drawn at random, and logs each step."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=by.rate, weight_decay=0.01)
    rng = random.Random(by.seed)
    left: list[int] = []
    model.train()
    for step in range(by.steps):
        began = time.perf_counter()
        while len(left) < by.rows:
            left += rng.sample(range(count), count)
        numbers, left = left[: by.rows], left[by.rows :]
        for group in optimizer.param_groups:
            group["lr"] = by.rate * share_of_rate(step, by.steps, 0.05)
        loss = loss_of(numbers)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        told = {"step": step + 1, "of": by.steps, "loss": loss.item(), "seconds": time.perf_counter() - began}
        log.write(json.dumps(told) + "\n")
        log.flush()
        if (step + 1) % max(1, by.steps // 20) == 0:
            say(f"step {step + 1} of {by.steps}: loss {told['loss']:.4f}, {told['seconds']:.2f} s")
    model.eval()


def _mean_loss(model: Any, rows: Sequence[TrainingConversation], at_once: int) -> torch.Tensor:
    """The mean loss of the policy's tokens; its gradient is added up already, a few rows at a time."""
    ordered = sorted(rows, key=lambda row: len(row.ids))
    tokens = sum(sum(row.is_policy[1:]) for row in rows)
    total = 0.0
    for start in range(0, len(ordered), at_once):
        share = policy_loss(model, ordered[start : start + at_once]).total / tokens
        share.backward()  # type: ignore[no-untyped-call]
        total += share.item()
    return torch.tensor(total)


def draw_lesson(loaded: Loaded, seed: int, number: int, split: Split) -> CaptionLesson:
    """The scene of a number as a lesson; the model has looked at its picture.

    Args:
        loaded: the model.
        seed: seed of the scenes.
        number: number of the scene.
        split: split of its shape and clips.
    """
    scene = draw_scene(seed, number, split)
    assert loaded.eyes is not None
    shown = Message("user", (ImageBlock(FrameRef(0.0, *scene.picture.size[::-1], FULL_FRAME)), Text("\n" + ASKED)))
    told = Message("assistant", reply=Reply(scene.told))
    tokens = loaded.scribe.write(Conversation((shown, told), ()))
    expanded = tokens.expanded([loaded.eyes.look(scene.picture).span])
    return CaptionLesson(TrainingConversation(expanded.ids, expanded.sampled), scene.words)


def _begin(model: Path, out: Path) -> Path:
    """The folder of a stage, with the files of the model before it and an empty log."""
    shutil.copytree(model, out, dirs_exist_ok=True)
    (out / LOG).write_text("", encoding="utf-8")
    return out
