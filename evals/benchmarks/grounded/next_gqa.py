"""NExT-GQA: the questions of NExT-QA with evidence spans; correct only with the option and the moment.

Correct means the correct option and at least half of the given span inside a gold span (IoP >= 0.5). A span of no
length inside one has an IoP of 1: mIoU and the mean length of the spans are therefore always reported beside it. The
official script leaves out questions without a prediction.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, options_lines
from evals.benchmarks.choice.next_qa import read_vidor_map, type_groups
from evals.benchmarks.item import Item, RawAnswer, find_video
from evals.benchmarks.metrics import percent, score_metrics
from evals.benchmarks.records import Record, RecordPlace, read_csv_rows, read_json
from evals.scoring.published.clean_text import strict_letter
from evals.scoring.published.spans import spell_span, strict_span
from evals.scoring.scoring import Score
from evals.scoring.spans import Span


def load(folder: Path, split: str) -> tuple[Item, ...]:
    """Reads `{split}.csv`, where the answer is the option's text, and the spans of `gsub_{split}.json`."""
    name = f"gsub_{split}.json"
    spans, files = Record(RecordPlace(name, 1), read_json(folder / name)), read_vidor_map(folder)
    return tuple(_item(folder, files, spans, row) for row in read_csv_rows(folder / f"{split}.csv"))


def _item(folder: Path, files: Record, spans: Record, row: Record) -> Item:
    video, number = row.text("video_id"), row.text("qid")
    options, gold = tuple(row.text(f"a{i}") for i in range(5)), row.text("answer")
    if gold not in options:
        raise row.damaged("answer", "the text of one of a0 to a4", gold)
    of_video = Record(RecordPlace(f"{spans.place.file}, {video}", 1), spans.mapping(video))
    return Item(
        id=f"{video}_{number}",
        kind="choice",
        video=find_video(folder / "videos", files.text(video), row.place),
        cluster=video,
        text=row.text("question"),
        place=row.place,
        options=options,
        right=options.index(gold),
        gold=gold,
        groups=type_groups(row),
        duration_seconds=of_video.number("duration"),
        evidence_seconds=Record(of_video.place, of_video.mapping("location")).spans(number),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (one wording, no subtitles)
    """The prompt with question, options and the form of the span; there is no official one."""
    ask = "Answer with the option's letter and when it is seen, as in: C 24.3 - 30.4 seconds"
    return f"{item.text}\n{options_lines(item)}\n{ask}"


def spell(item: Item, reply: RawAnswer, profile: Profile) -> str:  # noqa: ARG001 (one spelling)
    """Spells an answer as `C 24.3 - 30.4 seconds`; without evidence as the letter alone."""
    if reply.option is None:
        return ""
    letter = item.letters[reply.option]
    return f"{letter} {spell_span(reply.spans[0])}" if reply.spans else letter


def _read(item: Item, said: str) -> tuple[str, Span | None]:
    letter, _, rest = said.strip().partition(" ")
    return strict_letter(letter, len(item.options)), strict_span(re.sub(r"\s+", " ", rest))


def iou_and_iop(span: Span, gold: Sequence[Span]) -> tuple[float, float]:
    """The best IoU and the best intersection over the span's own length (IoP), each over all gold spans."""
    ious, iops = [0.0], [0.0]
    for start, stop in gold:
        if span[0] == span[1]:
            iops.append(float(start <= span[0] <= stop))
            continue
        shared = min(stop, span[1]) - max(start, span[0])
        ious.append(shared / (max(stop, span[1]) - min(start, span[0])))
        iops.append(shared / (span[1] - span[0]))
    return max(ious), max(iops)


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores an answer by Acc@GQA: the correct option with the correct moment."""
    letter, span = _read(item, said or "")
    if profile == "official" and span is None:
        return Score(None, letter, "left out: there is no predicted span")
    if not letter or span is None:
        return Score(0.0, letter, "no letter in it" if not letter else "no span in it")
    is_grounded = iou_and_iop(span, item.evidence_seconds)[1] >= 0.5
    is_right = letter in item.right_letters
    why = "another option" if not is_right else "the right option and moment" if is_grounded else "another moment"
    return Score(float(is_right and is_grounded), letter, why)


def metrics(items: Sequence[Item], said: Mapping[str, str], profile: Profile) -> dict[str, float]:
    """Metrics in percent: Acc@GQA as `accuracy`, Acc@QA, mIoU, mIoP, shares at 0.3 and 0.5; mean span in seconds."""
    given = [(item, _read(item, said.get(item.id, ""))) for item in items]
    counted = given if profile == "strict" else [pair for pair in given if pair[1][1] is not None]
    pairs = [iou_and_iop(span, item.evidence_seconds) if span else (0.0, 0.0) for item, (_, span) in counted]
    found: dict[str, float | None] = dict(score_metrics(score)(items, said, profile))
    found["Acc@QA"] = percent([float(bool(x) and x in item.right_letters) for item, (x, _) in counted])
    for column, name in enumerate(("IoU", "IoP")):
        values = [pair[column] for pair in pairs]
        found[f"m{name}"] = percent(values)
        for share in (0.3, 0.5):
            found[f"T{name}@{share}"] = percent([float(value >= share) for value in values])
    lengths = [span[1] - span[0] for _, (_, span) in counted if span is not None]
    found["mean span seconds"] = sum(lengths) / len(lengths) if lengths else None
    return {name: value for name, value in found.items() if value is not None}


_PROFILES: tuple[Profile, ...] = ("strict", "official")
NEXT_GQA = Benchmark(partial(load, split="test"), prompt, spell, score, metrics, _PROFILES, has_published_prompt=False)
NEXT_GQA_VAL = Benchmark(
    partial(load, split="val"), prompt, spell, score, metrics, _PROFILES, has_published_prompt=False
)
