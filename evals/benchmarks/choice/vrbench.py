"""VRBench: reasoning in several steps over films of an hour and more, multiple choice.

Only the multiple choice is scored; the published score is its mean with a judge's marks for the steps. The published
prompt also has a summary of the whole film: without it this is another setting, which is what is asked here.
"""

from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.item import Item, find_first_existing, make_choice
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_jsonl_rows
from evals.inside import resolve_inside
from evals.scoring.published.layered import official_vrbench


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the questions of `VRBench_eval.jsonl`, an object by video."""
    return tuple(
        _item(folder, video, key, Record(video.place, Record(video.place, video.mapping("mcq")).mapping(key)))
        for video in read_jsonl_rows(folder / "VRBench_eval.jsonl")
        for key in video.mapping("mcq")
    )


def _item(folder: Path, video: Record, key: str, row: Record) -> Item:
    choices = Record(row.place, row.mapping("options"))
    options = tuple(choices.text(letter) for letter in sorted(choices.values))
    name = video.text("video_path")
    places = [resolve_inside(folder, part, row.place) for part in (name, name.removeprefix("VRBench/"))]
    return make_choice(
        row,
        options,
        row.letter("answer", len(options)),
        id=f"{video.name('video_id')}_{key}",
        video=find_first_existing(*places),
        cluster=video.name("video_id"),
        text=row.text("question"),
        groups=(("reasoning_type", row.text("reasoning_type")),),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (ours)
    """A prompt of ours: the published one has the film's summary in it."""
    return f"{item.text}\n{options_lines(item)}\nAnswer with the option's letter."


score = make_choice_scorer(leaves_out=("official",), official=lambda _, said: official_vrbench(said))
VRBENCH = Benchmark(
    load, prompt, spell_letter, score, score_metrics(score), ("strict", "official"), has_published_prompt=False
)
