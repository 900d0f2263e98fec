"""Perception Test, multiple choice: three options, in four areas and four kinds of reasoning. Its data is CC-BY."""

from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.item import Item, find_video, make_choice
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, RecordPlace, read_json
from evals.scoring.published.clean_text import strict_letter
from evals.scoring.published.first_letter import lmms_perceptiontest

_FILE = "mc_question_valid.json"


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the questions of the validation split, an object by video."""
    videos = Record(RecordPlace(_FILE, 1), read_json(folder / _FILE))
    return tuple(
        _item(folder, video, row)
        for number, video in enumerate(videos.values, start=1)
        for row in Record(RecordPlace(f"{_FILE}, {video}", number), videos.mapping(video)).rows("mc_question")
    )


def _item(folder: Path, video: str, row: Record) -> Item:
    tags = row.texts("tag") if row.has("tag") else ()
    return make_choice(
        row,
        row.texts("options"),
        row.whole("answer_id"),
        id=f"{video}_{row.name('id')}",
        video=find_video(folder / "videos", video, row.place),
        cluster=video,
        text=row.text("question"),
        groups=(
            ("area", row.text("area")),
            ("reasoning", row.text("reasoning")),
            *(("tag", tag) for tag in dict.fromkeys(tags)),
        ),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (one wording, no subtitles)
    """The prompt of lmms-eval; the set was made for scores of options, so there is no official one."""
    return f"{item.text}\n{options_lines(item)}\nAnswer with the option's letter from the given choices directly."


score = make_choice_scorer(
    official=lambda item, said: strict_letter(said, len(item.options)),
    lmms=lambda _, said: lmms_perceptiontest(said),
)
PERCEPTION_TEST = Benchmark(load, prompt, spell_letter, score, score_metrics(score))
