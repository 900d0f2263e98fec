"""Timed lines as files that players and editors read: SRT, WebVTT, JSON.

A line is somebody else's words: what would end a cue, or begin markup, is taken out of it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from tools.observation import Box

CaptionFormat = Literal["srt", "vtt", "json"]
FORMATS: tuple[CaptionFormat, ...] = ("srt", "vtt", "json")


@dataclass(frozen=True)
class TimedLine:
    """A line with the time for which it is said or shown."""

    start_seconds: float
    stop_seconds: float
    text: str
    source: str
    """Where it comes from: `recognised`, `subtitles`, `screen` and the like."""
    doubt: str = ""
    """Reason why the line may be wrong; such a line is no subtitle, and stands in JSON alone."""
    box: Box | None = None
    """Place in the picture, in fractions 0..1; None for speech."""


def format_lines(lines: Sequence[TimedLine], form: CaptionFormat) -> str:
    """The text of a file of some lines, in order of time; doubtful ones stand in JSON alone.

    Args:
        lines: the lines in any order.
        form: format of the file.
    """
    ordered = sorted(lines, key=lambda line: (line.start_seconds, line.stop_seconds))
    if form == "json":
        return json.dumps([asdict(line) for line in ordered], ensure_ascii=False, indent=1) + "\n"
    sure = [line for line in ordered if not line.doubt and line.text.strip()]
    if form == "vtt":
        cues = [f"{_format_time(line, '.')}\n{_clean(line.text, is_vtt=True)}\n" for line in sure]
        return "\n".join(("WEBVTT\n", *cues))
    return "\n".join(
        f"{number}\n{_format_time(line, ',')}\n{_clean(line.text)}\n" for number, line in enumerate(sure, 1)
    )


def _clean(text: str, *, is_vtt: bool = False) -> str:
    """A line as one line of a cue: no blank line, no arrow, and in WebVTT no markup."""
    text = " ".join(text.split()).replace("-->", "→")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") if is_vtt else text


def _format_time(line: TimedLine, point: str) -> str:
    start = round(line.start_seconds * 1000)
    stop = max(round(line.stop_seconds * 1000), start + 1)  # a cue without duration is none
    return f"{_format_clock(start, point)} --> {_format_clock(stop, point)}"


def _format_clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"
