"""Opens a video's index: ready at once from the cache, or filled in the background while searches already run.

Coarse to fine: keyframes, then whole frames, then their tiles, which cost most. A search that comes before has the
tiles of the moments that look best embedded at once; the background goes on with the others while nobody waits.

One process writes at a time, under a lock that the system frees on a kill; another one follows its checkpoints and
takes over if it dies; one that was stopped is waited for a while. Whatever stops the work, the next start goes on from
the last checkpoint.
"""

import contextvars
import ctypes
import logging
import re
import sys
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tools.cache import (
    WriterWatch,
    explain_write_errors,
    find_cache_root,
    giving_signs_of_life,
    make_video_folder,
    open_writer_lock,
    prune_after_writing,
    try_acquire,
)
from tools.deadline import get_seconds_left, is_time_up
from tools.encoders.registry import Encoder
from tools.index.builder import (
    BatchSize,
    FrameEmbedder,
    choose_quick_times,
    count_tiles,
    embed_keyframes,
    embed_tiles,
    make_tile_batch,
)
from tools.index.files import (
    THUMB_SHAPE,
    IndexBatch,
    IndexDamage,
    IndexFiles,
    IndexManifest,
    IndexWriter,
    LoadedIndex,
)
from tools.index.frame_store import (
    PICTURES,
    RECORDS,
    DamagedPictureError,
    FrameStore,
    FrameStoreWriter,
    encode_stored,
    fit_stored_size,
    is_same_moment,
    read_stored_size,
)
from tools.index.vectors import FrameIndex, MatchedMoment
from tools.own_files import is_plain_file, remove
from tools.sampling import choose_fps, make_sample_times
from tools.video.source import VideoSource
from tools.video.video import SAME_MOMENT_SECONDS, Frame

_log = logging.getLogger(__name__)

_CHECKPOINT_FRAMES = 64
"""Frames from one checkpoint to the next: the work that a kill can lose."""
_TIDY_FRAMES = 8
"""Frames after which memory is given back to the system, which takes 15 ms each time."""
_POLL_SECONDS = 0.25
"""Time between two looks at another process's checkpoints, or at whether a search is running."""
_COARSE_MOMENTS = 24
"""Moments whose tiles a search embeds before it answers."""
_TILE_PATIENCE_SECONDS = 10.0
"""Time that a search may spend on embedding tiles: more than those of all its moments take on an idle laptop, so that
the same search finds the same when it comes again."""
_PATIENCE_SHARE = 0.25
"""Share of the time left for the work at hand that a search may spend on embedding tiles."""
_QUIET_SECONDS = 3.0
"""Time without a call after which the background embeds tiles that nobody waits for: before, the next call is about to
come, and a question about a video that was indexed before would load the encoder for nothing."""
_TILED_AT_ONCE = 2
"""Frames whose tiles are embedded at once, between two looks at the clock."""


@dataclass(frozen=True)
class IndexProgress:
    """Progress of one stage of the work on a video."""

    stage: str
    """Stage of the index: `keyframes`, `frames`, `tiles`, or `another process` while that does the work."""
    done: int
    total: int
    eta_seconds: float | None
    """Estimate of the time left for this stage; None before there is one."""


def open_index(
    video: VideoSource,
    encoder: Encoder,
    cache: Path | None = None,
    on_progress: Callable[[IndexProgress], None] | None = None,
) -> "VideoIndex":
    """The index of a video, whole from the cache or being filled in the background.

    Args:
        video: the video.
        encoder: embeds the frames.
        cache: root of the cache, the user's own if None.
        on_progress: called from the background thread.
    """
    return VideoIndex(video, encoder, cache, on_progress)


def open_index_files(
    content_hash: str, length_seconds: float, encoder: Encoder, cache: Path | None = None
) -> IndexFiles:
    """The files of a video's index in the cache, whether they are there or not.

    Args:
        content_hash: the video's.
        length_seconds: its length, which its sampling rate follows from.
        encoder: embeds the frames.
        cache: root of the cache, the user's own if None.
    """
    folder, fps, tiles = find_cache_root(cache) / content_hash, choose_fps(length_seconds), count_tiles(encoder)
    name = f"index-{_as_file_name(encoder.name)}-{tiles + 1}tiles-{fps:g}fps"
    return IndexFiles(folder / name, _name_store_folder(folder, fps), encoder.dim, tiles)


def _name_store_folder(folder: Path, fps: float) -> Path:
    return folder / f"frames-{fps:g}fps"


class VideoIndex:
    """The index of a video's frames: search, stored pictures and thumbnails; usable while it is being filled."""

    def __init__(
        self,
        video: VideoSource,
        encoder: Encoder,
        cache: Path | None = None,
        on_progress: Callable[[IndexProgress], None] | None = None,
    ) -> None:
        self._video, self._encoder, self._cache, self._on_progress = video, encoder, cache, on_progress
        length = video.info.length_seconds
        self._fps = choose_fps(length)
        self._times = video.info.start_seconds + make_sample_times(length, self._fps)
        self._folder = make_video_folder(video.content_hash, cache)
        self._store_folder = _name_store_folder(self._folder, self._fps)
        self._files = open_index_files(video.content_hash, length, encoder, cache)
        self.frames = FrameIndex(
            encoder.name, encoder.dim, count_tiles(encoder), video.info.duration_seconds, video.info.start_seconds
        )
        self._lock = threading.Lock()
        self._seen: IndexManifest | None = None  # how much of the files on disk was taken in
        self._thumbs: list[NDArray[np.uint8]] = []
        self._unwritten: list[IndexBatch] = []  # tiles that a search had embedded
        self._times_forgotten = 0
        self._store: FrameStore | None = None
        self._is_cancelled, self._is_searchable, self._is_stored = (threading.Event() for _ in range(3))
        self._frames_ended, self._tiles_ended, self._nobody_waits = (threading.Event() for _ in range(3))
        self._nobody_waits.set()
        self._calls: list[Callable[[], bool]] = []  # that have precedence; each says whether its time is up
        self._asked_at = time.monotonic()  # when a call had precedence last
        self._are_tiles_awaited = threading.Event()
        self._is_whole = self._is_tiled = self._is_closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run_in_background, name="index", daemon=True)
        self._load_if_whole()
        if not self._is_tiled:
            self._thread.start()
            weakref.finalize(self, _stop, self._is_cancelled, self._thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def fps(self) -> float:
        """Sampled frames a second."""
        return self._fps

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Own times of the sampled frames so far in seconds, (N,) float64, ascending; N is that of `thumbs`."""
        with self._lock:
            return self.frames.seconds

    @property
    def thumbs(self) -> NDArray[np.uint8]:
        """Thumbnails of the sampled frames so far, (N, 18, 32, 3) uint8."""
        with self._lock:
            return np.concatenate([np.empty((0, *THUMB_SHAPE), np.uint8), *self._thumbs])

    @property
    def store(self) -> FrameStore:
        """The store of the pictures so far, maybe still empty."""
        if self._store is None:
            self._is_stored.wait()
            with self._lock:
                if self._store is None:
                    self._raise_error()
                    # of the video, not of the index, which its own finalizer would keep alive for good
                    decode_again = partial(_decode_sampled, self._video, self._stored_height)
                    self._store = FrameStore(self._store_folder, decode_again)
                    weakref.finalize(self, self._store.close)
        if not self._is_whole and self._thread.is_alive():
            self._store.refresh()
        return self._store

    @property
    def _stored_height(self) -> int:
        return fit_stored_size(self._video.info.width, self._video.info.height)[1]

    def read_stored(self, times: Sequence[float]) -> dict[float, bytes]:
        """JPEGs of sampled frames as they are stored, by their time; those that do not decode are left out.

        What is not stored yet is decoded, in one pass, and comes out in the bytes that will be stored.

        Args:
            times: own times of sampled frames in seconds, ascending.
        """
        store, found, missing = self.store, {}, []
        for seconds in times:
            number = store.find(seconds)
            if number is None:
                missing.append(seconds)
                continue
            with suppress(ValueError):  # damaged, or no picture from the start
                jpeg = store.jpeg(number)
                read_stored_size(jpeg)
                found[seconds] = jpeg
        for frame in self._video.read(missing, self._stored_height) if missing else ():
            found |= {asked: encode_stored(frame) for asked in missing if is_same_moment(asked, frame.seconds)}
        return found

    def wait_searchable(self, timeout_seconds: float | None = None) -> bool:
        """Waits until a search can find something: a second or so; False if that took too long."""
        ready = self._is_searchable.wait(timeout_seconds)
        self._raise_error()
        return ready

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Waits until all frames are indexed, maybe still without tiles; False if that took too long or was cancelled.

        An error of the background thread is raised here.
        """
        self._frames_ended.wait(timeout_seconds)
        self._raise_error()
        return self._is_whole

    def wait_tiled(self, timeout_seconds: float | None = None) -> bool:
        """Waits until all tiles are indexed too, so that a search finds what it ever will; otherwise as `wait`."""
        if timeout_seconds != 0:
            self._are_tiles_awaited.set()
        self._tiles_ended.wait(timeout_seconds)
        self._raise_error()
        return self._is_tiled

    def search(
        self,
        query: NDArray[np.float32],
        count: int,
        start_seconds: float = 0.0,
        stop_seconds: float = np.inf,
        patience_seconds: float = _TILE_PATIENCE_SECONDS,
    ) -> list[MatchedMoment]:
        """The moments that fit a query best, best first, by what is indexed so far.

        The tiles of the moments that look best by their whole pictures are embedded first, where they are missing.

        Args:
            query: (D,) unit.
            count: number of moments at most.
            start_seconds: start of the window.
            stop_seconds: end of the window, not included.
            patience_seconds: time for embedding tiles.

        Raises:
            ValueError: the index is closed.
        """
        if self._is_closed:
            self._raise_error()
        if not self._is_tiled:
            with self.first():
                self._look_closer(
                    self.frames.find_untiled_matches(query, _COARSE_MOMENTS, start_seconds, stop_seconds),
                    patience_seconds,
                )
        return self.frames.search(query, count, start_seconds, stop_seconds)

    @contextmanager
    def first(self) -> Iterator[None]:
        """Gives what runs inside precedence over the background: until its deadline, no tiles are embedded there."""
        is_up = partial(contextvars.copy_context().run, is_time_up)
        with self._lock:
            self._calls.append(is_up)
            self._nobody_waits.clear()
        try:
            yield
        finally:
            with self._lock:
                self._calls.remove(is_up)
                self._asked_at = time.monotonic()
                if not self._calls:
                    self._nobody_waits.set()

    def _is_free(self) -> bool:
        """Waits a moment for the calls that have precedence; one left behind at its deadline has none any more."""
        if self._nobody_waits.wait(_POLL_SECONDS):
            return True
        with self._lock:
            return all(is_up() for is_up in self._calls)

    def _look_closer(self, rows: NDArray[np.int64], patience_seconds: float) -> None:
        until = time.monotonic() + min(patience_seconds, _PATIENCE_SHARE * get_seconds_left())
        for first in range(0, len(rows), _TILED_AT_ONCE):
            if time.monotonic() >= until:
                break
            with suppress(DamagedPictureError):  # left to the background, which makes all of them again
                self._embed_tiles(rows[first : first + _TILED_AT_ONCE])

    def _embed_tiles(self, rows: NDArray[np.int64]) -> None:
        """Embeds the tiles of embedded frames, and queues them for the next checkpoint."""
        store, forgotten = self.store, self._times_forgotten
        pictures = [store.frame(store.at(seconds)).pixels for seconds in self.frames.get_seconds(rows).tolist()]
        vectors = embed_tiles(self._encoder, pictures)
        with self._lock:
            if forgotten == self._times_forgotten:
                is_new = self.frames.add_tiles(rows, vectors)
                self._unwritten.append(make_tile_batch(rows[is_new], vectors[is_new]))

    def cancel(self) -> None:
        """Stops the background within about a second; the next start goes on from the last checkpoint."""
        self._is_cancelled.set()
        if self._thread.ident is not None:
            self._thread.join()

    def close(self) -> None:
        """Stops the background, and lets go of vectors, thumbnails and the file of pictures: nothing is found any more.

        At once, since an index and the tools that look at it hold each other, which Python notices only now and then.
        """
        self.cancel()
        self._error = self._error or ValueError(f"the index of {self._video.path} is closed")
        self._is_closed = True
        with self._lock:
            store, self._store = self._store, None
        if store is not None:
            store.close()
        self._forget()
        self._frames_ended.set()  # whoever waits is told

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    # --- from the cache

    def _load_if_whole(self) -> None:
        """Takes in an index from the cache that has all its frames."""
        found = self._files.load(only_whole=True)
        if isinstance(found, LoadedIndex):
            self._take_in(found)

    def _take_in(self, found: LoadedIndex) -> None:
        if found.is_from_start:
            self._forget()
        self._take(found.batch)
        self._seen = found.manifest
        if found.manifest.is_complete:
            self._finish_frames()
        if found.is_tiled:
            self._finish_tiles()

    def _take(self, batch: IndexBatch) -> None:
        """Makes a batch visible: times and thumbnails change together."""
        with self._lock:
            self.frames.add(batch.seconds, batch.rows, batch.vectors)
            self.frames.add_tiles(batch.tiled, batch.tiles)
            self._thumbs.append(batch.thumbs)
        if len(batch.seconds):
            self._is_searchable.set()

    def _finish_frames(self) -> None:
        if self._is_whole:
            return
        self.frames.complete(self._files.folder / "graph")
        if self._store is not None:
            self._store.refresh()
        self._is_whole = True
        self._report("frames", len(self._times), len(self._times), 0.0)
        for event in (self._is_searchable, self._is_stored, self._frames_ended):
            event.set()

    def _finish_tiles(self) -> None:
        self.frames.complete_tiles(self._files.folder / "tile-graph")
        self._is_tiled = True
        if self.frames.tiled:
            self._report("tiles", self.frames.tiled, self.frames.tiled, 0.0)
        self._tiles_ended.set()

    # --- in the background

    def _run_in_background(self) -> None:
        try:
            self._build_or_follow()
        except BaseException as error:
            self._error = error
        finally:
            for event in (self._is_searchable, self._is_stored, self._frames_ended, self._tiles_ended):
                event.set()

    def _build_or_follow(self) -> None:
        lock = open_writer_lock(self._video.content_hash, self._cache)
        watch = WriterWatch(lock)
        while not self._is_cancelled.is_set():
            if try_acquire(lock):
                try:
                    with giving_signs_of_life(lock):
                        self._build()
                finally:
                    lock.release()
                if not self._is_cancelled.is_set():
                    prune_after_writing(self._folder, self._cache)
                return
            if self._follow():
                return
            watch.check()
            self._is_cancelled.wait(_POLL_SECONDS)

    def _forget(self) -> None:
        """Removes all that was read or embedded from memory."""
        with self._lock:
            self.frames.clear()
            self._thumbs, self._unwritten = [], []
            self._seen = None
            self._is_whole = False
            self._frames_ended.clear()
            self._times_forgotten += 1

    def _follow(self) -> bool:
        """Reads what another process has checkpointed since the last look; True when the index is whole."""
        if is_plain_file(self._store_folder / RECORDS) and is_plain_file(self._store_folder / PICTURES):
            self._is_stored.set()
        found = self._files.load(self._seen)
        if not isinstance(found, LoadedIndex):  # not there yet, or whoever holds the lock is about to make it again
            return False
        try:
            self._take_in(found)
        except OSError:  # being made again right now
            return False
        if not self._is_whole:
            self._report("another process", found.manifest.frames, len(self._times), None)
        return self._is_tiled

    def _build(self) -> None:
        try:
            # what a follower has seen of a part is read again
            found = self._files.load(self._seen if self._is_whole else None)
            if isinstance(found, IndexDamage):  # said once, since all of it is then made again
                _log.warning("damaged cache, the index is made again: %s", found.why)
            self._build_on(found if isinstance(found, LoadedIndex) else None)
        except _DamagedStoreError as error:
            _log.warning("damaged cache, the stored frames in %s are made again: %s", self._store_folder, error)
            self._store = None
            remove(self._store_folder)
            self._build_on(None)

    def _build_on(self, found: LoadedIndex | None) -> None:
        """Goes on after what was found, or from nothing without it."""
        if found is None:
            self._forget()
        else:
            self._take_in(found)
            if self._is_tiled:  # somebody else has finished between our look at the cache and the lock
                return
        writer = self._files.open_writer(None if found is None else found.manifest)
        try:
            if not self._is_whole:
                self._add_frames(writer)
            if self._is_whole:
                self._add_tiles(writer)
        finally:
            writer.close()

    def _add_frames(self, writer: IndexWriter) -> None:
        with _open_store_writer(self._store_folder) as stored:
            self._is_stored.set()
            after_seconds = float(self.frames.seconds[-1]) if len(self.frames.seconds) else -1.0
            known = self._run_quick_pass(after_seconds)
            self._run_full_pass(writer, self._read_samples(stored, after_seconds), known)
        is_whole = not self._is_cancelled.is_set()
        if is_whole:
            writer.complete()
        self._checkpoint(writer)
        if is_whole:
            self._finish_frames()

    def _add_tiles(self, writer: IndexWriter) -> None:
        """Embeds the tiles that are still missing, in order of time, while nobody waits for anything else."""
        size, clock, already = BatchSize(_TILED_AT_ONCE), _RemainingTime(), self.frames.tiled
        checkpointed = tidied = already
        last = -1
        total = self.frames.rows if count_tiles(self._encoder) else 0
        while total and self._may_go_on() and len(rows := self.frames.list_untiled(size.pictures, last)):
            last = int(rows[-1])
            try:
                with size.timed(len(rows)):
                    self._embed_tiles(rows)
            except DamagedPictureError as error:
                raise _DamagedStoreError(str(error)) from error
            done = self.frames.tiled
            if done - checkpointed >= _CHECKPOINT_FRAMES:
                self._checkpoint(writer)
                checkpointed = done
            if done - tidied >= _TIDY_FRAMES:
                _give_memory_back()
                tidied = done
            self._report("tiles", done, total, clock.left_seconds(done - already, total - already))
        self._checkpoint(writer)
        if self.frames.tiled == total:
            self._finish_tiles()

    def _may_go_on(self) -> bool:
        """Waits while a call has precedence (`first`) or is about to come; False once cancelled."""
        while not self._is_cancelled.is_set():
            is_quiet = self._asked_at + _QUIET_SECONDS <= time.monotonic()
            if self._is_free() and (is_quiet or self._are_tiles_awaited.wait(_POLL_SECONDS)):
                return True
        return False

    def _checkpoint(self, writer: IndexWriter) -> None:
        """Appends the queued tiles, and writes a manifest that counts all that was appended."""
        with self._lock:
            batches, self._unwritten = self._unwritten, []
        for batch in batches:
            writer.append(batch)
        writer.checkpoint()

    def _run_quick_pass(self, after_seconds: float) -> dict[float, NDArray[np.float32]]:
        """Embeds keyframes; gives their vectors by time."""
        times = choose_quick_times(self._video, after_seconds, self._fps)
        known: dict[float, NDArray[np.float32]] = {}
        clock = _RemainingTime()
        _give_memory_back()  # the packets of a film of hours were lists while it was opened
        with closing(self._take_until_cancelled(self._video.read(times, self._stored_height))) as frames:
            for look in embed_keyframes(frames, self._encoder):
                self.frames.add_quick(look.seconds, look.vectors)
                self._is_searchable.set()
                known.update(zip(look.seconds, look.vectors, strict=True))
                _give_memory_back()
                self._report("keyframes", len(known), len(times), clock.left_seconds(len(known), len(times)))
        return known

    def _run_full_pass(
        self, writer: IndexWriter, sampled: Iterator[Frame], known: dict[float, NDArray[np.float32]]
    ) -> None:
        clock, already = _RemainingTime(), writer.frames
        checkpointed = tidied = already
        sampler = FrameEmbedder(self._encoder, writer.rows, known)
        with closing(self._take_until_cancelled(sampled)) as frames:
            for batch in sampler.batches(frames):
                writer.append(batch)
                self._take(batch)
                if writer.frames - checkpointed >= _CHECKPOINT_FRAMES:
                    self._checkpoint(writer)
                    checkpointed = writer.frames
                if writer.frames - tidied >= _TIDY_FRAMES:
                    _give_memory_back()
                    tidied = writer.frames
                # Frames that do not decode or that two sample times share are never done: count by time instead.
                done = int(np.searchsorted(self._times, batch.seconds[-1], side="right"))
                left = clock.left_seconds(done - already, len(self._times) - already)
                self._report("frames", done, len(self._times), left)

    def _read_samples(self, stored: FrameStoreWriter, after_seconds: float) -> Iterator[Frame]:
        """The frames still to be indexed: from the store as far as it goes, then decoded and stored."""
        with FrameStore(self._store_folder) as store:
            until = float(store.seconds[-1]) if len(store) else -1.0
            for number in range(int(np.searchsorted(store.seconds, after_seconds, side="right")), len(store)):
                yield _read_stored_frame(store, number)
            times = [float(time) for time in self._times if time > max(until, after_seconds)]
            for frame in self._video.read(times, max_height=self._stored_height):
                if frame.seconds > max(until, after_seconds) + SAME_MOMENT_SECONDS:
                    with explain_write_errors(self._store_folder):
                        stored.append(frame)
                    yield frame

    def _take_until_cancelled(self, frames: Iterator[Frame]) -> Generator[Frame, None, None]:
        for frame in frames:
            if self._is_cancelled.is_set():
                return
            yield frame

    def _report(self, stage: str, done: int, total: int, left_seconds: float | None) -> None:
        if self._on_progress is not None:
            self._on_progress(IndexProgress(stage, min(done, total), total, left_seconds))


def _decode_sampled(video: VideoSource, height: int, seconds: float) -> Frame | None:
    """The frame of a stored picture, from the video."""
    frame = next(video.read([seconds], max_height=height), None)
    return frame if frame is not None and abs(frame.seconds - seconds) < SAME_MOMENT_SECONDS else None


def _stop(is_cancelled: threading.Event, thread: threading.Thread) -> None:
    """Ends the work in the background, at the latest when Python ends: a thread that is killed in C++ aborts it."""
    is_cancelled.set()
    if thread is not threading.current_thread():  # which lets go of the index last, where nobody else holds it
        thread.join()


class _DamagedStoreError(Exception):
    """A stored picture cannot be read."""


@contextmanager
def _open_store_writer(folder: Path) -> Iterator[FrameStoreWriter]:
    with explain_write_errors(folder):
        writer = FrameStoreWriter(folder)
    try:
        yield writer
    finally:
        with explain_write_errors(folder):
            writer.close()


def _give_memory_back() -> None:
    """Returns freed memory to the system where the C library can: 140 instead of 290 MB on a clip of 100 seconds.

    Pictures from the decoding threads and a network's scratch space in this one leave glibc's heaps full of holes.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none, and no such heaps
        if trim is not None:
            trim(0)


def _read_stored_frame(store: FrameStore, number: int) -> Frame:
    try:
        return store.frame(number)
    except DamagedPictureError as error:
        raise _DamagedStoreError(f"picture {number}: {error}") from error


class _RemainingTime:
    """Clock that estimates the time left from the work done since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def left_seconds(self, done: int, total: int) -> float | None:
        if done <= 0:
            return None
        return (time.monotonic() - self._start) / done * max(0, total - done)


def _as_file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name)
