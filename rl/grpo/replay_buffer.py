"""Earlier groups that taught something, kept to stand in for groups that teach nothing.

TimeSearch-R replaces groups whose runs are all worth the same from such a buffer. A group comes back with the
advantages it had, and with the log-probabilities under which its tokens were sampled: the ratio to them is what is
clipped, so what has grown too unlikely, or too likely, pushes no more.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from agent.policies.local.image_processing import ProcessedImage
from rl.grpo.rows import RolloutRow


@dataclass(frozen=True)
class TrainingRow:
    """A run as a row, and how it pushes."""

    row: RolloutRow
    push: tuple[float, ...] | None
    """The advantage of each turn; None where the run does not count."""
    worth: float | None
    """Its reward."""
    ending: str
    """What it answered, for the log."""
    born: int | None = None
    """The step that sampled it; None for this one."""


Group = tuple[TrainingRow, ...]


class Replay:
    """The groups that were kept; the oldest make room for the newest."""

    def __init__(self, groups: int, steps: int) -> None:
        """Keeps nothing yet.

        Args:
            groups: to keep at most; their pictures are kept with them.
            steps: after which a group is forgotten.
        """
        self._most, self._steps = groups, steps
        self._kept: list[Group] = []

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, group: Group, step: int) -> None:
        """Takes a group that this step has sampled."""
        self._kept.append(tuple(replace(run, born=step) for run in group))
        self._kept = self._kept[-self._most :] if self._most else []

    def draw(self, count: int, step: int, generator: np.random.Generator) -> list[Group]:
        """So many groups, each once and each as likely; fewer where fewer are young enough."""
        self._kept = [group for group in self._kept if step - (group[0].born or 0) <= self._steps]
        drawn = generator.permutation(len(self._kept))[:count]
        return [self._kept[place] for place in drawn]

    def save(self, path: Path) -> None:
        """Writes all of it, pixels included."""
        torch.save([[_plain(run) for run in group] for group in self._kept], path)

    def load(self, path: Path) -> None:
        """Takes back what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
        """
        groups = torch.load(path, weights_only=True)
        self._kept = [tuple(_pushed(run) for run in group) for group in groups][-self._most :]


class ReplayKeeper(TrainerCallback):
    """Puts the buffer into each checkpoint and takes it out again: a training that was stopped goes on with it."""

    def __init__(self, replay: Replay, process: int) -> None:
        """Of one process, which keeps its own groups."""
        self._replay, self._name = replay, f"replay-{process}.pt"

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Writes it beside the weights."""
        self._replay.save(self._place(args, state))

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Reads it, where training goes on; a checkpoint from before there was a buffer has none."""
        if state.global_step and (place := self._place(args, state)).exists():
            self._replay.load(place)

    def _place(self, args: Any, state: Any) -> Path:
        return Path(args.output_dir) / f"checkpoint-{state.global_step}" / self._name


def _plain(run: TrainingRow) -> dict[str, Any]:
    """As torch writes it without pickling classes of ours; it round-trips."""
    pictures = [(picture.span, picture.inputs) for picture in run.row.pictures]
    row = (run.row.prompt, run.row.completion, run.row.mask, run.row.logprobs, pictures)
    return {"row": row, "push": run.push, "worth": run.worth, "ending": run.ending, "born": run.born}


def _pushed(kept: dict[str, Any]) -> TrainingRow:
    prompt, completion, mask, logprobs, pictures = kept["row"]
    seen = tuple(ProcessedImage(tuple(span), inputs) for span, inputs in pictures)
    row = RolloutRow(prompt, completion, mask, logprobs, seen)
    return TrainingRow(row, kept["push"], kept["worth"], kept["ending"], kept["born"])
