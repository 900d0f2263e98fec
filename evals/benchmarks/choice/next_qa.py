"""NExT-QA, multiple choice: why and how, before and after, in home videos; questions are lower case, without a mark.

Type TP is counted as TN. lmms-eval draws an option at random for what it can't read, `C)` and `<answer>C</answer>` too.
"""

from functools import partial
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.item import Item, find_first_existing, find_video
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, RecordPlace, read_csv_rows, read_json
from evals.scoring.published.clean_text import strict_letter
from evals.scoring.published.mmmu import lmms_mmmu

_KINDS = {"C": "causal", "T": "temporal", "D": "descriptive"}


def load(folder: Path, split: str) -> tuple[Item, ...]:
    """Reads `{split}.csv`, in the folder itself or in `mc` or `nextqa`, and the map to files of VidOR."""
    file = find_first_existing(*(folder / place / f"{split}.csv" for place in ("mc", "nextqa", "")))
    files = read_vidor_map(folder)
    return tuple(_item(folder, files, row) for row in read_csv_rows(file))


def read_vidor_map(folder: Path) -> Record:
    """Reads the map from video id to a path without extension, as `1164/4010069381`."""
    path = folder / "map_vid_vidorID.json"
    return Record(RecordPlace(path.name, 1), read_json(path))


def _item(folder: Path, files: Record, row: Record) -> Item:
    video = row.text("video")
    options = tuple(row.text(f"a{i}").strip() for i in range(5))
    right = row.whole("answer")
    if not 0 <= right < len(options):
        raise row.damaged("answer", "0 to 4", right)
    return Item(
        id=f"{video}_{row.text('qid')}",
        kind="choice",
        video=find_video(folder / "videos", files.text(video), row.place),
        cluster=video,
        text=row.text("question").strip(),
        place=row.place,
        options=options,
        right=options.index(options[right]),
        gold=options[right],
        groups=type_groups(row),
    )


def type_groups(row: Record) -> tuple[tuple[str, str], ...]:
    """Groups of a question: its type, and the kind by which Acc@C, Acc@T and Acc@D are counted."""
    name = "TN" if row.text("type") == "TP" else row.text("type")
    return ("type", name), ("kind", _KINDS.get(name[0], name))


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (one wording, no subtitles)
    """The prompt with question and options; the set was made for classifiers, so there is no official one."""
    ask = "Answer with the option's letter from the given choices directly."
    return f"{item.text}\n{options_lines(item)}\n{ask}"


score = make_choice_scorer(
    official=lambda item, said: strict_letter(said, len(item.options)),
    lmms=lambda item, said: lmms_mmmu(said, item.options),
)

NEXT_QA = Benchmark(partial(load, split="val"), prompt, spell_letter, score, score_metrics(score))
NEXT_QA_TEST = Benchmark(partial(load, split="test"), prompt, spell_letter, score, score_metrics(score))
