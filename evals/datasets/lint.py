"""Lint of a benchmark's files before a run: each finding names file, row and key.

It looks only for what would make scores meaningless or a run stop. Published sets do have such rows.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.benchmarks.item import Item
from evals.benchmarks.records import RecordPlace

SLACK_SECONDS = 0.5
"""Tolerance in comparing times with lengths, since both are rounded."""

Duration = Callable[[Path], float | None]
"""Function that gives the length of a video file in seconds; None where it is unknown."""


def read_promised_seconds(video: Path) -> float | None:
    """Length in the header of a video, in seconds, without decoding; None for a file that is no video."""
    from tools.demux.container import VideoError
    from tools.demux.header import read_header  # here, so that a lint of annotations needs no video library

    try:
        return read_header(video).promised_seconds
    except VideoError:
        return None


_CLOCK = re.compile(r"(?<![\d:])(?:(\d{1,2}):)?(\d{1,2}):([0-5]\d)(?![\d:])")


@dataclass(frozen=True)
class LintFinding:
    """One thing that is wrong with a question, with its place."""

    place: RecordPlace
    key: str
    """Part of the question that is wrong."""
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.what}"


def lint(items: Sequence[Item], duration: Duration) -> tuple[LintFinding, ...]:
    """All findings about the questions, in their order.

    Args:
        items: the questions of a benchmark.
        duration: gives the length of a video; called once for each video that exists.
    """
    lengths: dict[Path, float | None] = {}
    first: dict[tuple[str, ...], RecordPlace] = {}
    findings: list[LintFinding] = []
    for item in items:
        if item.video not in lengths:
            lengths[item.video] = duration(item.video) if item.video.is_file() else None
        if not item.video.exists():
            findings.append(LintFinding(item.place, "video", f"{item.video} is missing"))
        length = lengths[item.video] or item.duration_seconds
        findings += [LintFinding(item.place, key, what) for key, what in (*_options(item), *_times(item, length))]
        asked = (item.cluster, str(item.segment_seconds), " ".join(item.text.casefold().split()), *item.options)
        for key, *value in (("id", item.id), ("question", *asked)):
            if (before := first.setdefault((key, *value), item.place)) is not item.place:
                findings.append(LintFinding(item.place, key, f"the same as in {before}"))
    return tuple(findings)


def _options(item: Item) -> Iterator[tuple[str, str]]:
    doubles = sorted({option for option in item.options if item.options.count(option) > 1})
    if doubles:
        yield "options", f"{doubles[0]!r} is there {item.options.count(doubles[0])} times"
    if item.options and item.gold is not None and item.gold not in item.options:
        yield "answer", f"{item.gold!r} is none of the options"
    if item.kind == "choice" and len(item.options) < 2:
        yield "options", f"need at least two, there are {len(item.options)}"


def _times(item: Item, length_seconds: float | None) -> Iterator[tuple[str, str]]:
    named = [("evidence", span) for span in item.evidence_seconds]
    named += [("segment", item.segment_seconds)] if item.segment_seconds else []
    for key, (start, stop) in named:
        if not 0 <= start <= stop:
            yield key, f"need 0 <= start <= end, got {start:g} to {stop:g} s"
        elif length_seconds is not None and stop > length_seconds + SLACK_SECONDS:
            yield key, f"ends at {stop:g} s, the video at {length_seconds:g} s"
    if length_seconds is None:
        return
    for clock in _CLOCK.finditer(item.text):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        if 3600 * hours + 60 * minutes + seconds > length_seconds + SLACK_SECONDS:
            yield "question", f"speaks of {clock[0]}, the video ends at {length_seconds:g} s (or it is a time of day)"
