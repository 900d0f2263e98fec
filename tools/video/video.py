"""A video file as the frames on screen at given times: exactly the picture with the largest time not after each.

Seconds count from the first frame shown, or from the sound where that begins well before it: the first frame stands
in until its time comes, and the last one stays while sound goes on. All times are on one clock, also where the file's
own steps back or jumps. Only decoded pictures are believed, never what a header promises, and a
frame that cannot be decoded is left out, not replaced by its neighbour.

A video may be opened up to a time: then it ends there, and nothing of it tells what comes later.
"""

import hashlib
import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.demux.clock import StreamClock
from tools.demux.container import VideoError, check_file, run_interruptibly
from tools.demux.header import Header, read_header
from tools.demux.packets import PacketIndex, index_packets
from tools.limits import MAX_PICTURE_PIXELS, check_length
from tools.pixels.rgb import RgbConverter, describe_adaptations, describe_gaps
from tools.pixels.shape import StoredPicture
from tools.runtime.closing import Closing
from tools.video.decoder import DecodeInterval, Decoder, group_intervals
from tools.video.ordered_workers import WORKERS, OrderedWorkers

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

__all__ = ["Frame", "Video", "VideoError", "VideoInfo"]

WAITING_BYTES = 32 * 2**20
"""Memory that frames waiting for their reader may take, for each of the two workers."""

FIRST_FRAMES, FIRST_KEYFRAMES = 32, 8
"""Frames among which the first one that decodes is looked for: the first frames, then the first keyframes."""

LEAD_SECONDS, TAIL_SECONDS = 1.0, 0.5
"""Time before and after the pictures from which sound makes the video longer; less is padding."""

MOST_NAMED = 8
"""Number of joins that a note names."""

HASH_WHOLE_BYTES, HASH_CHUNKS, HASH_CHUNK_BYTES = 64 * 2**20, 64, 2**18
"""Size up to which a file is hashed whole; of larger ones that many evenly spaced chunks are, of that size."""

SAME_MOMENT_SECONDS = 1e-6
"""Difference of two times up to which they are one moment: floats do not hit a frame's time exactly."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video."""

    pixels: NDArray[np.uint8]  # (H, W, 3) RGB as displayed
    seconds: float
    """The picture's own presentation time, not the time that was asked for."""


@dataclass(frozen=True)
class VideoInfo:
    """Facts of a video, known after its packets were read and one picture decoded."""

    duration_seconds: float
    """End of the video: when pictures and sound are over, or where it was made to end."""
    width: int
    """Width in pixels as displayed."""
    height: int
    """Height in pixels as displayed."""
    average_fps: float
    frame_count: int
    codec: str
    rotation_degrees: int
    """Clockwise turn that was applied to the stored picture: 0, 90, 180 or 270."""
    has_audio: bool
    subtitle_streams: int
    """Number of subtitle streams of text; pictures of text are not counted."""
    promised_seconds: float | None
    """Length that the header gives, for comparison only."""
    is_cut_off: bool
    """True when the file ends well before what its header promises."""
    notes: tuple[str, ...] = ()
    """What was done to the file so that it can be shown, or chosen among its streams: a sentence each."""
    gaps: tuple[str, ...] = ()
    """What of the file can't be seen or heard, a sentence each: nothing may be said to be absent there."""
    unread_subtitles: int = 0
    """Number of subtitle streams that cannot be read here, such as pictures of text."""
    has_pictures: bool = True
    """False for a recording of sound alone, for which one grey picture stands."""
    created_at: str = ""
    """When the file says that it was created, as `2026-05-01 14:03:22 UTC`; empty where it does not say."""
    start_seconds: float = 0.0
    """Second at which the video begins: 0, unless what comes before was cut off."""

    @property
    def length_seconds(self) -> float:
        """Seconds from the beginning to the end."""
        return self.duration_seconds - self.start_seconds


class FramesByTime(ABC):
    """A video that reads its frames by their times, and a window by the times of the frames in it."""

    info: VideoInfo

    @property
    @abstractmethod
    def timestamps(self) -> NDArray[np.float64]:
        """Times of every frame in seconds, (N,) float64, ascending."""

    @abstractmethod
    def read(self, times: Sequence[float], max_height: int | None = None) -> Iterator[Frame]:
        """The frames on screen at `times`, each once, in time order."""

    def window(
        self, start: float, stop: float, max_height: int | None = None, max_fps: float | None = None
    ) -> Iterator[Frame]:
        """Every frame on screen during [start, stop), or about `max_fps` of them a second where there are more.

        Args:
            start: start of the window in seconds.
            stop: end of the window, not included.
            max_height: limit of the frames' height in pixels; None for the full height.
            max_fps: about so many frames a second are given where there are more; None for every frame.
        """
        return self.read(
            choose_window_times(self.timestamps, self.info.duration_seconds, start, stop, max_fps), max_height
        )


class Video(FramesByTime, Closing):
    """An open video file; any number of threads may use it."""

    def __init__(self, path: str | Path, until: float | None = None, stream: int | None = None) -> None:
        """Opens a file, or only a beginning of it.

        Args:
            path: the file.
            until: the video ends at that second, which may be after the file's end; None for the whole.
            stream: number of the stream of moving pictures, from 1; None takes the main one.

        Raises:
            VideoError: not a video, nothing decodable, no such stream, or no frame before `until`.
        """
        self.path = Path(path)
        self.until_seconds: float | None = None
        """Second at which the video was made to end; None for a whole one."""
        check_file(self.path)
        self._lock = threading.Lock()
        self._idle: list[_ThreadReader] = []
        self._is_closed = False
        header, self._plan = run_interruptibly(lambda: (read_header(self.path, stream), _read_plan(self.path, stream)))
        self._is_first_stream = header.is_first_stream
        first, picture, self._stored = run_interruptibly(self._decode_first_picture)
        self._shown = self._plan.shown[self._plan.shown >= first]
        self._origin = int(self._shown[0]) - self._measure_lead_ticks()
        """Second 0, in ticks of the packet index's clock."""
        is_cut_off = _is_cut_off(header, self._plan)
        if is_cut_off:
            self._drop_torn_end()
        check_length(self.path, self._compute_end())
        self.info = self._describe(header, is_cut_off, picture)
        if until is not None:
            self._end_at(until)

    def close(self) -> None:
        """Closes the file. A read that still runs in another thread finishes with its own decoder."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.decoder.close()

    @cached_property
    def content_hash(self) -> str:
        """Hash of the content, 32 hexadecimal digits: all of a file up to 64 MiB, evenly spaced parts of a larger one.

        A video that was made to end has another hash, so that nothing kept of the whole is ever found under it, and so
        has each stream of pictures but the first.
        """
        name = hash_content(self.path)
        if not self._is_first_stream:
            name = _hash_name(f"{name} stream {self._plan.stream_index}")
        return name if self.until_seconds is None else _hash_name(f"{name} until {self.until_seconds!r}")

    @cached_property
    def timestamps(self) -> NDArray[np.float64]:
        """Times of every frame that the packets promise in seconds, (N,) float64, ascending."""
        return self._seconds(self._shown)

    @cached_property
    def keyframe_seconds(self) -> NDArray[np.float64]:
        """Times of the frames that decode without any other in seconds, (K,) float64, ascending."""
        times = np.unique(self._plan.pts[self._plan.keyframes])
        return self._seconds(times[np.isin(times, self._shown)])

    @cached_property
    def start_offset_seconds(self) -> float:
        """Container time of second 0, as the first of the file's clocks has it."""
        return float(self._origin * self._plan.time_base)

    @cached_property
    def clock(self) -> StreamClock:
        """Clock that turns the times of the file's sound and subtitles into seconds of the video."""
        return StreamClock(pieces=self._plan.joined.pieces).shift(self._origin * self._plan.time_base)

    def read_frame(self, seconds: float, max_height: int | None = None) -> Frame:
        """The frame on screen at `seconds`.

        Raises:
            VideoError: the time is outside the video, or that frame does not decode.
        """
        if not 0 <= seconds < self.info.duration_seconds:
            raise VideoError(f"need 0 <= seconds < {self.info.duration_seconds:.3f}, the video's length, got {seconds}")
        frames = list(self.read([seconds], max_height))
        if not frames:
            raise VideoError(f"{self.path}: the frame at {seconds:.3f} s cannot be decoded, the file is damaged there")
        return frames[0]

    def read(self, times: Sequence[float], max_height: int | None = None) -> Iterator[Frame]:
        """Frames on screen at `times`, each once, in time order; those that do not decode are left out.

        Lazy: closing the iterator stops the work. Memory does not grow with the number of times.
        """
        if len(times) == 0:
            return iter(())
        ranks = find_frame_ranks(self.timestamps, self.info.duration_seconds, times)
        return self._decode_frames(self._shown[ranks], max_height)

    def _decode_first_picture(self) -> "tuple[int, VideoFrame, StoredPicture]":
        """Time (ticks), picture and shape of the first frame that decodes: only with it does a file become a video.

        A recording may begin in the middle of an interval, and a file with a damaged beginning still has the rest.
        """
        plan = self._plan
        later = np.searchsorted(plan.shown, plan.pts[plan.keyframes[:FIRST_KEYFRAMES]])
        ranks = np.union1d(np.arange(FIRST_FRAMES), later)
        decoder = Decoder(self.path, plan, is_wary=False)
        try:
            for interval in group_intervals(plan, plan.shown[ranks[ranks < len(plan.shown)]].tolist()):
                for position, picture in decoder.pictures(interval, lambda: False):
                    return int(plan.pts[position]), picture, decoder.shapes.of(position, picture)
        finally:
            decoder.close()
        if decoder.met_encryption:
            raise VideoError(f"{self.path}: no frame could be decoded: the pictures are encrypted and need a key")
        megapixels = MAX_PICTURE_PIXELS >> 20
        raise VideoError(f"{self.path}: no frame could be decoded; all are damaged, or over {megapixels} megapixels")

    def _drop_torn_end(self) -> None:
        """Ends a file that was cut off with its last frame that decodes."""
        tail = self._shown[-FIRST_FRAMES:]
        decoder, good = Decoder(self.path, self._plan), int(self._shown[0])
        try:
            for interval in group_intervals(self._plan, tail.tolist()):
                for position, _ in decoder.pictures(interval, lambda: False):
                    good = max(good, int(self._plan.pts[position]))
        finally:
            decoder.close()
        self._shown = self._shown[self._shown <= max(good, int(tail[0]) - 1)]

    def _end_at(self, until: float) -> None:
        """Ends the video at a second. What the header promises and a torn end are facts from later, so they go."""
        length = self.info.duration_seconds
        if not until > SAME_MOMENT_SECONDS:
            raise VideoError(f"{self.path}: need an end after 0, the first frame, e.g. {length:.2f}; got {until:g} s")
        if until >= length:
            return
        self._shown = self._shown[self._seconds(self._shown) < until - SAME_MOMENT_SECONDS]
        self.until_seconds = float(until)
        self.info = replace(
            self.info,
            duration_seconds=self.until_seconds,
            average_fps=len(self._shown) / self.until_seconds,
            notes=self._describe_clock(self.until_seconds),
            frame_count=len(self._shown),
            promised_seconds=None,
            is_cut_off=False,
        )

    def _describe(self, header: Header, is_cut_off: bool, picture: "VideoFrame") -> VideoInfo:
        duration_seconds = self._compute_end()
        return VideoInfo(
            duration_seconds=duration_seconds,
            width=self._stored.shown_width,
            height=self._stored.shown_height,
            average_fps=len(self._shown) / self._compute_picture_end(),
            frame_count=len(self._shown),
            codec=header.codec,
            rotation_degrees=self._stored.orientation.degrees,
            has_audio=header.has_audio,
            subtitle_streams=header.subtitle_streams,
            unread_subtitles=header.unread_subtitles,
            promised_seconds=header.promised_seconds,
            is_cut_off=is_cut_off,
            created_at=header.created_at,
            notes=(
                *header.notes,
                *self._describe_clock(duration_seconds),
                *describe_adaptations(picture, self._stored),
            ),
            gaps=(*self._describe_gaps(), *describe_gaps(picture)),
        )

    def _describe_clock(self, stop: float) -> tuple[str, ...]:
        """What was done so that the file has one clock, a sentence each, as far as it is known at second `stop`."""
        joined, notes = self._plan.joined, []
        offset = float(self._origin * self._plan.time_base)
        joins = [seconds - offset for seconds in joined.join_seconds if 0 < seconds - offset < stop]
        if joins:
            named = ", ".join(f"{seconds:.2f} s" for seconds in joins[:MOST_NAMED])
            more = f" and {len(joins) - MOST_NAMED} times more" if len(joins) > MOST_NAMED else ""
            notes.append(
                f"The file's clock steps back, starts again or jumps at {named}{more}: "
                "its parts were laid one behind the other in the order of the file."
            )
        if joined.damaged_count and self.until_seconds is None:
            notes.append(f"{joined.damaged_count} frames carry times that cannot be true and were put between others.")
        lead = float((int(self._shown[0]) - self._origin) * self._plan.time_base)
        if lead > 0:
            notes.append(f"The sound begins before the pictures: the first one, of {lead:.2f} s, is shown from 0 s on.")
        end = self._compute_picture_end()
        if stop > end + SAME_MOMENT_SECONDS:
            notes.append(f"The pictures end at {end:.2f} s; the last one stays on screen while the sound goes on.")
        return tuple(notes)

    def _describe_gaps(self) -> tuple[str, ...]:
        """What the file holds and cannot be shown or heard, a sentence each."""
        gaps = []
        if self._plan.holds_more:
            gaps.append("Another recording is glued to the end of the file; it can't be shown or heard.")
        if self._plan.has_more_streams:
            gaps.append("Further streams begin in the middle of the file; they can't be shown or heard.")
        if self._plan.joined.has_absurd_sound:
            gaps.append(
                "The sound claims to go on far longer than its data can fill; what is after the pictures is not heard."
            )
        return tuple(gaps)

    def _measure_lead_ticks(self) -> int:
        """Ticks by which the sound begins before the first picture; 0 below `LEAD_SECONDS`, which is padding."""
        sound = self._plan.joined.sound
        if sound is None:
            return 0
        lead = float(self._shown[0] * self._plan.time_base) - sound[0]
        return round(lead / self._plan.time_base) if lead >= LEAD_SECONDS else 0

    def _decode_frames(self, wanted_pts: NDArray[np.int64], max_height: int | None) -> Iterator[Frame]:
        intervals = group_intervals(self._plan, wanted_pts.tolist())
        frame_bytes = self.info.width * self.info.height * 3
        if max_height is not None:
            frame_bytes = round(frame_bytes * min(1.0, max_height / self.info.height) ** 2)

        def decode(interval: DecodeInterval, is_cancelled: Callable[[], bool]) -> Iterator[Frame]:
            with self._reader() as reader:
                for position, picture in reader.decoder.pictures(interval, is_cancelled):
                    stored = reader.decoder.shapes.of(position, picture)
                    pixels = reader.converter.convert(picture, stored, max_height)
                    yield Frame(pixels, self._get_seconds(position))

        if len(intervals) == 1:
            return decode(intervals[0], lambda: False)
        return OrderedWorkers(intervals, decode, max(2, WAITING_BYTES // max(1, frame_bytes))).results()

    @contextmanager
    def _reader(self) -> "Iterator[_ThreadReader]":
        """A decoder for the caller alone; opening one costs more than a short seek, so decoders are kept."""
        with self._lock:
            if self._is_closed:
                raise ValueError(f"the video {self.path} was closed")
            reader = self._idle.pop() if self._idle else None
        reader = reader or _ThreadReader(Decoder(self.path, self._plan), RgbConverter(self._stored, self.info.codec))
        try:
            yield reader
        finally:
            with self._lock:
                is_kept = not self._is_closed and len(self._idle) < WORKERS
                if is_kept:
                    self._idle.append(reader)
            if not is_kept:
                reader.decoder.close()

    def _seconds(self, pts: NDArray[np.int64]) -> NDArray[np.float64]:
        base = self._plan.time_base
        seconds: NDArray[np.float64] = (pts - self._origin) * base.numerator / base.denominator
        return np.where(pts == self._shown[0], 0.0, seconds)

    def _get_seconds(self, position: int) -> float:
        return float(self._seconds(self._plan.pts[position : position + 1])[0])

    def _compute_picture_end(self) -> float:
        """Second at which the last frame's own time is over."""
        return float((int(self._shown[-1]) + self._plan.last_duration - self._origin) * self._plan.time_base)

    def _compute_end(self) -> float:
        """Second at which the last frame leaves the screen, where it stays while sound goes on."""
        pictures, sound = self._compute_picture_end(), self._plan.joined.sound
        if sound is None:
            return pictures
        sound_end = sound[1] - float(self._origin * self._plan.time_base)
        return sound_end if sound_end > pictures + TAIL_SECONDS else pictures


@dataclass(frozen=True)
class _ThreadReader:
    """Decoder and converter of one thread that reads frames."""

    decoder: Decoder
    converter: RgbConverter


def find_frame_ranks(
    timestamps: NDArray[np.float64], duration_seconds: float, times: Sequence[float]
) -> NDArray[np.intp]:
    """Numbers (R,) of the frames on screen at `times`, each once, ascending.

    Args:
        timestamps: (N,) times of all frames in seconds, ascending.
        duration_seconds: length of the video.
        times: times in seconds.

    Raises:
        VideoError: a time is outside the video.
    """
    asked = np.asarray(times, np.float64)
    outside = asked[~((asked >= 0) & (asked < duration_seconds))]
    if len(outside):
        raise VideoError(f"need 0 <= seconds < {duration_seconds:.3f}, the video's length, got {outside[0]}")
    return np.unique(np.searchsorted(timestamps, asked + SAME_MOMENT_SECONDS, side="right") - 1)


def choose_window_times(
    timestamps: NDArray[np.float64], duration_seconds: float, start: float, stop: float, max_fps: float | None
) -> list[float]:
    """Times that show every frame on screen during a window.

    Args:
        timestamps: (N,) times of all frames in seconds, ascending.
        duration_seconds: length of the video.
        start: start of the window.
        stop: end of the window, not included.
        max_fps: about so many a second are given where there are more frames; None for every frame.

    Raises:
        VideoError: the window is empty or begins after the end.
    """
    if not (math.isfinite(start) and math.isfinite(stop) and 0 <= start < stop):
        raise VideoError(f"need 0 <= start < stop <= {duration_seconds:.3f}, got [{start}, {stop})")
    if start >= duration_seconds:
        raise VideoError(f"need a start before {duration_seconds:.3f}, the video's end, got {start}")
    stop = min(stop, duration_seconds)
    inside = (timestamps > start + SAME_MOMENT_SECONDS) & (timestamps < stop - SAME_MOMENT_SECONDS)
    times = np.concatenate([[start], timestamps[inside]])
    if max_fps is not None and len(times) > (stop - start) * max_fps:
        times = start + np.arange(max(1, math.ceil((stop - start) * max_fps))) / max_fps
        times = times[times < stop]
    return [float(time) for time in times]


def _read_plan(path: Path, stream: int | None) -> PacketIndex:
    plan = index_packets(path, stream)
    if plan is None or not len(plan.shown):
        raise VideoError(f"{path}: no frame could be decoded, the file holds no picture")
    return plan


def _is_cut_off(header: Header, plan: PacketIndex) -> bool:
    """True when the packets end well before the promise. Whole files are off by a few frames, torn ones by less."""
    if header.promised_seconds is None or plan.holds_more:
        return False
    reached = float((plan.shown[-1] + plan.last_duration) * plan.time_base)
    # Where the clock jumps, the promise may count the jump.
    if plan.is_in_pieces or not header.promise_is_for_video:
        reached = max(reached, plan.reached_seconds)
    missing_seconds = header.start_seconds + header.promised_seconds - reached
    return missing_seconds > max(0.5, 0.01 * header.promised_seconds) or (plan.ends_torn and missing_seconds > 0.1)


def _hash_name(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def hash_content(path: Path, as_what: str = "") -> str:
    """Hash of a file's content, 32 hexadecimal digits; another one for a file that is taken `as_what`."""
    return _hash_name(f"{_hash_file(path)} {as_what}") if as_what else _hash_file(path)


def _hash_file(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= HASH_WHOLE_BYTES:
            while chunk := file.read(2**20):
                digest.update(chunk)
        else:
            digest.update(str(size).encode())
            for start in np.linspace(0, size - HASH_CHUNK_BYTES, HASH_CHUNKS).astype(int).tolist():
                file.seek(start)
                digest.update(file.read(HASH_CHUNK_BYTES))
    return digest.hexdigest()
