"""NExT-QA, open answers: short phrases, often with a second reference.

The published WUPS needs WordNet, which this project does not ship, and is left out: our strict rule counts an answer
that says either reference, which is harder.
"""

from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, score_strict_open
from evals.benchmarks.choice.next_qa import read_vidor_map, type_groups
from evals.benchmarks.item import Item, find_first_existing, find_video
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.open.open_answers import prompt, spell
from evals.benchmarks.records import Record, read_csv_rows
from evals.scoring.scoring import Score


def load(folder: Path) -> tuple[Item, ...]:
    """Reads `test.csv` of the open form, in the folder or in `oe`, and the map to files of VidOR."""
    file = find_first_existing(folder / "oe" / "test.csv", folder / "test.csv")
    files = read_vidor_map(folder)
    return tuple(_item(folder, files, row) for row in read_csv_rows(file))


def _item(folder: Path, files: Record, row: Record) -> Item:
    video = row.text("video")
    second = str(row.values.get("additional_ref_answer") or "").strip()
    return Item(
        id=f"{video}_{row.text('qid')}",
        kind="open",
        video=find_video(folder / "videos", files.text(video), row.place),
        cluster=video,
        text=row.text("question").strip(),
        place=row.place,
        gold=row.text("answer").strip(),
        aliases=(second,) if second else (),
        groups=type_groups(row),
    )


def score(item: Item, said: str | None, profile: Profile) -> Score:  # noqa: ARG001 (the strict one alone)
    """Scores an answer by the better of the two references."""
    return score_strict_open(item, said)


NEXT_OE = Benchmark(load, prompt, spell, score, score_metrics(score), ("strict",), has_published_prompt=False)
