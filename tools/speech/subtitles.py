"""Reads subtitles: files in any encoding, and text subtitle streams inside the video.

Written lines are trusted more than recognised speech, but their times belong to the container: a stream's lines are
moved so that second 0 is the first frame shown. A file's lines are taken as they are, as players do. A line is written
down whole, so of a video that was opened up to a time only the lines that have ended by then count.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tools.demux.container import open_container
from tools.demux.header import TEXT_SUBTITLES
from tools.speech.closed_captions import read_closed_captions
from tools.speech.rolling_captions import merge_rolling
from tools.speech.subtitle_encoding import Decoded, decode, find_language, normalise_language
from tools.speech.subtitle_text import SubtitleCue, parse_ass, parse_ass_rows, parse_srt, parse_vtt, strip_markup

if TYPE_CHECKING:
    from tools.video.source import VideoSource

Source = Literal["subtitle file", "subtitle stream", "recognised"]

_MAX_BYTES = 32 * 1024 * 1024
"""Size of a file past which it is a video or a disk image given by mistake: a film's subtitles are 0.1 MB."""
_MAX_LINES = 100_000
"""Lines that are read at most; a film has 2,000."""
_MAX_CHARACTERS = 1000
"""Length of one line; what is longer comes as several, so that a tool can give any part of it."""
_UNTOLD_SECONDS = 5.0
"""Time for which a line stays, at most, whose stream does not say it."""
_PICTURE_CODECS = frozenset({"hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub"})
"""FFmpeg's names of codecs that are pictures of text."""


_LEAST_LETTERS_A_MINUTE = 40
"""Letters a minute below which subtitles are not all that is said: about ten words, of the hundred that people say."""
_UNTOLD_STRETCH_SECONDS = 120.0
"""Seconds without a subtitle from which it is not known whether anything is said: films are seldom silent as long."""
_SOUND = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|\*[^*]*\*")
"""Description of a sound, as `[Music]`."""
_LETTER = re.compile(r"[^\W_]")


@dataclass(frozen=True)
class SpokenWord:
    """One recognised word and when it was said."""

    text: str
    start_seconds: float
    stop_seconds: float
    probability: float
    """The recogniser's probability of the word, 0..1."""


@dataclass(frozen=True)
class SpeechLine:
    """A line of speech with its time, its source, and reasons to doubt it."""

    start_seconds: float
    stop_seconds: float
    text: str
    no_speech: float | None
    """The recogniser's probability that nobody spoke, 0..1; None for subtitles."""
    source: Source
    mean_logprob: float | None = None
    """Mean log-probability of the recognised tokens; None for subtitles."""
    compression: float | None = None
    """Ratio to which the text compresses: above 2.4 it repeats itself. None for subtitles."""
    words: tuple[SpokenWord, ...] = ()
    doubts: tuple[str, ...] = ()
    """Reasons why the line may be invented, in words; empty for a line that may be quoted."""
    track: str = ""
    """Sound track on which the line was heard, in words; empty for the usual one and for subtitles."""


@dataclass(frozen=True)
class Subtitles:
    """Lines of subtitles in time order, and what could not be read."""

    lines: tuple[SpeechLine, ...] = ()
    gaps: tuple[str, ...] = ()
    """What could not be read, a sentence each."""
    is_whole: bool = True
    """False where only what is said in a foreign language was written down ("forced" subtitles)."""

    def find_untold(self, start_seconds: float, stop_seconds: float) -> tuple[tuple[float, float], ...]:
        """The stretches of a window, (start, stop) in seconds, in which something may be said that nobody wrote down.

        That is all of it where subtitles are forced, or of so few letters that they can't be all that is said, as
        where they tell of sounds or signs alone; else each long stretch without any.
        """
        inside = [x for x in self.lines if x.start_seconds < stop_seconds and x.stop_seconds > start_seconds]
        letters = [(line, len(_LETTER.findall(_SOUND.sub(" ", line.text)))) for line in inside]
        told = sum(count for _, count in letters)
        if not self.is_whole or told * 60 < _LEAST_LETTERS_A_MINUTE * (stop_seconds - start_seconds):
            return ((start_seconds, math.inf),)  # sound may go on behind the last picture
        untold: list[tuple[float, float]] = []
        reached = start_seconds
        for start, stop in [*((x.start_seconds, x.stop_seconds) for x, n in letters if n), (stop_seconds,) * 2]:
            if start - reached >= _UNTOLD_STRETCH_SECONDS:
                untold.append((reached, start))
            reached = max(reached, stop)
        return tuple(untold)


def read_subtitles(path: str | Path) -> tuple[SpeechLine, ...]:
    """Reads the lines of an .srt, .vtt, .ass or .ssa file in time order; raises as `read_subtitle_file` does."""
    return read_subtitle_file(path).lines


def read_subtitle_file(path: str | Path) -> Subtitles:
    """Reads an .srt, .vtt, .ass or .ssa file.

    Raises:
        ValueError: no file, too large, empty, or no subtitles; says which.
    """
    path = Path(path)
    if not path.is_file():
        wrong = "is a folder" if path.is_dir() else "does not exist"
        raise ValueError(f"{path} {wrong}: need a subtitle file (.srt, .vtt, .ass or .ssa)")
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path} is {path.stat().st_size >> 20} MB: too large for subtitles, is it the video?")
    raw = path.read_bytes()
    if not raw.strip():
        raise ValueError(f"{path} is empty: need a subtitle file with at least one line")
    decoded = decode(raw, find_language(path.name))
    lines, gaps = _make_lines(_parse_cues(decoded.text, path), "subtitle file", decoded.doubt)
    if not lines:
        raise ValueError(f"{path} holds no subtitle line: is it really .srt, .vtt, .ass or .ssa?")
    return Subtitles(tuple(lines), gaps, is_whole="forced" not in path.name.casefold().split("."))


def find_subtitles_beside(video: Path) -> tuple[Path, ...]:
    """Subtitle files beside a video that players would take for its own, such as `film.srt` and `film.en.srt`."""
    endings = (".srt", ".vtt", ".ass", ".ssa")
    try:
        files = sorted(video.parent.iterdir())
    except OSError:
        return ()
    named = [file for file in files if file.suffix.casefold() in endings]
    return tuple(file for file in named if file.stem == video.stem or file.stem.startswith(f"{video.stem}."))


def select_ended(lines: Iterable[SpeechLine], seconds: float | None) -> tuple[SpeechLine, ...]:
    """Lines that end at `seconds` or before; all of them if that is None."""
    return tuple(line for line in lines if seconds is None or line.stop_seconds <= seconds)


def _parse_cues(text: str, path: Path) -> Iterator[SubtitleCue]:
    """Parses the cues of a file's text, whatever its name; ValueError for another kind of file."""
    if "\0" in text:
        raise ValueError(f"{path} is not text: need a subtitle file (.srt, .vtt, .ass or .ssa)")
    text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    if text.lstrip().startswith("WEBVTT"):
        return parse_vtt(text)
    if (kind := _detect_kind(text)) in ("ass", "ssa"):
        try:
            return iter(list(parse_ass(text)))
        except ValueError as error:
            raise ValueError(f"{path} looks like {kind} but cannot be read: {error}") from error
    if kind == "srt":
        return parse_srt(text)
    wrong = "is not a subtitle file that can be read" if kind is None else f"is a {kind} file"
    raise ValueError(f"{path} {wrong}: need .srt, .vtt, .ass or .ssa")


def _detect_kind(text: str) -> str | None:
    """Kind of subtitles that pysubs2 takes a text for; None for no subtitles, or several kinds at once."""
    import pysubs2

    try:
        kind: str = pysubs2.formats.autodetect_format(text)
    except pysubs2.FormatAutodetectionError as error:
        is_ass = re.search(r"^\[Events\]\s*+^Format:", text, re.M) is not None  # without styles, as some tools cut it
        return "srt" if "srt" in error.formats else "ass" if is_ass else None
    return kind


def _make_lines(
    cues: Iterable[SubtitleCue], source: Source, doubt: str = ""
) -> tuple[list[SpeechLine], tuple[str, ...]]:
    """Turns cues into lines in time order, neither too many nor too long, and says what was left out."""
    shown = [cue for cue in cues if cue.lines and cue.stop_seconds > max(cue.start_seconds, 0.0)]
    shown.sort(key=lambda cue: (cue.start_seconds, cue.stop_seconds))
    lines: list[SpeechLine] = []
    for cue in merge_rolling(shown):
        if len(lines) >= _MAX_LINES:
            from_seconds = cue.start_seconds
            return lines, (f"only the first {_MAX_LINES} lines were read, those from {from_seconds:.0f} s on were not",)
        text = cue.text
        doubts = _find_doubts(text, doubt)
        lines += [
            SpeechLine(max(cue.start_seconds, 0.0), cue.stop_seconds, part, None, source, doubts=doubts)
            for part in _split_parts(text)
        ]
    return lines, ()


def _find_doubts(text: str, doubt: str) -> tuple[str, ...]:
    """Doubts about one line: that of the encoding is none for ASCII, which all encodings have."""
    damaged = ("letters are damaged",) if "\ufffd" in text else ()
    return damaged if not doubt or text.isascii() else (doubt, *damaged)


def _split_parts(text: str) -> Iterator[str]:
    """Splits a text into pieces of at most `_MAX_CHARACTERS`, between words where there are any."""
    start = 0
    while len(text) - start > _MAX_CHARACTERS:
        space = text.rfind(" ", start + 1, start + _MAX_CHARACTERS)
        end = space if space > start else start + _MAX_CHARACTERS
        yield text[start:end]
        start = end + (text[end] == " ")
    yield text[start:]


@dataclass(frozen=True)
class SubtitleTrack:
    """A subtitle stream of a file, as the container's header describes it."""

    index: int
    """Index among all streams of the file."""
    codec: str
    language: str | None
    """Language by ISO 639-1 where known, else as the file has it; None where it does not say."""
    is_default: bool
    is_forced: bool
    """True for subtitles of only what is said in a foreign language, or of signs."""
    is_commentary: bool
    is_for_hearing_impaired: bool

    @property
    def is_text(self) -> bool:
        """False for pictures of text, and for what cannot be read here."""
        return self.codec in TEXT_SUBTITLES


def list_subtitle_tracks(path: Path) -> tuple[SubtitleTrack, ...]:
    """Every subtitle stream of a file, in its order."""
    import av

    marks = av.stream.Disposition
    found = []
    with open_container(path) as container:
        for stream in container.streams.subtitles:
            title = stream.metadata.get("title", "").casefold()
            found.append(
                SubtitleTrack(
                    stream.index,
                    "unknown" if stream.codec_context is None else stream.codec_context.codec.canonical_name,
                    normalise_language(stream.metadata.get("language")),
                    bool(stream.disposition & marks.default),
                    bool(stream.disposition & marks.forced) or any(w in title for w in ("forced", "signs", "songs")),
                    bool(stream.disposition & marks.comment) or "commentary" in title,
                    bool(stream.disposition & marks.hearing_impaired) or "sdh" in title.split(),
                )
            )
    return tuple(found)


def read_embedded_subtitles(video: "VideoSource", language: str | None = None) -> tuple[SpeechLine, ...]:
    """Lines of the video's own text subtitles, () where there are none; `subtitle_streams` says of which streams."""
    return read_subtitle_streams(video, language).lines


def read_subtitle_streams(video: "VideoSource", language: str | None = None) -> Subtitles:
    """Reads the video's subtitles: one stream or closed captions with all that is said, and what forced ones add.

    The default stream is taken if it is whole, else one in its language, else in `language`, that of the sound; only
    one of those that say the same for the hard of hearing. What cannot be read, as pictures of text, is a gap.
    """
    tracks = list_subtitle_tracks(video.path)
    texts = [track for track in tracks if track.is_text]
    wanted = next((track.language for track in tracks if track.is_default), None) or language
    order = sorted(
        texts,
        key=lambda t: (t.is_commentary, not t.is_default, t.language != wanted, t.is_for_hearing_impaired, t.index),
    )
    gaps: tuple[str, ...] = ()
    main, whole = None, Subtitles()
    for track in order:
        if not track.is_forced and (whole := _read_stream(video, track)).lines:
            main = track
            break
    if main is None:
        captions, cut = _make_lines(read_closed_captions(video), "subtitle stream")
        whole = Subtitles(select_ended(captions, video.until_seconds), cut)
    lines, gaps = list(whole.lines), whole.gaps
    for track in order:
        if track.is_forced and (main is None or track.language in (None, main.language)):
            forced = _read_stream(video, track)
            lines, gaps = merge_lines(lines, forced.lines), (*gaps, *forced.gaps)
    if not whole.lines:
        gaps = (*gaps, *_describe_unread(tracks))
    return Subtitles(tuple(lines), gaps, is_whole=bool(whole.lines))


def _describe_unread(tracks: Sequence[SubtitleTrack]) -> list[str]:
    unread = [track for track in tracks if not track.is_text]
    pictures = sum(track.codec in _PICTURE_CODECS for track in unread)
    others = sorted({track.codec for track in unread} - _PICTURE_CODECS)
    gaps = []
    if pictures:
        gaps.append(
            f"the video's subtitles are pictures ({pictures} stream{'s' * (pictures > 1)}), which cannot be read"
        )
    if others:
        gaps.append(f"the video has subtitles that cannot be read here ({', '.join(others)})")
    return gaps


def _read_stream(video: "VideoSource", track: SubtitleTrack) -> Subtitles:
    """Reads one stream on the video's clock; what comes before damage still counts."""
    packets: list[tuple[float, float, bytes]] = []
    size, gaps = 0, []
    with open_container(video.path) as container:
        stream: Any = container.streams[track.index]
        for packet in video.clock.read_packets(container, stream):
            if packet.pts is None or packet.time_base is None:
                continue
            start_seconds = float(packet.pts * packet.time_base)
            seconds = float((packet.duration or 0) * packet.time_base)
            raw = _extract_text(bytes(packet), track.codec)
            size += len(raw)
            if size > _MAX_BYTES:
                gaps.append(f"subtitles from {start_seconds:.0f} s on were not read: there are too many")
                break
            packets.append((start_seconds, seconds, raw))
    decoded = decode(b"\n".join(raw for _, _, raw in packets), track.language)
    lines, cut = _make_lines(_make_stream_cues(packets, track.codec, decoded), "subtitle stream", decoded.doubt)
    return Subtitles(select_ended(lines, video.until_seconds), (*gaps, *cut))


def _make_stream_cues(
    packets: Sequence[tuple[float, float, bytes]], codec: str, decoded: Decoded
) -> Iterator[SubtitleCue]:
    starts = [start for start, _, _ in packets]
    for (start_seconds, seconds, raw), following in zip(packets, [*starts, float("inf")][1:], strict=True):
        text = raw.decode(decoded.encoding, errors="replace")
        if codec in ("ass", "ssa"):  # ReadOrder, Layer, Style, Name, three margins, Effect, Text
            rows = parse_ass_rows(text.split(",", 8)[-1])
        else:
            rows = tuple(row for line in text.splitlines() if (row := strip_markup(line)))
        if seconds <= 0:
            seconds = min(_UNTOLD_SECONDS, max(0.0, following - start_seconds))
        yield SubtitleCue(start_seconds, start_seconds + seconds, rows)


def _extract_text(raw: bytes, codec: str) -> bytes:
    """Bytes of the text in one packet. Decoding through FFmpeg would turn every codec into ASS."""
    if codec == "mov_text":  # two bytes of length, the text, then style boxes
        return raw[2 : 2 + int.from_bytes(raw[:2], "big")]
    return raw


def merge_lines(lines: Sequence[SpeechLine], more: Sequence[SpeechLine]) -> list[SpeechLine]:
    """Merges lines in time order, without those of `more` that are said already at that time."""
    said: dict[str, list[SpeechLine]] = {}
    for line in lines:
        said.setdefault(_join_letters(line), []).append(line)
    new = [
        line
        for line in more
        if not any(
            known.start_seconds < line.stop_seconds and line.start_seconds < known.stop_seconds
            for known in said.get(_join_letters(line), ())
        )
    ]
    return sorted([*lines, *new], key=lambda line: (line.start_seconds, line.stop_seconds))


def _join_letters(line: SpeechLine) -> str:
    return "".join(letter for letter in line.text.casefold() if letter.isalnum())
