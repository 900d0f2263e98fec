"""Captions of a video clip by clip, made on demand or ahead, and kept: each is asked for once.

The clips are a fixed grid, so that whoever captions a part adds to what others made. Captions of different captioners
never mix: each has a file of its own, a line for each caption behind its checksum, so that a line that was damaged or
cut off costs one caption, which is made again.
"""

import math
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tools.cache import explain_write_errors, make_video_folder
from tools.deadline import OutOfTime, is_time_up, run_in_time
from tools.index.video_index import IndexProgress
from tools.observation import ToolError, Usage, sum_usages
from tools.own_files import append_own, open_own
from tools.sampling import scatter
from tools.video.source import VideoSource
from tools.vision.captioner import WindowWords

_CLIP_SECONDS = 10.0
"""Length of a clip, longer where there would be more than _MOST_CLIPS: as in Deep Video Discovery."""
_MOST_CLIPS = 120
"""Clips of a video at most: their captions, read at once, are about 8,000 tokens."""
_AT_ONCE = 4
"""Captions that are made at the same time."""
_LARGEST_BYTES = 16 << 20
"""Bytes of captions that are read of a file at most, whatever lies there."""


@dataclass(frozen=True)
class ClipCaption:
    """The caption of one clip."""

    start_seconds: float
    stop_seconds: float
    text: str
    frames: int
    """Number of frames that it was made of."""


@dataclass
class CaptionedWindow:
    """Captions of a window, and what kept the others from being made."""

    captions: list[ClipCaption]
    """Captions of the clips that reach into the window, in order of time."""
    missing: list[tuple[float, float]]
    """Clips (start, stop) without a caption."""
    usage: Usage | None = None
    """Cost of the captions that were made now; None if none was."""
    why: str = ""
    """Why the missing ones could not be made; empty where the time was over, or none was to be made."""


_ADAPTER = TypeAdapter(ClipCaption)


@dataclass
class ClipCaptions:
    """The captions of one video by one captioner. Threads may share it."""

    video: VideoSource
    identity: str
    """Name of the captioner, its settings and prompts, which captions are kept under; empty to keep them in memory."""
    describe: Callable[[float, float], WindowWords]
    """Gives the caption of a window."""
    cache: Path | None = None
    on_progress: Callable[[IndexProgress], None] = lambda _: None
    _known: dict[tuple[float, float], ClipCaption] | None = field(default=None, init=False)
    _lock: "threading.RLock" = field(default_factory=threading.RLock, init=False)

    def find(self, start_seconds: float, stop_seconds: float) -> CaptionedWindow:
        """The captions of a window that are kept; makes none."""
        with self._lock:
            known = self._load()
            clips = [clip for clip in self._list_clips() if clip[0] < stop_seconds and clip[1] > start_seconds]
            return CaptionedWindow(
                [known[clip] for clip in clips if clip in known], [clip for clip in clips if clip not in known]
            )

    def make(self, start_seconds: float, stop_seconds: float) -> CaptionedWindow:
        """The captions of a window, with those made that are missing, as far as time and the captioner allow.

        They come from all over the window before they get dense, and no further one is made after a failure.
        """
        missing = self.find(start_seconds, stop_seconds).missing
        waiting = scatter([start for start, _ in missing])
        stops = dict(missing)
        spent: list[Usage] = []
        why = ""
        while waiting and not why and not is_time_up():
            batch, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
            for made in run_in_time([partial(self._make_one, start, stops[start]) for start in batch], _AT_ONCE):
                if isinstance(made, Usage):
                    spent.append(made)
                elif isinstance(made, ToolError):
                    why = str(made)
            self.on_progress(IndexProgress("captions", len(missing) - len(waiting), len(missing), None))
        found = self.find(start_seconds, stop_seconds)
        found.usage, found.why = sum_usages(spent) if spent else None, why
        return found

    def _make_one(self, start: float, stop: float) -> Usage | ToolError | OutOfTime:
        if is_time_up():
            return OutOfTime()
        try:
            words = self.describe(start, stop)
        except ToolError as error:
            return error
        self._keep(ClipCaption(start, stop, words.text, words.frames))
        return words.usage

    def _list_clips(self) -> list[tuple[float, float]]:
        info = self.video.info
        length = max(_CLIP_SECONDS, info.length_seconds / _MOST_CLIPS)
        starts = (info.start_seconds + n * length for n in range(count_clips(info.length_seconds) + 1))
        return list(pairwise(round(min(info.duration_seconds, seconds), 3) for seconds in starts))

    def _keep(self, caption: ClipCaption) -> None:
        body = _ADAPTER.dump_json(caption)
        with self._lock:
            self._load()[caption.start_seconds, caption.stop_seconds] = caption
            if not self.identity:
                return
            path = self._path
            with explain_write_errors(path.parent), append_own(path) as file:
                # on a line of its own even where the line before was cut off
                file.write(b"\n%d %s\n" % (zlib.crc32(body), body))

    def _load(self) -> dict[tuple[float, float], ClipCaption]:
        if self._known is None:
            captions = (_read_line(line) for line in _read_lines(self._path if self.identity else None))
            self._known = {(one.start_seconds, one.stop_seconds): one for one in captions if one is not None}
        return self._known

    @property
    def _path(self) -> Path:
        return make_video_folder(self.video.content_hash, self.cache) / f"captions-{self.identity}.txt"


def count_clips(duration_seconds: float) -> int:
    """The number of clips of a video."""
    length = max(_CLIP_SECONDS, duration_seconds / _MOST_CLIPS)
    return max(1, math.ceil(duration_seconds / length - 1e-6))


def _read_lines(path: Path | None) -> Sequence[bytes]:
    if path is None:
        return ()
    try:
        with open_own(path) as file:
            return file.read(_LARGEST_BYTES).split(b"\n")
    except OSError:
        return ()


def _read_line(line: bytes) -> ClipCaption | None:
    """The caption of a line; None where it is empty or damaged."""
    checksum, _, body = line.partition(b" ")
    if checksum != b"%d" % zlib.crc32(body):
        return None
    try:
        return _ADAPTER.validate_json(body)
    except ValidationError:
        return None
