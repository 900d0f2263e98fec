"""The sound of a video in blocks for speech recognition, on the clock of its pictures.

Seconds count from the first frame shown, so sound from before it has negative ones. Memory does not grow with the
length of the video. Of a video that was opened up to a time, the sound ends there too. Channels become one without
what a plain mean loses: sound in opposite phase, and a voice on one side or in the centre.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tools.demux.container import is_encrypted, open_container
from tools.speech.subtitle_encoding import normalise_language

if TYPE_CHECKING:
    from av.packet import Packet

    from tools.video.source import VideoSource

SAMPLE_RATE = 16_000
"""Samples a second, what Whisper takes."""
BLOCK_SECONDS = 300.0
"""Length of a block: bounds the memory for a long sound."""
_CUT_SECONDS = 20.0
"""Last seconds of a block, in which it ends where it is quietest, so that no word is cut in two."""
_CLOCK_SLACK_SECONDS = 0.1
"""Hole in the sound from which silence is put back: containers round their clocks by less."""
_LONGEST_FILL_SECONDS = 30.0
"""Hole from which a new block begins, so that hours of silence are not filled in."""
_WARM_UP_SECONDS = 0.5
"""Sound that is decoded before a span: a decoder's first frames after a jump are wrong."""


@dataclass(frozen=True)
class SoundTrack:
    """A sound stream of a file, as the container's header describes it."""

    number: int
    """Number among the file's sound streams, from 1, which `--audio` takes."""
    index: int
    """Index among all streams of the file."""
    language: str | None
    """Language by ISO 639-1 where known, else as the file has it; None where it does not say."""
    is_default: bool
    is_original: bool
    is_extra: bool
    """True for a commentary, a description for the blind, or music and noises alone: not the sound of the film."""

    @property
    def name(self) -> str:
        """The track in words, such as `sound track 2 (de, commentary)`; titles could say anything and are left out."""
        details = [word for word in (self.language, "commentary" if self.is_extra else None) if word]
        return f"sound track {self.number}" + (f" ({', '.join(details)})" if details else "")


def list_sound_tracks(path: Path) -> tuple[SoundTrack, ...]:
    """Every sound stream of a file, first the one that a player would play, the others in their order."""
    import av

    marks = av.stream.Disposition
    extra = marks.comment | marks.visual_impaired | marks.karaoke | marks.clean_effects | marks.dependent
    found = []
    with open_container(path) as container:
        best = container.streams.best("audio")
        best_index = None if best is None else best.index
        for number, stream in enumerate(container.streams.audio, start=1):
            title = stream.metadata.get("title", "")
            found.append(
                SoundTrack(
                    number,
                    stream.index,
                    normalise_language(stream.metadata.get("language")),
                    bool(stream.disposition & marks.default),
                    bool(stream.disposition & marks.original),
                    bool(stream.disposition & extra) or _names_an_extra(title),
                )
            )
    return tuple(
        sorted(
            found,
            key=lambda t: (t.is_extra, not t.is_default, not t.is_original, t.index != best_index),
        )
    )


def _names_an_extra(title: str) -> bool:
    return any(word in title.casefold() for word in ("commentary", "description", "descriptive"))


def read_blocks(
    video: "VideoSource", block_seconds: float = BLOCK_SECONDS, track: SoundTrack | None = None
) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """Blocks of sound in time order: (seconds of the first sample, mono (S,) float32 at 16 kHz in -1..1).

    Args:
        video: the video with the sound.
        block_seconds: length of a block at most.
        track: the sound track, the one that a player would play if None.
    """
    return TrackReader(video, track).blocks(block_seconds)


class TrackReader:
    """Reader of one sound track of a video, once from its beginning."""

    def __init__(self, video: "VideoSource", track: SoundTrack | None = None) -> None:
        """Chooses the track: the one given, or the one that a player would play if None."""
        self._video = video
        self._track = track
        self.damaged_seconds = 0.0
        """Length of the sound read so far that did not decode."""

    def blocks(self, block_seconds: float = BLOCK_SECONDS) -> Iterator[tuple[float, NDArray[np.float32]]]:
        """Blocks of sound in time order: (seconds of the first sample, mono (S,) float32 at 16 kHz in -1..1)."""
        pieces: list[NDArray[np.float32]] = []
        start_seconds, length = 0.0, 0
        for seconds, piece in self._read_pieces():
            hole = seconds - (start_seconds + length / SAMPLE_RATE)
            if not pieces or abs(hole) > _LONGEST_FILL_SECONDS:
                if pieces:
                    yield start_seconds, np.concatenate(pieces)
                pieces, start_seconds, length = [], seconds, 0
            elif hole > _CLOCK_SLACK_SECONDS:
                pieces.append(np.zeros(round(hole * SAMPLE_RATE), np.float32))
                length += len(pieces[-1])
            pieces.append(piece)
            length += len(piece)
            if length >= block_seconds * SAMPLE_RATE:
                held = np.concatenate(pieces)
                end = _find_quiet_cut(held)
                yield start_seconds, held[:end]
                pieces, start_seconds, length = [held[end:]], start_seconds + end / SAMPLE_RATE, len(held) - end
        if length:
            yield start_seconds, np.concatenate(pieces)

    def read_spans(self, spans: Sequence[tuple[float, float]]) -> Iterator[tuple[float, NDArray[np.float32]]]:
        """Sound of each span: (seconds of its first sample, mono (S,) float32 at 16 kHz), S may be 0.

        Spans (start, stop) ascend in both and may overlap. What lies between them is read over and not decoded.
        """
        waiting = deque(spans)
        held: list[tuple[float, NDArray[np.float32]]] = []

        def is_wanted(seconds: float) -> bool:
            return bool(waiting) and seconds >= waiting[0][0] - _WARM_UP_SECONDS

        for seconds, piece in self._read_pieces(is_wanted):
            while waiting and seconds >= waiting[0][1]:
                yield _cut_out(held, *waiting.popleft())
                held = [one for one in held if waiting and one[0] + len(one[1]) / SAMPLE_RATE > waiting[0][0]]
            if not waiting:
                return
            held.append((seconds, piece))
        while waiting:
            yield _cut_out(held, *waiting.popleft())

    def _read_pieces(
        self, is_wanted: Callable[[float], bool] = lambda _: True
    ) -> Iterator[tuple[float, NDArray[np.float32]]]:
        """Sound of each audio frame that decodes, (seconds, mono (S,) at 16 kHz), to where the video was made to end.

        Packets of a time that is not wanted are left out.
        """
        video = self._video
        until = math.inf if video.until_seconds is None else video.until_seconds
        track = self._track or next(iter(list_sound_tracks(video.path)), None)
        if track is None:
            return
        with open_container(video.path) as container:
            stream: Any = container.streams[track.index]
            resampler, kind, seconds = None, None, 0.0
            packets = (p for p in video.clock.read_packets(container, stream) if _is_due(p, is_wanted))
            for frame in self._decode_frames(packets):
                if resampler is None or kind != _describe_kind(frame):
                    kind = _describe_kind(frame)
                    resampler = _Resampler(frame)
                if frame.time is not None:
                    seconds = frame.time
                if seconds >= until:
                    return
                sound = resampler.to_mono(frame)
                stop_seconds = seconds + len(sound) / SAMPLE_RATE
                yield seconds, sound if stop_seconds <= until else sound[: max(0, int((until - seconds) * SAMPLE_RATE))]
                seconds = stop_seconds

    def _decode_frames(self, packets: "Iterator[Packet[Any]]") -> Iterator[Any]:
        """Audio frames in order; a damaged packet is left out, as a player does, and a torn end ends the sound."""
        import av

        for packet in packets:
            try:
                frames: list[Any] | None = None if is_encrypted(packet) else packet.decode()
            except av.error.FFmpegError:
                frames = None
            if frames is None:
                self.damaged_seconds += float((packet.duration or 0) * (packet.time_base or 0))
                continue
            yield from (frame for frame in frames if frame.samples and frame.sample_rate)


def _cut_out(
    held: Sequence[tuple[float, NDArray[np.float32]]], start: float, stop: float
) -> tuple[float, NDArray[np.float32]]:
    """Joins the pieces within a span, holes filled with silence: (seconds of the first sample, samples)."""
    inside = [
        (seconds, piece) for seconds, piece in held if start < seconds + len(piece) / SAMPLE_RATE and seconds < stop
    ]
    if not inside:
        return start, np.zeros(0, np.float32)
    begin = inside[0][0]
    whole: list[NDArray[np.float32]] = []
    length = 0
    for seconds, piece in inside:
        hole = seconds - (begin + length / SAMPLE_RATE)
        if hole > _CLOCK_SLACK_SECONDS:
            whole.append(np.zeros(round(hole * SAMPLE_RATE), np.float32))
            length += len(whole[-1])
        whole.append(piece)
        length += len(piece)
    first = max(0, round((start - begin) * SAMPLE_RATE))
    last = length if math.isinf(stop) else round((stop - begin) * SAMPLE_RATE)
    return begin + first / SAMPLE_RATE, np.concatenate(whole)[first:last]


def _is_due(packet: "Packet[Any]", is_wanted: Callable[[float], bool]) -> bool:
    """Whether the time of a packet is wanted, or not known."""
    return packet.pts is None or packet.time_base is None or is_wanted(float(packet.pts * packet.time_base))


def _describe_kind(frame: Any) -> tuple[Any, ...]:
    return frame.format.name, frame.layout.name, frame.sample_rate


class _Resampler:
    """Resampler of audio frames of one kind to mono at 16 kHz."""

    def __init__(self, frame: Any) -> None:
        """Sets up the resampler for frames with the format, channels and rate of this one."""
        import av

        self._channels = frame.layout.nb_channels
        self._mixer = _Mixer(_name_channels(frame.layout)) if self._channels > 1 else None
        # Packed samples: PyAV crashes over arrays of eight or more planes.
        self._resampler = av.AudioResampler("flt", frame.layout if self._channels > 1 else "mono", SAMPLE_RATE)

    def to_mono(self, frame: Any) -> NDArray[np.float32]:
        """Mono (S,) float32 of a frame; what the resampler holds back comes with the next frame."""
        frame.pts = None  # with a clock the resampler refuses what is not in unbroken order
        pieces = [piece.to_ndarray()[0] for piece in self._resampler.resample(frame)]
        if not pieces:
            return np.zeros(0, np.float32)
        samples: NDArray[np.float32] = np.concatenate(pieces)
        return samples if self._mixer is None else self._mixer.mix(samples.reshape(-1, self._channels).T)


def _name_channels(layout: Any) -> list[str]:
    """FFmpeg's names of the channels; where the file has none, those of the usual layout for their number."""
    import av

    names = [channel.name for channel in layout.channels]
    usual = {5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}.get(len(names))
    if usual is not None and set(names) <= {"NONE", "UNK", "UNSD"}:
        return [channel.name for channel in av.AudioLayout(usual).channels]
    return names


_MEMORY_SECONDS = 1.0
"""Time constant of a channel's loudness: shorter than a sentence, longer than a pause between words."""
_LOST_SHARE = 0.3
"""Share of the loudest channel's energy below which the mean of the channels has lost one. Two sides that have nothing
to do with one another keep half, a silent side leaves a quarter, opposite phase nothing."""
_CENTRE_SHARE = 0.05
"""Share of the loudest channel's energy from which a centre is in use, and it is where people speak."""


class _Mixer:
    """Mixer of several channels to one in which speech is heard; follows loudness over time, so frames may be short."""

    def __init__(self, names: Sequence[str]) -> None:
        """Names the channels as FFmpeg does: FC is the centre, LFE the bass."""
        self._centre = names.index("FC") if "FC" in names and len(names) > 2 else None
        self._spoken = [i for i, name in enumerate(names) if name not in ("LFE", "LFE2")] or list(range(len(names)))
        self._energy = np.zeros(len(names) + 1)  # of each channel, and of their mean

    def mix(self, channels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mixes channels (C, S) float32 to mono (S,) float32."""
        mean: NDArray[np.float32] = channels[self._spoken].mean(axis=0)
        length = channels.shape[1]
        if not length:
            return mean
        loudness = np.square(np.vstack([channels, mean[None]])).mean(axis=1, dtype=np.float64)
        kept = math.exp(-length / SAMPLE_RATE / _MEMORY_SECONDS)
        self._energy = self._energy * kept + loudness * (1 - kept)
        loudest = max(self._spoken, key=lambda i: self._energy[i])
        if self._centre is not None and self._energy[self._centre] > _CENTRE_SHARE * self._energy[loudest]:
            chosen: NDArray[np.float32] = channels[self._centre]
        elif self._energy[-1] < _LOST_SHARE * self._energy[loudest]:
            chosen = channels[loudest]
        else:
            chosen = mean
        return chosen


def _find_quiet_cut(sound: NDArray[np.float32]) -> int:
    tail = min(len(sound) // 2, round(_CUT_SECONDS * SAMPLE_RATE))
    return len(sound) - tail + find_quietest(sound[len(sound) - tail :])


def find_quietest(sound: NDArray[np.float32], width: int = SAMPLE_RATE // 4) -> int:
    """Index of the middle of the quietest `width` samples in a row, by default a quarter of a second."""
    if len(sound) <= width:
        return len(sound) // 2
    energy = np.cumsum(np.concatenate([[0.0], np.square(sound, dtype=np.float64)]))
    return int(np.argmin(energy[width:] - energy[:-width])) + width // 2
