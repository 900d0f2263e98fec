"""Parses subtitle files into cues: when a text is shown, and its lines without markup.

Only what is markup for a player is taken out: a brace or an angle bracket that somebody wrote stays a word. Every
pattern here takes time in proportion to the text, since files come from strangers.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SubtitleCue:
    """Rows of text that are on screen together, with their times."""

    start_seconds: float
    stop_seconds: float
    lines: tuple[str, ...]
    """Rows of text, from the top, without markup; no empty ones."""

    @property
    def text(self) -> str:
        """Text of all rows on one line."""
        return " ".join(self.lines)


_COLON = r"[ \t]?[:：][ \t]?"
_CLOCK = (
    rf"([-−])?(?:(\d{{1,6}}){_COLON}(?=\d{{1,2}}{_COLON})|(?=\d{{1,2}}{_COLON}\d{{1,2}}[ \t]?[.,，]))"
    rf"(\d{{1,2}}){_COLON}(\d{{1,2}})(?:[ \t]?[.,，:：][ \t]?(\d{{1,9}}))?"
)
"""Pattern of a cue's clock: hours, or a fraction of the second, tell it from a clock in a text.

It is negative where subtitles were moved to an earlier time.
"""
_TIMING = re.compile(rf"[ \t]{{0,9}}{_CLOCK}(?:[ \t]{{0,9}}(?:[-–—]{{1,3}}[>＞]|[→⟶])[ \t]{{0,9}}|,){_CLOCK}(?![\d:])")
"""Pattern of a cue's times, also as translators and word processors leave them: `00: 00: 01, 000 → 00：00：02，000`."""
_NUMBER = re.compile(r"[ \t]*\d{1,9}[ \t]*\Z")


def parse_srt(text: str) -> Iterator[SubtitleCue]:
    """The cues of SubRip and YouTube's SBV, whose rows may be blank; a cue's number is no row of its text."""
    for timing, rows in _split_blocks(text):
        while rows and not rows[-1].strip():
            rows.pop()
        yield _make_cue(timing, rows)


def parse_vtt(text: str) -> Iterator[SubtitleCue]:
    """The cues of WebVTT, which end at the first empty row: notes, styles and names of cues are never shown."""
    for timing, rows in _split_blocks(text):
        end = next((i for i, row in enumerate(rows) if not row), len(rows))
        yield _make_cue(timing, rows[:end])


def _split_blocks(text: str) -> Iterator[tuple[re.Match[str], list[str]]]:
    """Splits a text into (times, rows up to the next times); the number of a cue is no row."""
    timing: re.Match[str] | None = None
    rows: list[str] = []
    number = "0"
    for row in text.split("\n"):
        found = _TIMING.match(row)
        if found is None:
            rows.append(row)
            continue
        before = _take_number(rows, number)
        if timing is not None:
            yield timing, rows
        timing, rows, number = found, [], before.strip()
    if timing is None:
        return
    while rows and not rows[-1].strip():
        rows.pop()
    # A file that breaks off behind the next cue's number: one more than the last, with an empty row before it.
    if len(rows) > 1 and number.isdecimal() and rows[-1].strip() == str(int(number) + 1) and not rows[-2].strip():
        rows.pop()
    yield timing, rows


def _take_number(rows: list[str], last: str) -> str:
    """Takes the number of the next cue off the rows before its times; empty where there is none.

    Where every second row is blank, as line ends that were converted twice leave it, it is the one after the last.
    """
    end = len(rows)
    while end and not rows[end - 1].strip():
        end -= 1
    if not end or not _NUMBER.match(rows[end - 1]):
        return ""
    number = rows[end - 1]
    if end < len(rows) and not (last.isdecimal() and int(number) == int(last) + 1):
        return ""
    del rows[end - 1 :]
    return number


def _make_cue(timing: re.Match[str], rows: Sequence[str]) -> SubtitleCue:
    clock = timing.groups()
    lines = (strip_markup(row) for row in rows)
    return SubtitleCue(_parse_clock(clock[:5]), _parse_clock(clock[5:]), tuple(line for line in lines if line))


def _parse_clock(clock: Sequence[str | None]) -> float:
    sign, hours, minutes, seconds, fraction = clock
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    told = whole + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)
    return -told if sign else told


def parse_ass(text: str) -> Iterator[SubtitleCue]:
    """The cues of Advanced SubStation Alpha and its forerunner.

    Drawings and comments are no text. Karaoke is written twice, whole as a comment and in pieces that are shown:
    there the whole counts.

    Raises:
        ValueError: the text can't be read.
    """
    import pysubs2

    try:
        is_old = "Format: Marked" in text  # SubStation Alpha 4, whose events have no layers
        events = pysubs2.SSAFile.from_string(text, format_="ssa" if is_old else "ass").events
    except (pysubs2.Pysubs2Error, ValueError, TypeError) as error:
        raise ValueError(str(error)) from error
    pieces = any(event.effect.strip().casefold() == "fx" for event in events)
    for event in events:
        effect = event.effect.strip().casefold()
        if (pieces and effect == "fx") or (event.is_comment and not (pieces and effect == "karaoke")):
            continue
        yield SubtitleCue(event.start / 1000, event.end / 1000, parse_ass_rows(event.text))


_OVERRIDE = re.compile(r"\{[^{}]*\}")
_DRAWING = re.compile(r"\\p(\d+)")
_ASS_BREAK = re.compile(r"\\[Nn]")


def parse_ass_rows(text: str) -> tuple[str, ...]:
    """The rows that an event shows: no overrides, no remarks in braces, no drawings."""
    shown, is_drawing, place = [], False, 0
    for override in _OVERRIDE.finditer(text):
        if not is_drawing:
            shown.append(text[place : override.start()])
        place = override.end()
        for scale in _DRAWING.findall(override.group()):
            is_drawing = int(scale[:9]) > 0
    if not is_drawing:
        shown.append(text[place:])
    rows = (" ".join(row.replace("\\h", " ").split()) for row in _ASS_BREAK.split("".join(shown)))
    return tuple(_unescape(row) for row in rows if row)


_TAG = re.compile(
    r"<(?:/[ \t]{0,3})?(?:"
    r"(?:b|i|u|s|em|strong|strike|del|big|small|sub|sup|tt|center|c|v|lang|ruby|rt|rp|font|span|p|div)"
    r"(?:\.[^<>\s]{0,200})?"  # WebVTT's classes
    r"|(?:v|lang)(?:\.[^<>\s]{0,200})?[ \t][^<>]{1,200}"  # who speaks, and in what language
    r"|(?:font|span|p|div|b|i|u|s|c)[ \t]{1,3}[a-z-]{1,20}[ \t]{0,3}=[^<>]{1,400}"
    r"|\d{1,6}:\d\d(?::\d\d)?[.,]\d{1,3}"  # when the next words are said
    r")[ \t]{0,3}/?>",
    re.IGNORECASE,
)
_LINE_BREAK = re.compile(r"<[ \t]{0,3}br[ \t]{0,3}/?[ \t]{0,3}>|(?-i:(?<!:)\\[Nh])", re.IGNORECASE)
_BRACED = re.compile(r"\{(?:\\[^{}]*|[CcFfoPSsYy]:[^{}]*)\}")
"""Pattern of SubStation's overrides and MicroDVD's styles, which players hide in SubRip."""
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def strip_markup(text: str) -> str:
    """The words of a row of SubRip or WebVTT: no styles, no entities, no line breaks."""
    text = _BRACED.sub("", text) if "{" in text else text
    if "<" in text or "\\" in text:
        text = _TAG.sub("", _LINE_BREAK.sub(" ", text))
    return _unescape(" ".join(text.split()))


def _unescape(text: str) -> str:
    if "&" not in text:
        return text
    return " ".join(_ENTITY.sub(lambda entity: html.unescape(entity.group()), text).split())
