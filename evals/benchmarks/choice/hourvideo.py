"""HourVideo: hour-long first-person videos, five options, development split.

Questions of the task `reasoning/predictive` may see the video only up to the time that they name. Those whose options
are pictures (`navigation/*_image`, `reasoning/spatial/layout`) are left out: an option here is a text. The published
protocol asks a whole task of a video in one request; here each question is asked by itself, so there is no official
profile.
"""

from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.item import Item, find_video, make_choice
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, RecordPlace, read_json

_FILE = "dev_v1.0_annotations.json"
_PREDICTIVE = "reasoning/predictive"
_PICTURES = ("_image", "reasoning/spatial/layout")


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the questions whose options are texts, an object by video."""
    videos = Record(RecordPlace(_FILE, 1), read_json(folder / _FILE))
    return tuple(
        _item(folder, video, row)
        for number, video in enumerate(videos.values, start=1)
        for row in Record(RecordPlace(f"{_FILE}, {video}", number), videos.mapping(video)).rows("benchmark_dataset")
        if not row.text("task").endswith(_PICTURES)
    )


def _item(folder: Path, video: str, row: Record) -> Item:
    task = row.text("task")
    return make_choice(
        row,
        tuple(row.text(f"answer_{i}") for i in range(1, 6)),
        row.letter("correct_answer_label", 5) if row.has("correct_answer_label") else None,
        id=row.name("qid"),
        video=find_video(folder / "videos", video, row.place),
        cluster=video,
        text=row.text("question"),
        groups=(("task", task), ("suite", task.partition("/")[0])),
        segment_seconds=(0.0, _read_start(row)) if task == _PREDICTIVE else None,
    )


def _read_start(row: Record) -> float:
    text = row.text("relevant_timestamps")
    try:
        hours, minutes, seconds = text.partition("-")[0].split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        raise row.damaged("relevant_timestamps", "HH:MM:SS-HH:MM:SS", text) from None


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (ours)
    """A prompt of ours: the published one asks several questions at once."""
    return f"{item.text}\n{options_lines(item, '{}) {}')}\nAnswer with the option's letter."


score = make_choice_scorer()
HOURVIDEO = Benchmark(
    load, prompt, spell_letter, score, score_metrics(score, task_mean="task"), ("strict",), has_published_prompt=False
)
