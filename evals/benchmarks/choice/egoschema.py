"""EgoSchema: five descriptions of three minutes of first-person video; 500 answers are published, a server scores the
rest.

Known for questions that can be answered without the video: no number of it means anything without the blind one.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, Submission, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.item import Item, find_video
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, RecordPlace, read_json, read_json_rows
from evals.scoring.published.clean_text import strict_letter
from evals.scoring.published.mmmu import lmms_egoschema
from tools.plain_data import loads_json

_SECONDS = 180.0
"""Length to which all videos of the set are cut."""
_NO_ANSWER = -1
"""Index that the server takes for no answer."""


def load(folder: Path) -> tuple[Item, ...]:
    """Reads all questions, with the answer where it is published."""
    answers = Record(RecordPlace("subset_answers.json", 1), read_json(folder / "subset_answers.json"))
    return tuple(_item(folder, answers, row) for row in read_json_rows(folder / "questions.json"))


def load_subset(folder: Path) -> tuple[Item, ...]:
    """Reads the questions whose answers are published."""
    return tuple(item for item in load(folder) if item.gold is not None)


def _item(folder: Path, answers: Record, row: Record) -> Item:
    key = row.text("q_uid")
    options = tuple(row.text(f"option {i}") for i in range(5))
    right = answers.whole(key) if answers.has(key) else None
    if right is not None and not 0 <= right < len(options):
        raise answers.damaged(key, "0 to 4", right)
    return Item(
        id=key,
        kind="choice",
        video=find_video(folder / "videos", key, row.place),
        cluster=key,
        text=row.text("question"),
        place=row.place,
        options=options,
        right=None if right is None else options.index(options[right]),
        gold=None if right is None else options[right],
        duration_seconds=_SECONDS,
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (one wording, no subtitles)
    """The prompt of lmms-eval; there is no official one."""
    ask = "Answer with the option's letter from the given choices directly."
    return f"{item.text}\n{options_lines(item)}\n{ask}"


score = make_choice_scorer(
    official=lambda item, said: strict_letter(said, len(item.options)),
    lmms=lambda item, said: lmms_egoschema(said, tuple(options_lines(item).split("\n"))),
)


def write_submission(items: Sequence[Item], said: Mapping[str, str]) -> str:
    """The submission: an index by q_uid, -1 for no answer."""
    letters = {item.id: strict_letter(said.get(item.id, ""), len(item.options)) for item in items}
    return json.dumps({key: "ABCDE".index(x) if x else _NO_ANSWER for key, x in letters.items()}, indent=2)


def read_submission(text: str) -> dict[str, str]:
    """Reads the letters by q_uid out of a submission; "" for none."""
    return {key: "" if index == _NO_ANSWER else "ABCDE"[index] for key, index in loads_json(text).items()}


_SUBMISSION = Submission(write_submission, read_submission)
EGOSCHEMA = Benchmark(load, prompt, spell_letter, score, score_metrics(score), submission=_SUBMISSION)
EGOSCHEMA_SUBSET = Benchmark(load_subset, prompt, spell_letter, score, score_metrics(score), submission=_SUBMISSION)
