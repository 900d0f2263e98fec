"""Subtitles as benchmarks give them to a model: those at the times of its frames, by three different rules.

A policy that chooses its frames is given the lines at the times of the frames it chose; all lines at once are another
setting, with other numbers.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.benchmarks.records import Record, json_rows

_TIMES = re.compile(r"(?<!\d)(\d++):(\d\d):(\d\d)[,.](\d{3})\s*-->\s*(\d+):(\d\d):(\d\d)[,.](\d{3})")
_FONT, _FONT_ENDS = re.compile(r'<font color="white" size=".72c">'), "</font>"
_SHORT_SECONDS = 1.0
"""Least length of a cue in LongVideoBench's rule; shorter ones count as this long."""


@dataclass(frozen=True)
class TranscriptCue:
    """One subtitle with its times, markup kept."""

    start_seconds: float
    stop_seconds: float
    text: str


def read_srt(path: Path) -> tuple[TranscriptCue, ...]:
    """Reads the cues of an .srt file in order; lines of one cue are joined by a space."""
    cues = []
    for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")):
        lines = block.strip().split("\n")
        for number, line in enumerate(lines):
            if found := _TIMES.search(line):
                h, m, s, ms, h2, m2, s2, ms2 = (int(part) for part in found.groups())
                start, stop = 3600 * h + 60 * m + s + ms / 1000, 3600 * h2 + 60 * m2 + s2 + ms2 / 1000
                cues.append(TranscriptCue(start, stop, " ".join(lines[number + 1 :])))
                break
    return tuple(cues)


def plain(text: str) -> str:
    """The text of a cue without markup."""
    return "\n".join(map(_without_tags, text.split("\n"))).strip()


def _without_tags(line: str) -> str:
    """The line without tags, as by `<[^>]+>`; `<>` is no tag."""
    kept, at = [], 0
    while (start := line.find("<", at)) >= 0 and (stop := line.find(">", start)) >= 0:
        is_empty = stop == start + 1
        kept.append(line[at : start + is_empty])
        at = start + 1 if is_empty else stop + 1
    return "".join(kept) + line[at:]


def official_lines(cues: Sequence[TranscriptCue], seen_seconds: Sequence[float]) -> list[str]:
    """Video-MME's lines: each cue at the time of some frame, once."""
    return [plain(c.text) for c in cues if any(c.start_seconds <= t <= c.stop_seconds for t in seen_seconds)]


def vlm_lines(cues: Sequence[TranscriptCue], seen_seconds: Sequence[float]) -> list[str]:
    """VLMEvalKit's lines: for each frame the first cue around it, so that a cue may come several times."""
    found = [next((c for c in cues if c.start_seconds < t < c.stop_seconds), None) for t in seen_seconds]
    return [plain(cue.text) for cue in found if cue is not None]


def lmms_lines(cues: Sequence[TranscriptCue], seen_seconds: Sequence[float]) -> list[str]:
    """lmms-eval's lines: each cue at the time of some frame, but only text in one certain font tag; other cues vanish.

    lmms-eval has them in no order; here they are in that of the file.
    """
    shown = [c for c in cues if any(c.start_seconds <= t < c.stop_seconds for t in seen_seconds)]
    return [text for cue in shown if (text := _in_font(cue.text)) is not None]


def _in_font(text: str) -> str | None:
    """Text in the first font tag that ends on its line; None without one."""
    for line in text.split("\n"):
        if (opening := _FONT.search(line)) is not None and (stop := line.find(_FONT_ENDS, opening.end())) >= 0:
            return line[opening.end() : stop]
    return None


def longvideobench_cues(path: Path, offset_seconds: float, duration_seconds: float) -> tuple[TranscriptCue, ...]:
    """Reads subtitles of LongVideoBench, in either of its two formats, with times of the cut video.

    A cue without an end gets the length of the video as its end, from which the offset is then subtracted, too, as the
    source does it: it may end before it starts.

    Args:
        path: the JSON file.
        offset_seconds: time of the cut in the whole video.
        duration_seconds: length of the cut video.
    """
    rows = (_times(row, duration_seconds) for row in json_rows(path))
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


def interleaved(cues: Sequence[TranscriptCue], seen_seconds: Sequence[float]) -> str:
    """LongVideoBench's text: `<image>` for each frame, and each cue at its middle, if some frame is strictly inside it.

    Cues of less than a second count as one second long.
    """
    lines, shown = [], 0
    for cue in cues:
        start, stop = cue.start_seconds, cue.stop_seconds
        middle = (start + stop) / 2
        while shown < len(seen_seconds) and seen_seconds[shown] <= middle:
            lines.append("<image>")
            shown += 1
        if stop - start < _SHORT_SECONDS:
            start, stop = middle - _SHORT_SECONDS / 2, middle + _SHORT_SECONDS / 2
        if any(start < t < stop for t in seen_seconds):
            lines.append(cue.text)
    return "\n".join([*lines, *["<image>"] * (len(seen_seconds) - shown)])
