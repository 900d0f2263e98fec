"""Lines that somebody wrote down: subtitle files in any encoding, and text subtitle streams inside the video.

They are trusted more than recognised speech, but their times belong to the container: a stream's lines are moved so
that second 0 is the first frame shown. A file's lines are taken as they are, as players do. A line is written down
whole, so of a video that was opened up to a time only the lines that have ended by then count.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tools.container import open_container

if TYPE_CHECKING:
    from tools.footage import Footage

Source = Literal["subtitle file", "subtitle stream", "recognised"]

_MAX_BYTES = 32 * 1024 * 1024
"""A film's subtitles are 0.1 MB. Larger is a video or a disk image given by mistake."""
_MARKUP = re.compile(r"\{[^}]*\}|<[^>\n]{1,60}>")
_TEXT_CODECS = frozenset({"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"})


@dataclass(frozen=True)
class Word:
    """One recognised word and when it was said."""

    text: str
    start_seconds: float
    stop_seconds: float
    probability: float


@dataclass(frozen=True)
class SpeechLine:
    """Something said, where it is known from, and reasons to doubt it."""

    start_seconds: float
    stop_seconds: float
    text: str
    no_speech: float | None
    """The recogniser's probability that nobody spoke, 0..1; None for subtitles."""
    source: Source
    mean_logprob: float | None = None
    """Mean log-probability of the recognised tokens; None for subtitles."""
    compression: float | None = None
    """How far the text compresses: above 2.4 it repeats itself. None for subtitles."""
    words: tuple[Word, ...] = ()
    doubts: tuple[str, ...] = ()
    """Why this may be invented, in words; empty for a line that may be quoted."""


def read_subtitles(path: str | Path) -> tuple[SpeechLine, ...]:
    """The lines of an .srt, .vtt, .ass or .ssa file in time order; ValueError says what is wrong with another file."""
    path = Path(path)
    if not path.is_file():
        wrong = "is a folder" if path.is_dir() else "does not exist"
        raise ValueError(f"{path} {wrong}: need a subtitle file (.srt, .vtt, .ass or .ssa)")
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path} is {path.stat().st_size >> 20} MB: too large for subtitles, is it the video?")
    raw = path.read_bytes()
    if not raw.strip():
        raise ValueError(f"{path} is empty: need a subtitle file with at least one line")
    lines = _parsed(_decoded(raw), path)
    if not lines:
        raise ValueError(f"{path} holds no subtitle line: is it really .srt, .vtt, .ass or .ssa?")
    return lines


def ended_by(lines: Iterable[SpeechLine], seconds: float | None) -> tuple[SpeechLine, ...]:
    """The lines that end at `seconds` or before; all of them if that is None."""
    return tuple(line for line in lines if seconds is None or line.stop_seconds <= seconds)


def _decoded(raw: bytes) -> str:
    """Text in whatever encoding: marked UTF-16 or UTF-8 first, UTF-16 by its zero bytes, else UTF-8, else Latin."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    head = raw[:4000]
    if head.count(0) > len(head) // 4:  # no mark, but every other byte of Latin text is zero in UTF-16
        return raw.decode("utf-16-be" if head[0::2].count(0) > head[1::2].count(0) else "utf-16-le", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Windows Latin is what is left in practice; it has undefined bytes, which plain Latin-1 has not.
        return raw.decode("cp1252", errors="replace")


def _parsed(text: str, path: Path) -> tuple[SpeechLine, ...]:
    import pysubs2

    if "\0" in text:
        raise ValueError(f"{path} is not text: need a subtitle file (.srt, .vtt, .ass or .ssa)")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        kind = pysubs2.formats.autodetect_format(text)
    except pysubs2.FormatAutodetectionError as error:
        raise ValueError(f"{path} is not a subtitle file that can be read: need .srt, .vtt, .ass or .ssa") from error
    if kind not in ("srt", "vtt", "ass", "ssa"):
        raise ValueError(f"{path} is a {kind} file: need .srt, .vtt, .ass or .ssa")
    try:
        subtitles = pysubs2.SSAFile.from_string(text, format_=kind)
    except (pysubs2.Pysubs2Error, ValueError) as error:
        raise ValueError(f"{path} looks like {kind} but cannot be read: {error}") from error
    lines = [
        SpeechLine(event.start / 1000, event.end / 1000, said, None, "subtitle file")
        for event in subtitles
        if not event.is_comment and not event.is_drawing and event.end > event.start and (said := plain(event.text))
    ]
    return tuple(sorted(lines, key=lambda line: (line.start_seconds, line.stop_seconds)))


def plain(text: str) -> str:
    """A subtitle's words on one line: no styles, no entities, no line breaks."""
    text = _MARKUP.sub("", text.replace("\\N", " ").replace("\\n", " ").replace("\\h", " "))
    return " ".join(html.unescape(text).split())


def embedded_subtitles(video: "Footage") -> tuple[SpeechLine, ...]:
    """The lines of the video's first text subtitle stream (the default one if marked), () where there is none."""
    import av

    lines: list[SpeechLine] = []
    with open_container(video.path) as container:
        streams = [s for s in container.streams.subtitles if s.codec_context.name in _TEXT_CODECS]
        if not streams:
            return ()
        stream = next((s for s in streams if s.disposition & av.stream.Disposition.default), streams[0])
        for packet in video.clock.packets(container, stream):
            if packet.pts is None or packet.time_base is None:
                continue
            start_seconds = float(packet.pts * packet.time_base)
            stop_seconds = start_seconds + float((packet.duration or 0) * packet.time_base)
            said = plain(_packet_text(bytes(packet), stream.codec_context.name))
            if said and stop_seconds > max(start_seconds, 0.0):
                start_seconds = max(start_seconds, 0.0)
                lines.append(SpeechLine(start_seconds, stop_seconds, said, None, "subtitle stream"))
    known = ended_by(lines, video.until_seconds)
    return tuple(sorted(known, key=lambda line: (line.start_seconds, line.stop_seconds)))


def _packet_text(raw: bytes, codec: str) -> str:
    """The words in one packet. Decoding through FFmpeg would turn every codec into ASS; the packets are as simple."""
    if codec == "mov_text":  # two bytes of length, the text, then style boxes
        raw = raw[2 : 2 + int.from_bytes(raw[:2], "big")]
    text = raw.decode("utf-8", errors="replace")
    if codec in ("ass", "ssa"):  # ReadOrder, Layer, Style, Name, three margins, Effect, Text
        text = text.split(",", 8)[-1]
    return text
