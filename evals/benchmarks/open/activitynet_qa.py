"""ActivityNet-QA: short answers about long videos, in nine types.

Papers report the yes/no of a judge model, which moves by points with the judge; `official` is the exact match of 2019.
"""

from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, score_strict_open, score_verdict
from evals.benchmarks.item import Item, find_video
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.open.open_answers import spell
from evals.benchmarks.records import Record, read_json_rows
from evals.scoring.scoring import Score

_TYPES = ("motion", "spatial", "temporal", "yes/no", "colour", "object", "location", "number", "other")


def load(folder: Path, split: str = "test") -> tuple[Item, ...]:
    """Reads the questions of a split, as `test_q.json`, and the answers by question id, as `test_a.json`."""
    answers = {row.text("question_id"): row for row in read_json_rows(folder / f"{split}_a.json")}
    return tuple(_item(folder, row, answers) for row in read_json_rows(folder / f"{split}_q.json"))


def _item(folder: Path, row: Record, answers: dict[str, Record]) -> Item:
    key, video = row.text("question_id"), row.text("video_name")
    if key not in answers:
        raise row.damaged("question_id", "one that the file of answers has", key)
    kind = answers[key].whole("type")
    if not 0 <= kind < len(_TYPES):
        raise answers[key].damaged("type", "0 to 8", kind)
    return Item(
        id=key,
        kind="open",
        video=find_video(folder / "videos", f"v_{video}", row.place),
        cluster=video,
        text=row.text("question"),
        place=row.place,
        gold=answers[key].text("answer"),
        groups=(("type", _TYPES[kind]),),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (one wording, no subtitles)
    """The prompt of lmms-eval, which begins with a capital and ends with a question mark."""
    return f"{item.text.capitalize()}? Answer the question using a single word or phrase."


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores an answer by its words, or officially by exact match."""
    text = (said or "").strip()
    if profile == "strict":
        return score_strict_open(item, said)
    return score_verdict(text.lower() == (item.gold or "").strip().lower(), text)


ACTIVITYNET_QA = Benchmark(load, prompt, spell, score, score_metrics(score, task_mean="type"), ("strict", "official"))
