"""SciVideoBench: research questions on filmed experiments, ten options each.

lmms-eval rewrites the times in a question into numbers of frames at one a second; an agent is asked with the times.
It draws at random for a text without a letter.
"""

import re
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.item import Item, find_first_existing, find_video, make_choice
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_jsonl_rows
from evals.scoring.published.first_letter import lmms_scivideobench

_CLOCK = r"\d{1,2}:\d{2}"


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the questions of `scivideobench_1k.jsonl`."""
    return tuple(_item(folder, row) for row in read_jsonl_rows(folder / "scivideobench_1k.jsonl"))


def _item(folder: Path, row: Record) -> Item:
    choices = Record(row.place, row.mapping("options"))
    options = tuple(choices.text(letter) for letter in sorted(choices.values))
    video = row.name("video_id")
    return make_choice(
        row,
        options,
        row.letter("answer", len(options)),
        id=f"{video}_{row.name('question_id')}",
        video=find_video(find_first_existing(folder / "videos", folder), f"jove_{video}", row.place),
        cluster=video,
        text=row.text("question"),
        groups=(("question_type", row.text("question_type")), ("category", row.text("category"))),
        duration_seconds=row.number("video_duration"),
    )


def write_frames(question: str) -> str:
    """A question with its times as numbers of frames, of which there is one a second."""

    def frame(clock: str) -> int:
        minutes, seconds = clock.split(":")
        return 60 * int(minutes) + int(seconds)

    text = re.sub(rf"({_CLOCK})\s*[-–]\s*({_CLOCK})", lambda m: f"frame {frame(m[1])} to frame {frame(m[2])}", question)
    return re.sub(rf"(?<!frame )({_CLOCK})(?!\s*[-–])", lambda m: f"frame {frame(m[1])}", text)


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (it has none)
    """The prompt of lmms-eval, which has frames in place of times; without its rewriting for the other profiles."""
    text = write_frames(item.text) if profile == "lmms" else item.text
    return f"{text}\n{options_lines(item)}\nAnswer with the option's letter from the given choices directly."


score = make_choice_scorer(lmms=lambda _, said: lmms_scivideobench(said))
SCIVIDEOBENCH = Benchmark(load, prompt, spell_letter, score, score_metrics(score), ("strict", "lmms"))
