"""Replay buffer of earlier groups with reward variance, which replace groups without any.

TimeSearch-R replaces groups with equal rewards from such a buffer. A group comes back with the advantages it had, and
with the log-probabilities under which its tokens were sampled: the ratio to them is what is clipped, so tokens that
have become too unlikely, or too likely, have no gradient.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from agent.policies.local.image_processing import JpegImage
from rl.grpo.rows import RolloutRow


@dataclass(frozen=True)
class TrainingRow:
    """One rollout as a row of the loss, with its reward and the advantages of its turns."""

    row: RolloutRow
    push: tuple[float, ...] | None
    """Advantage of each turn; None where the rollout does not count."""
    worth: float | None
    """Reward of the rollout; None where it does not count."""
    ending: str
    """Text of the answer, or why the rollout stopped, for the log."""
    born: int | None = None
    """Step that sampled the rollout; None for the current one."""


Group = tuple[TrainingRow, ...]


class Replay:
    """Replay buffer of groups; the oldest make room for the newest."""

    def __init__(self, groups: int, steps: int) -> None:
        """An empty buffer.

        Args:
            groups: the most that are kept; their pictures are kept with them.
            steps: age after which a group is forgotten.
        """
        self._most, self._steps = groups, steps
        self._kept: list[Group] = []

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, group: Group, step: int) -> None:
        """Adds a group that this step has sampled."""
        self._kept.append(tuple(replace(run, born=step) for run in group))
        self._kept = self._kept[-self._most :] if self._most else []

    def draw(self, count: int, step: int, generator: np.random.Generator) -> list[Group]:
        """A uniform sample of groups without replacement; fewer than `count` where fewer are young enough.

        Args:
            count: groups wanted.
            step: the current step, from which their age is counted.
            generator: source of randomness.
        """
        self._kept = [group for group in self._kept if step - (group[0].born or 0) <= self._steps]
        drawn = generator.permutation(len(self._kept))[:count]
        return [self._kept[place] for place in drawn]

    def save(self, path: Path) -> None:
        """Writes the whole buffer to a file, JPEGs included."""
        torch.save([[_flatten_row(run) for run in group] for group in self._kept], path)

    def load(self, path: Path) -> None:
        """Replaces the buffer by the one that `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
        """
        groups = torch.load(path, weights_only=True)
        self._kept = [tuple(_restore_row(run) for run in group) for group in groups][-self._most :]


class ReplayKeeper(TrainerCallback):
    """Saves the replay buffer with each checkpoint and restores it when a training resumes."""

    def __init__(self, replay: Replay, process: int) -> None:
        """Keeps the buffer of one process; each process has its own."""
        self._replay, self._name = replay, f"replay-{process}.pt"

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Writes the buffer beside the weights."""
        self._replay.save(self._place(args, state))

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Reads the buffer where training resumes; a checkpoint from before there was a buffer has none."""
        if state.global_step and (place := self._place(args, state)).exists():
            self._replay.load(place)

    def _place(self, args: Any, state: Any) -> Path:
        return Path(args.output_dir) / f"checkpoint-{state.global_step}" / self._name


def _flatten_row(run: TrainingRow) -> dict[str, Any]:
    """A row as plain data that torch writes without pickling classes of ours; it round-trips."""
    pictures = [
        (torch.frombuffer(bytearray(picture.jpeg), dtype=torch.uint8), picture.span, picture.grid)
        for picture in run.row.pictures
    ]
    row = (run.row.prompt, run.row.completion, run.row.mask, run.row.logprobs, pictures)
    return {"row": row, "push": run.push, "worth": run.worth, "ending": run.ending, "born": run.born}


def _restore_row(kept: dict[str, Any]) -> TrainingRow:
    prompt, completion, mask, logprobs, pictures = kept["row"]
    seen = tuple(JpegImage(jpeg.numpy().tobytes(), tuple(span), tuple(grid)) for jpeg, span, grid in pictures)
    row = RolloutRow(prompt, completion, mask, logprobs, seen)
    return TrainingRow(row, kept["push"], kept["worth"], kept["ending"], kept["born"])
