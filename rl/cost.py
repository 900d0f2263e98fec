"""What our own code costs in a training: where the time of its steps goes, and how often each picture is worked on.

    python -m rl.cost CONFIG.toml [--again]

trains as `python -m rl.train` would, in a folder that is thrown away, with a model of the Qwen-VL shape that samples in
this process, and prints two tables in Markdown. A picture goes through four hands. It is *served*, to the policy, as
JPEG, which a run fetches once and keeps; *prepared*, into the patches that its model takes; *encoded*, by the vision
tower; and *learned from*, encoded once more where a loss or its log-probabilities are computed. A conversation shows
all its pictures in each turn and the runs of a group show the same ones, so the first three may be far more than the
unique pictures of a group, or as many. With `--again` the tower encodes what it is shown each time, as it would without
`agent.policies.local.vision_cache`.
"""

from agent.ending import check_arguments_first, end_process
from rl import command_lines

if __name__ == "__main__":  # before torch is imported
    check_arguments_first("rl.cost", command_lines.make_cost_parser(__doc__))

import hashlib
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from agent.policies.local.image_processing import ImageProcessor, ImageSpan, ProcessedImage
from agent.policies.transformers import Prompt
from agent.policy import ToolAccess
from agent.terminal import escape_controls, tell
from agent.trajectory import Reply, Trajectory, Turn
from rl.grpo.config import Training, read_training
from rl.monitor.log import LOG, PARTS, Row, read_log
from rl.sampling.sampler import TrainingSampler
from rl.train import main as train
from tools.observation import FrameRef


@dataclass
class PictureCounts:
    """Counts of how often pictures were served, prepared and encoded in a training."""

    generations: int
    unique: set[tuple[str, int, bytes]] = field(default_factory=set)
    """Distinct pictures of each group: question, number of the group, and hash of the JPEG."""
    served: int = 0
    served_seconds: float = 0.0
    """Seconds spent serving, summed over threads."""
    prepared: int = 0
    encoded: int = 0
    learned_from: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, trajectory: Trajectory, sight: ToolAccess, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference, counted as served.

        Args:
            trajectory: the run that sees it.
            sight: serves the picture.
            ref: reference of the frame.
        """
        started = time.perf_counter()
        jpeg = sight.picture(ref)
        with self.lock:
            self.served_seconds += time.perf_counter() - started
            self.served += 1
            digest = hashlib.blake2b(jpeg or b"", digest_size=16).digest()
            self.unique.add((trajectory.question.id, trajectory.sample // self.generations, digest))
        return jpeg


class CountingSampler(TrainingSampler):
    """A training sampler that counts pictures after `count`."""

    _pictures: PictureCounts | None = None
    _is_encoded_once = True
    _plays = False

    def count(self, generations: int, *, is_encoded_once: bool = True) -> PictureCounts:
        """Starts counting; gives the counts, which grow as the sampler runs.

        Args:
            generations: runs of a group.
            is_encoded_once: whether the tower encodes a picture once while its weights stay; else as often as it is
                shown.

        Raises:
            ValueError: the model has no vision tower of the Qwen-VL shape.
        """
        if self._memory is None or not hasattr(self.loaded.model.model, "visual"):
            raise ValueError(f"{self.spec} has no tower of the Qwen-VL shape, whose pictures could be counted")
        pictures = self._pictures = PictureCounts(generations)
        self._memory.eyes = CountedEyes(self._memory.eyes, pictures)
        self._is_encoded_once = is_encoded_once

        def encode(_tower: Any, _given: Any, named: dict[str, Any]) -> None:
            if self._plays:
                pictures.encoded += len(named["grid_thw"])
            else:
                pictures.learned_from += len(named["grid_thw"])

        self.loaded.model.model.visual.register_forward_pre_hook(encode, with_kwargs=True)
        return pictures

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """Samples the next turn; pictures that it shows are counted."""
        return super().__call__(
            trajectory, sight if self._pictures is None else CountedSight(trajectory, sight, self._pictures)
        )

    def generate(self, prompts: Sequence[Prompt]) -> list[Reply]:
        """A reply to each prompt; pictures that the tower encodes meanwhile count as sampling."""
        self._plays = True
        try:
            return super().generate(prompts)
        finally:
            self._plays = False

    def _showing(self, prompts: Sequence[Prompt]) -> AbstractContextManager[None]:
        return super()._showing(prompts) if self._is_encoded_once else nullcontext()


class CountedEyes:
    """An image processor that counts the pictures it prepares."""

    def __init__(self, eyes: ImageProcessor, pictures: PictureCounts) -> None:
        self._eyes, self._pictures = eyes, pictures
        self.names_content = eyes.names_content

    def measure(self, width: int, height: int) -> ImageSpan:
        """What stands for a picture of this size."""
        return self._eyes.measure(width, height)

    def look(self, picture: Image.Image) -> ProcessedImage:
        """The picture as the model takes it, counted as prepared."""
        with self._pictures.lock:
            self._pictures.prepared += 1
        return self._eyes.look(picture)

    def gather(self, rows: Sequence[Sequence[ProcessedImage]]) -> dict[str, torch.Tensor]:
        """The model inputs of a batch of pictures."""
        return self._eyes.gather(rows)


class CountedSight:
    """Tool access of one run that counts the pictures it serves."""

    def __init__(self, trajectory: Trajectory, sight: ToolAccess, pictures: PictureCounts) -> None:
        self.specs = sight.specs
        self._trajectory, self._sight, self._pictures = trajectory, sight, pictures

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference, counted as served."""
        return self._pictures.serve(self._trajectory, self._sight, ref)


def render_tables(pictures: PictureCounts, log: Sequence[Row]) -> str:
    """Two tables in Markdown: seconds by part of a step, and counts of pictures.

    Args:
        pictures: the counts.
        log: rows of the training's log.
    """
    seconds = {part: sum(row.get(f"seconds/{part}") or 0.0 for row in log) for part in PARTS}
    whole = sum(seconds.values())
    lines = [f"| part of {len(log)} steps | seconds | share |", "|---|---|---|"]
    lines += [f"| {part} | {taken:.2f} | {taken / whole:.1%} |" for part, taken in seconds.items()]
    unique = len(pictures.unique)
    counted = {
        "unique in their group": unique,
        f"served ({pictures.served_seconds:.2f} s, all threads)": pictures.served,
        "prepared": pictures.prepared,
        "encoded while playing": pictures.encoded,
        "encoded while learning": pictures.learned_from,
    }
    lines += ["", "| pictures | count | for each unique one |", "|---|---|---|"]
    lines += [f"| {name} | {count} | {count / unique:.2f} |" for name, count in counted.items()]
    return "\n".join(lines)


def main(training: Training, *, is_encoded_once: bool = True) -> str:
    """Trains in a temporary folder; gives the tables of its cost.

    Raises:
        ValueError: the training can't be run, as in `rl.train.main`, or the model has no tower of the Qwen-VL shape.
    """
    with tempfile.TemporaryDirectory() as scratch:
        training = training.model_copy(update={"out": Path(scratch)})
        sampler = CountingSampler(training.model, training.play.options(training.seed))
        pictures = sampler.count(training.generations, is_encoded_once=is_encoded_once)
        train(training, tell, sampler)
        return render_tables(pictures, read_log(training.out / LOG))


def _command_line() -> None:
    given = command_lines.make_cost_parser(__doc__).parse_args()
    print(escape_controls(main(read_training(given.config), is_encoded_once=not given.again)))


if __name__ == "__main__":
    end_process("rl.cost", _command_line)
