"""IntentQA: why people do what they do, on videos of NExT-QA and in its format; type TP is counted as TN."""

from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, make_choice_scorer, spell_letter
from evals.benchmarks.choice.next_qa import prompt, read_vidor_map, type_groups
from evals.benchmarks.item import Item, find_video, make_choice
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_csv_rows
from evals.scoring.published.clean_text import strict_letter


def load(folder: Path) -> tuple[Item, ...]:
    """Reads `test.csv`, and the map to files of VidOR."""
    files = read_vidor_map(folder)
    return tuple(_item(folder, files, row) for row in read_csv_rows(folder / "test.csv"))


def _item(folder: Path, files: Record, row: Record) -> Item:
    video = row.text("video_id")
    return make_choice(
        row,
        tuple(row.text(f"a{i}").strip() for i in range(5)),
        row.whole("answer"),
        id=f"{video}_{row.text('qid')}",
        video=find_video(folder / "videos", files.text(video), row.place),
        cluster=video,
        text=row.text("question").strip(),
        groups=type_groups(row)[:1],
    )


score = make_choice_scorer(official=lambda item, said: strict_letter(said, len(item.options)))
INTENT_QA = Benchmark(load, prompt, spell_letter, score, score_metrics(score), ("strict", "official"))
