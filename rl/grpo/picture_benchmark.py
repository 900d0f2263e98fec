"""What pictures cost a training: CPU of each turn of a rollout, and memory of a step. No model computes.

    python -m rl.grpo.picture_benchmark --model FOLDER [--against CHECKOUT] [--at-once 16,128] [--sizes 640x360,720p]

An engine of text alone dictates four turns that show 32 pictures in all; index and videos are there before anything is
measured, and all CPU time of the process is counted. With `--against` the same is measured with the code of another
checkout, in turn with this one, and compared. The memory is the peak above the start for a step of 64 rows of 64
frames, held as JPEGs and made into the pixels of one row after the other, for the first few rows. The model is a folder
or hub id of the Qwen-VL shape, of which this code loads no weights.
"""

import sys

from agent.ending import check_arguments_first, end_process
from rl.grpo.benchmark_arguments import make_picture_parser

if __name__ == "__main__" and sys.argv[1:2] != ["--measure"]:  # before torch is imported
    check_arguments_first("rl.grpo.picture_benchmark", make_picture_parser(__doc__))

import argparse
import json
import os
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import simplejpeg  # type: ignore[import-untyped]
import torch

from agent.policies.transformers import Prompt
from evals.perf.speed import SpeedRow
from evals.perf.speed_clips import ClipSpec
from rl.data.questions import open_questions
from rl.grpo.config import Training
from rl.grpo.rollout import RolloutRunner
from rl.sampling.engine import Sampled
from rl.sampling.vllm_sampler import EngineSampler
from tools.plain_data import loads_json

VIDEOS, QUESTIONS = 4, 2
"""Videos, and questions about each."""
LOOKS, FRAMES = 3, 8
"""Turns that look, and frames of each look, of the opening too; the turn after them answers."""
SIZES = {"640x360": (640, 360), "720p": (1280, 720)}
ROWS, ROW_FRAMES = 64, 64
"""Rows of a step, and frames of each, of which memory is measured."""
COMPUTED = 4
"""Rows of which pixels are made: they take turns in the same memory."""
GOAL = 5.0
"""Times by which the CPU of a turn should have fallen."""


@dataclass(frozen=True)
class PictureCost:
    """What some rollouts cost."""

    milliseconds_a_turn: float
    """CPU time of the whole process."""
    turns: int
    pictures: int
    """Pictures in all rollouts together."""


class DictatingEngine:
    """An engine that says the same four turns in every rollout, each looking elsewhere."""

    is_shared = True

    def __init__(self) -> None:
        self.sampler: DictatedEngineSampler | None = None
        self.turns = 0

    def complete(
        self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any], conversation: str = ""
    ) -> Sampled:
        """The next turn of a rollout, as tokens that were certain."""
        assert self.sampler is not None, "the sampler is there before its rollouts"
        self.turns += 1
        start = round(random.Random(sampling["seed"]).uniform(0, 50), 1)
        look = {"start": start, "stop": start + FRAMES, "count": FRAMES, "size": "medium"}
        call = json.dumps({"name": "select_frames", "arguments": look})
        text = f"<tool_call>\n{call}\n</tool_call>" if sampling["turn"] < LOOKS else "<answer>A</answer>"
        ids = (*self.sampler.loaded.scribe.ids(text), self.sampler.loaded.scribe.end)
        return Sampled(sampling["prompt_ids"], ids, (0.0,) * len(ids), is_cut=False)

    def end(self, conversation: str) -> None:
        """Nothing is kept of a rollout."""


class DictatedEngineSampler(EngineSampler):
    """A sampler that tells the engine of which prompt and which turn a request is."""

    def sampling(self, prompt: Prompt) -> dict[str, Any]:
        """What `DictatingEngine` reads."""
        flags = prompt.tokens.sampled
        turn = sum(now and not before for before, now in zip((False, *flags), flags, strict=False))
        return {"seed": prompt.draw.seed, "turn": turn, "prompt_ids": prompt.tokens.ids}


def measure_turns(model: str, data: Path, runs: int) -> PictureCost:
    """The cost of a turn where `runs` rollouts are played at once.

    Args:
        model: folder or hub id of the model.
        data: the questions.
        runs: number of rollouts.
    """
    play = {"encoder": "hashing", "max_turns": 8, "max_frames": 128, "concurrency": runs, "max_reply_tokens": 128}
    training = Training.model_validate({"model": model, "out": data / "out", "data": str(data), "play": play})
    engine = DictatingEngine()
    sampler: Any = DictatedEngineSampler(model, training.play.options(0), engine)  # type: ignore[arg-type]
    engine.sampler = sampler
    runner = RolloutRunner(open_questions(training.data, 1), training.run_settings(sampler), sampler)
    ids = list(runner.examples)
    for question_id in ids[::QUESTIONS]:
        runner.warm(question_id)
    before = time.process_time()
    played = runner([(ids[number % len(ids)], number) for number in range(runs)])
    taken = time.process_time() - before
    assert all(one.trajectory.answer is not None for one in played), [one.trajectory.error for one in played]
    return PictureCost(1000 * taken / engine.turns, engine.turns, sum(len(one.pictures) for one in played))


def measure_memory(model: str, rows: int, frames: int, computed: int) -> float:
    """Peak of resident memory above that at the start, in MB, of a step whose pictures are held and computed with.

    Args:
        model: folder or hub id of the model.
        rows: rows of the step.
        frames: frames of each row.
        computed: rows of which pixels are made, one after the other.
    """
    from agent.policies.local.image_processing import measure_jpeg
    from agent.policies.local.loading import load_preprocessor
    from rl.grpo.pixels import PixelsByReference

    class Reader(torch.nn.Module):
        """In place of a model: is given pixels."""

        visual = SimpleNamespace(device=torch.device("cpu"), dtype=torch.bfloat16)

        def forward(self, *, pixel_values: torch.Tensor, image_grid_thw: torch.Tensor) -> int:
            return int(image_grid_thw.prod(-1).sum()) - len(pixel_values)

    eyes = load_preprocessor(model, 640 * 360).eyes
    assert eyes is not None, "a model of the Qwen-VL shape"
    pixels, reader = PixelsByReference(eyes), Reader()
    pixels.attach(SimpleNamespace(model=reader))
    texture = np.random.default_rng(0).integers(60, 190, (360, 1280, 3), np.uint8)
    reader(**pixels.refer([measure_jpeg(eyes, _draw_jpeg(texture, 0))]))  # what libraries load at their first use
    before = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * resource.getpagesize() // 1024
    step = [measure_jpeg(eyes, _draw_jpeg(texture, number)) for number in range(rows * frames)]
    told = pixels.refer(step)
    grids = torch.split(told["image_grid_thw"], frames)
    parts = torch.split(told["pixel_values"], [int(grid.prod(-1).sum()) for grid in grids])
    for part, grid in list(zip(parts, grids, strict=True))[:computed]:
        assert reader(pixel_values=part, image_grid_thw=grid) == 0
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def _draw_jpeg(texture: np.ndarray[Any, np.dtype[np.uint8]], number: int) -> bytes:
    """A picture of 640x360, another one for each number, in about as many bytes as a frame of footage."""
    left = number % 640
    picture = np.ascontiguousarray(texture[:, left : left + 640] // 4 * 4)
    picture[:4, :4] = (number % 256, number // 256 % 256, 0)
    picture[::, ::2] = picture[::, 1::2]
    jpeg: bytes = simplejpeg.encode_jpeg(picture, quality=40, colorspace="RGB", colorsubsampling="420")
    return jpeg


def make_questions(folder: Path, size: str) -> Path:
    """A folder with the videos of a size, of 58 s and a keyframe in 250 frames each, and questions about them."""
    width, height = SIZES[size]
    made = folder / size
    made.mkdir(exist_ok=True)
    rows = []
    for number in range(VIDEOS):
        # another quality makes another content, by which the cache knows a video
        options = {"preset": "veryfast", "crf": str(23 + number), "x264-params": "keyint=250:min-keyint=250:scenecut=0"}
        clip = ClipSpec(f"clip{number}", width, height, 250, "libx264", options, copies=7).make(made)
        rows += [
            {"video": clip.name, "question": f"Which colour? {n}", "options": ["red", "blue"], "answer": "red"}
            for n in range(QUESTIONS)
        ]
    (made / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return made


def run_in(checkout: Path, *arguments: object) -> PictureCost:
    """What a checkout's code costs, measured in a process of its own.

    Args:
        checkout: folder with the four packages.
        arguments: model, data and number of rollouts.
    """
    told = [sys.executable, "-P", __file__, "--measure", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(told, env=environment, cwd=checkout, stdout=subprocess.PIPE, check=True)
    return PictureCost(**loads_json(ended.stdout.splitlines()[-1]))


def measure(given: argparse.Namespace, folder: Path) -> list[SpeedRow]:
    """All rows of the table, for what was given on the command line; videos are made in the folder."""
    model, against = given.model, given.against
    here, rows = Path(__file__).parents[2], []
    sets = {size: make_questions(folder, size) for size in given.sizes.split(",")}
    for runs in map(int, given.at_once.split(",")):
        for size, data in sets.items():
            ours = run_in(here, model, data, runs)
            name = f"{runs} at once, {size}, {ours.pictures / runs:.0f} pictures a run"
            if against is None:
                rows.append(SpeedRow("turn", name, ours.milliseconds_a_turn, "ms CPU a turn", None))
                continue
            theirs = run_in(against, model, data, runs)
            rows += [
                SpeedRow("turn", f"{name}, before", theirs.milliseconds_a_turn, "ms CPU a turn", None),
                SpeedRow("turn", f"{name}, now", ours.milliseconds_a_turn, "ms CPU a turn", None),
                SpeedRow(
                    "turn", "before / now", theirs.milliseconds_a_turn / ours.milliseconds_a_turn, "x", GOAL, True
                ),
            ]
    step_rows, frames = (4, 4) if given.quick else (ROWS, ROW_FRAMES)
    megabytes = measure_memory(model, step_rows, frames, COMPUTED)
    name = f"peak memory of a step of {step_rows} rows of {frames} frames"
    return [*rows, SpeedRow("step", name, megabytes, "MB", 1000)]


def main(arguments: Sequence[str] | None = None) -> list[SpeedRow]:
    """Measures and prints the table; gives its rows."""
    given = make_picture_parser(__doc__).parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        rows = measure(given, (given.folder or Path(scratch)).resolve())
    print("| what | case | measured | limit | met |\n|---|---|---|---|---|")
    print("\n".join(row.line() for row in rows))
    return rows


def _command_line() -> None:
    if sys.argv[1:2] == ["--measure"]:
        model, data, runs = sys.argv[2:]
        print(json.dumps(vars(measure_turns(model, Path(data), int(runs)))))
    else:
        main()


if __name__ == "__main__":
    end_process("rl.grpo.picture_benchmark", _command_line)
