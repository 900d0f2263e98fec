"""A pool of open videos, shared by all questions about them: each is opened and indexed once, and kept for a while."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.deadline import OutOfTime, run_in_time
from tools.demux.file_kind import find_pictures
from tools.index.video_index import IndexProgress
from tools.toolbox import Toolbox


@dataclass(frozen=True)
class VideoKey:
    """A video file, and how it is opened."""

    path: Path
    subtitles: Path | None = None
    from_seconds: float | None = None
    until_seconds: float | None = None
    picture_stream: int | None = None
    audio_track: int | None = None
    fps: float | None = None

    @property
    def state(self) -> tuple[int, ...]:
        """Identity, size and time of the files as they are now: a file that was replaced is another video."""
        pictures = sorted(filter(Path.is_file, find_pictures(self.path))) if self.path.is_dir() else ()
        stats = [file.stat() for file in (self.path, self.subtitles, *pictures) if file is not None]
        return tuple(number for stat in stats for number in (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns))


OnProgress = Callable[[IndexProgress], None]


@dataclass
class _OpenVideo:
    opened: "Future[Toolbox]" = field(default_factory=Future)
    users: int = 0
    listeners: list[OnProgress] = field(default_factory=list)

    def tell(self, progress: IndexProgress) -> None:
        """Tells all users of the work on the video."""
        for listener in list(self.listeners):
            listener(progress)

    def close(self) -> None:
        """Closes the video at once, or as soon as it is open."""
        self.opened.add_done_callback(_close_opened)


def _close_opened(opened: "Future[Toolbox]") -> None:
    if opened.exception() is None:
        opened.result().close()


class OpenVideos:
    """A pool of open videos that closes those unused for longest. Safe in threads."""

    def __init__(self, open_video: Callable[[VideoKey, OnProgress], Toolbox], most: int) -> None:
        """Starts empty.

        Args:
            open_video: opens a video, and tells of the work on it.
            most: videos that stay open when nobody uses them.
        """
        self._open_video = open_video
        self._most = most
        self._lock = threading.Lock()
        self._shared: dict[tuple[VideoKey, tuple[int, ...]], _OpenVideo] = {}  # the one used last stands last

    @contextmanager
    def borrowed(self, key: VideoKey, on_progress: OnProgress = lambda _: None) -> Iterator[Toolbox | None]:
        """A context with the tools of a video, open while they are used; None if the time is over before they are.

        Args:
            key: the video.
            on_progress: called from other threads with the work on the video meanwhile.

        Raises:
            ValueError: the video can't be opened.
            WorkCancelledError: the run that waits for the video was cancelled.
        """
        place = (key, key.state)
        with self._lock:
            shared = self._shared.pop(place, None)
            is_new = shared is None
            shared = shared or _OpenVideo()
            self._shared[place] = shared
            shared.users += 1
            shared.listeners.append(on_progress)
        try:
            if is_new:  # in a thread without a deadline: the next run that waits for this video may have more time
                threading.Thread(target=self._open, args=(place, shared), name="open video", daemon=True).start()
            (toolbox,) = run_in_time([shared.opened.result], grace_seconds=0.0)
            yield None if isinstance(toolbox, OutOfTime) else toolbox
        finally:
            with self._lock:
                shared.users -= 1
                shared.listeners.remove(on_progress)
                if self._shared.get(place) is shared:
                    self._shared[place] = self._shared.pop(place)
            self._tidy(self._most)

    def close(self) -> None:
        """Closes all videos that nobody uses; the others are closed by their last user."""
        self._most = 0
        self._tidy(0)

    def _open(self, place: tuple[VideoKey, tuple[int, ...]], shared: _OpenVideo) -> None:
        try:
            shared.opened.set_result(self._open_video(place[0], shared.tell))
        except BaseException as error:
            with self._lock:  # so that the next run tries again
                if self._shared.get(place) is shared:
                    del self._shared[place]
            shared.opened.set_exception(error)

    def _tidy(self, most: int) -> None:
        with self._lock:
            idle = [place for place, shared in self._shared.items() if not shared.users]
            leaving = [self._shared.pop(place) for place in idle[: max(0, len(idle) - most)]]
        for shared in leaving:
            shared.close()
