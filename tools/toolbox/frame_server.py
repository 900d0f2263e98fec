"""Frames of a video as references, and the JPEG behind each reference: made when it is first asked for.

A reference is a time, a size and a part of the picture, so that a call which shows many frames decodes none of them.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]

from tools.index.frame_store import decode_stored, fit_stored_size, is_same_moment, read_stored_size
from tools.index.video_index import VideoIndex
from tools.observation import FULL_FRAME, Box, FrameRef, ToolError
from tools.runtime.once import OnceCache
from tools.sampling import crop, fit_within, snap_to_samples, spread_times, to_pixel_box
from tools.video.source import VideoSource
from tools.video.video import SAME_MOMENT_SECONDS, Frame

Size = Literal["small", "medium", "large"]
SIZES: dict[Size, tuple[int, int]] = {"small": (448, 252), "medium": (640, 360), "large": (1280, 720)}
"""Longest and shortest side, in pixels, that a shown frame fits in: about 140, 300 and 1,200 tokens."""

_JPEG_QUALITY = 85
"""Quality of the frames shown, of libjpeg's 1 to 100."""
_SERVED = 256
"""JPEGs kept for other runs of the video, at 640x360 about 10 MB; a run keeps its own (`agent.loop.run_pictures`)."""
_CALLS_REMEMBERED = 1024
"""Frames of which it is known with which others they were shown."""


class FrameServer:
    """Makes references to the frames of a video and serves their pictures. Several threads may share it."""

    def __init__(self, video: VideoSource, index: VideoIndex) -> None:
        self._video = video
        self._index = index
        self._served: OnceCache[FrameRef, bytes | None] = OnceCache(self._encode_pictures, _SERVED)
        self._calls_lock = threading.Lock()
        self._companions: OrderedDict[FrameRef, tuple[float, ...]] = OrderedDict()
        """Times of the frames that one call showed, by each of them, its size left out."""

    def read_frame(self, seconds: float) -> Frame:
        """Decodes the frame on screen at a time.

        Raises:
            ToolError: the time lies outside the video, or its frame is damaged.
        """
        first, duration = self._video.info.start_seconds, self._video.info.duration_seconds
        if not first <= seconds < duration:
            end = "the duration" if not first else "the end"
            raise ToolError(f"need {first:g} <= seconds < {duration:.2f} ({end}), got {seconds:g}")
        for frame in self._video.read([seconds]):
            return frame
        raise ToolError(f"the frame at {seconds:g} s is damaged and cannot be decoded; try another time")

    def spread_frames(self, start: float, stop: float, count: int, size: Size) -> tuple[FrameRef, ...]:
        """Evenly spread frames of a window: stored ones, unless they are too few or too small for what is asked.

        Args:
            start: start of the window in seconds.
            stop: end of the window, not included.
            count: number of frames.
            size: size of the frames.
        """
        times = spread_times(start, stop, count)
        width, height = fit_size(self._video.info.width, self._video.info.height, size)
        stored_width, stored_height = fit_stored_size(self._video.info.width, self._video.info.height)
        if width <= stored_width and height <= stored_height:
            times = snap_to_samples(times, (stop - start) / count, self._index.fps, self._video.info.start_seconds)
        return self.make_refs(times, size)

    def make_refs(self, times: Sequence[float], size: Size, box: Box = FULL_FRAME) -> tuple[FrameRef, ...]:
        """References to the frames on screen at some times, in order of time, each once.

        Args:
            times: seconds, in any order.
            size: size of the frames.
            box: the part of them.
        """
        shown = (self.make_ref(self._find_shown_time(t), size, box) for t in sorted(times))
        return tuple(dict.fromkeys(shown))

    def make_ref(self, seconds: float, size: Size, box: Box = FULL_FRAME) -> FrameRef:
        """Reference to a part of one frame.

        Args:
            seconds: presentation time of the frame.
            size: size of the part.
            box: the part.
        """
        left, top, right, bottom = to_pixel_box(box, self._video.info.width, self._video.info.height)
        width, height = fit_size(right - left, bottom - top, size)
        return FrameRef(seconds, height, width, box)

    def fit_height(self, size: Size) -> int:
        """Height of the whole picture in a size, in pixels."""
        return fit_size(self._video.info.width, self._video.info.height, size)[1]

    def find_frame_stop(self, seconds: float) -> float:
        """Presentation time of the frame that follows, or the end of the video."""
        later = self._video.timestamps[self._video.timestamps > seconds + 1e-6]
        return float(later[0]) if len(later) else self._video.info.duration_seconds

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference, always the same bytes for the same one; None where the frame is damaged."""
        with self._calls_lock:
            times = self._companions.get(_forget_size(ref), ())
        return self._served.get(ref, [replace(ref, seconds=seconds) for seconds in times])

    def remember_call(self, frames: Sequence[FrameRef]) -> None:
        """Notes which frames were shown together, so that they are decoded together once one of them is wanted."""
        times = tuple(ref.seconds for ref in frames)
        with self._calls_lock:
            for ref in frames:
                self._companions[_forget_size(ref)] = times
                self._companions.move_to_end(_forget_size(ref))
            while len(self._companions) > _CALLS_REMEMBERED:
                self._companions.popitem(last=False)

    def _encode_pictures(self, refs: Sequence[FrameRef]) -> dict[FrameRef, bytes | None]:
        """The JPEGs behind references: from the stored frames where they hold as much, else decoded in one pass."""
        stored = [ref for ref in refs if self._is_stored(ref)]
        jpegs = self._index.read_stored(sorted({ref.seconds for ref in stored})) if stored else {}
        made: dict[FrameRef, bytes | None] = dict.fromkeys(refs)
        for ref in stored:
            if ref.seconds in jpegs:
                made[ref] = _resize_stored(jpegs[ref.seconds], ref)
        others = [ref for ref in refs if ref not in stored]
        for frame in self._video.read(sorted({ref.seconds for ref in others})) if others else ():
            made |= {ref: _encode_resized(frame, ref) for ref in others if is_same_moment(ref.seconds, frame.seconds)}
        return made

    def _is_stored(self, ref: FrameRef) -> bool:
        """Whether the store holds, or will hold, the whole frame of a reference in no fewer pixels."""
        width, height = fit_stored_size(self._video.info.width, self._video.info.height)
        if ref.box != FULL_FRAME or ref.width > width or ref.height > height:
            return False
        first, fps = self._video.info.start_seconds, self._index.fps
        number = max(0, math.ceil((ref.seconds - first) * fps - SAME_MOMENT_SECONDS))
        return is_same_moment(self._find_shown_time(first + number / fps), ref.seconds)

    def _find_shown_time(self, seconds: float) -> float:
        """Presentation time of the frame on screen at `seconds`."""
        times = self._video.timestamps
        return float(times[np.searchsorted(times, seconds + SAME_MOMENT_SECONDS, side="right") - 1])


def fit_size(width: int, height: int, size: Size) -> tuple[int, int]:
    """Width and height of a picture scaled down, never up, to a size, which is turned for an upright one.

    Args:
        width: pixels of the picture.
        height: pixels of the picture.
        size: the size.
    """
    longest, shortest = SIZES[size]
    if width >= height:
        return fit_within(width, height, longest, shortest)
    return fit_within(width, height, shortest, longest)


def check_box(box: Sequence[float]) -> Box:
    """The box, if it lies in the picture and is not empty.

    Raises:
        ToolError: it does not.
    """
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ToolError(f"need 0 <= left < right <= 1 and 0 <= top < bottom <= 1, got {tuple(box)}")
    return left, top, right, bottom


def _forget_size(ref: FrameRef) -> FrameRef:
    return replace(ref, width=1, height=1)


def _resize_stored(jpeg: bytes, ref: FrameRef) -> bytes:
    """A stored picture in the size of a reference; as it is where it has that size."""
    if read_stored_size(jpeg) == (ref.width, ref.height):
        return jpeg
    return _encode_resized(Frame(decode_stored(jpeg), ref.seconds), ref)


def _encode_resized(frame: Frame, ref: FrameRef) -> bytes:
    pixels = crop(frame.pixels, ref.box)
    if pixels.shape[:2] != (ref.height, ref.width):
        pixels = cv2.resize(pixels, (ref.width, ref.height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    upright = np.ascontiguousarray(pixels)
    encoded: bytes = simplejpeg.encode_jpeg(upright, _JPEG_QUALITY, colorspace="RGB", colorsubsampling="420")
    return encoded
