"""The subtitles of LongVideoBench, and subtitles written to a file that the tools read."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysubs2 import SSAEvent, SSAFile

from evals.benchmarks.records import Record, read_json_rows


@dataclass(frozen=True)
class TranscriptCue:
    """One subtitle with its times, markup kept."""

    start_seconds: float
    stop_seconds: float
    text: str


def srt_of(cues: Iterable[TranscriptCue]) -> str:
    """An .srt file of the cues, without their markup."""
    file = SSAFile()
    for cue in cues:
        start, stop = (max(0, round(1000 * seconds)) for seconds in (cue.start_seconds, cue.stop_seconds))
        file.append(SSAEvent(start, stop, strip_markup(cue.text).replace("\n", "\\N")))
    return file.to_string("srt", keep_ssa_tags=True)


def strip_markup(text: str) -> str:
    """The text of a cue without markup."""
    return "\n".join(map(_strip_tags, text.split("\n"))).strip()


def _strip_tags(line: str) -> str:
    """The line without tags, as by `<[^>]+>`; `<>` is no tag."""
    kept, at = [], 0
    while (start := line.find("<", at)) >= 0 and (stop := line.find(">", start)) >= 0:
        is_empty = stop == start + 1
        kept.append(line[at : start + is_empty])
        at = start + 1 if is_empty else stop + 1
    return "".join(kept) + line[at:]


def read_longvideobench_cues(path: Path, offset_seconds: float, duration_seconds: float) -> tuple[TranscriptCue, ...]:
    """Reads subtitles of LongVideoBench, in either of its two formats, with times of the cut video.

    A cue without an end gets the length of the video as its end, from which the offset is then subtracted, too, as the
    source does it: it may end before it starts.

    Args:
        path: the JSON file.
        offset_seconds: time of the cut in the whole video.
        duration_seconds: length of the cut video.
    """
    rows = (_times(row, duration_seconds) for row in read_json_rows(path))
    return tuple(TranscriptCue(start - offset_seconds, stop - offset_seconds, text) for start, stop, text in rows)


def _times(row: Record, duration_seconds: float) -> tuple[float, float, str]:
    if not row.has("timestamp"):
        start, stop = (_clock(row.text(key)) for key in ("start", "end"))
        return start, stop, row.text("line")
    times: Any = row.values["timestamp"]
    if not isinstance(times, list) or len(times) != 2 or not isinstance(times[0], int | float):
        raise row.damaged("timestamp", "[start, end]", times)
    return float(times[0]), float(times[1]) if isinstance(times[1], float) else duration_seconds, row.text("text")


def _clock(text: str) -> float:
    hours, minutes, seconds = text.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
