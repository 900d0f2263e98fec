"""Charades-STA and ActivityNet Captions: the span of the video in which a sentence happens.

The published scripts score numbers, so there is no official reading of a text. lmms-eval reads `24.3 - 30.4` and "x to
y" but neither JSON nor "starts at x and ends at y", and keeps one of several equal queries: the last. A gold span may
reach beyond the end of the video.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile
from evals.benchmarks.item import Item, RawAnswer, find_first_existing, find_video
from evals.benchmarks.metrics import percent, score_metrics
from evals.benchmarks.records import Record, RecordPlace, read_json, read_text_lines
from evals.scoring.published.spans import lmms_charades, spell_span, strict_span
from evals.scoring.scoring import Score
from evals.scoring.spans import Span

_SHARES = (0.3, 0.5, 0.7)
_FIND = (
    "Please find the visual event described by a sentence in the video, determining its starting and ending times. The "
    "format should be: 'The event happens in the start time - end time'. For example, The event 'person turn a light "
    "on' happens in the 24.3 - 30.4 seonds. Now I will give you the textual sentence: "
)


def load_charades(folder: Path) -> tuple[Item, ...]:
    """Reads the sentences of `charades_sta_test.txt`, lines of `VIDEO START END##SENTENCE`."""
    videos = find_first_existing(folder / "Charades_v1_480", folder / "videos")
    return tuple(_charades(videos, place, line) for place, line in read_text_lines(folder / "charades_sta_test.txt"))


def _charades(videos: Path, place: RecordPlace, line: str) -> Item:
    found = re.fullmatch(r"(\S+) ([\d.]+) ([\d.]+)##(.+)", line.strip())
    if found is None:
        raise ValueError(f"{place}: need VIDEO START END##SENTENCE, got {line[:80]!r}; fetch the file again")
    row = Record(place, {"start": found[2], "end": found[3]})
    span = (row.number("start"), row.number("end"))
    return _item(f"{found[1]}#{place.row}", found[1], videos, place, found[4].strip(), span, None)


def load_activitynet(folder: Path, file: str) -> tuple[Item, ...]:
    """Reads the sentences of `val_1.json` or `val_2.json`; most papers test on val_2.

    Raises:
        ValueError: a row is damaged.
    """
    items = []
    for number, (video, values) in enumerate(read_json(folder / file).items(), start=1):
        row = Record(RecordPlace(f"{file}, {video}", number), values)
        spans, sentences = row.spans("timestamps"), row.texts("sentences")
        if len(spans) != len(sentences):
            raise row.damaged("sentences", f"one for each of {len(spans)} timestamps", len(sentences))
        for i, (span, sentence) in enumerate(zip(spans, sentences, strict=True)):
            place, duration = row.place, row.number("duration")
            items.append(_item(f"{video}#{i}", video, folder / "videos", place, sentence.strip(), span, duration))
    return tuple(items)


def _item(
    item_id: str, video: str, videos: Path, place: RecordPlace, text: str, span: Span, duration_seconds: float | None
) -> Item:
    return Item(
        id=item_id,
        kind="span",
        video=find_video(videos, video, place),
        cluster=video,
        text=text,
        place=place,
        gold=spell_span(_order_span(span)),
        duration_seconds=duration_seconds,
        evidence_seconds=(span,),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (one wording, no subtitles)
    """The prompt of lmms-eval, typing error kept; there is no official one."""
    return f"{_FIND}{item.text}. Please return its start time and end time."


def spell(item: Item, reply: RawAnswer, profile: Profile) -> str:  # noqa: ARG001 (one spelling)
    """Spells a span as `24.3 - 30.4 seconds`, from the answer's text where it is just that, else from its evidence."""
    said = strict_span(reply.text)
    span = said or (_order_span(reply.spans[0]) if reply.spans else None)
    return "" if span is None else spell_span(span)


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores an answer by the IoU of its first span; 0 where none can be read."""
    span = lmms_charades(said or "") if profile == "lmms" else strict_span(said or "")
    if span is None:
        return Score(0.0, "", "no span in it")
    value = iou(span, _order_span(item.evidence_seconds[0]))
    return Score(value, spell_span(span), f"IoU {value:.3f}")


def _order_span(span: Span) -> Span:
    return min(span), max(span)  # a few published spans are the wrong way round


def iou(first: Span, second: Span) -> float:
    """Temporal IoU: intersection over the length from the earliest start to the latest end; 0 for two equal moments."""
    length = max(first[1], second[1]) - min(first[0], second[0])
    return max(min(first[1], second[1]) - max(first[0], second[0]), 0.0) / length if length > 0 else 0.0


def metrics(items: Sequence[Item], said: Mapping[str, str], profile: Profile) -> dict[str, float]:
    """Metrics in percent: mIoU as `accuracy`, and R1@0.3, R1@0.5, R1@0.7, the shares with at least that IoU."""
    if profile == "lmms":  # its results are keyed by video, sentence and span
        items = list({(item.cluster, item.text, item.evidence_seconds): item for item in items}.values())
    values = [score(item, said.get(item.id), profile).value or 0.0 for item in items]
    found = score_metrics(score)(items, said, profile)
    shares = {f"R1@{share}": percent([float(value >= share) for value in values]) for share in _SHARES}
    return {**found, **{name: value for name, value in shares.items() if value is not None}}


_PROFILES: tuple[Profile, ...] = ("strict", "lmms")
CHARADES_STA = Benchmark(load_charades, prompt, spell, score, metrics, _PROFILES)
ACTIVITYNET_1 = Benchmark(partial(load_activitynet, file="val_1.json"), prompt, spell, score, metrics, _PROFILES)
ACTIVITYNET_2 = Benchmark(partial(load_activitynet, file="val_2.json"), prompt, spell, score, metrics, _PROFILES)
