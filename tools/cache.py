"""The cache on disk: one folder a video, named by its content, so that a renamed file is still known.

Layout: `<root>/<content hash>/` holds `frames-…/` (pictures), `index-…/` (embeddings) and JSON of other parts beside
them; `<root>/library-…/` holds the index over the videos of a folder, `<root>/given-…/` and `<root>/fetched-…/` videos
that were no files; all are used and pruned alike. `<root>/locks/` holds one lock file for each.
The locks live outside the folders because removing a lock file that somebody waits on would let two writers in. A file
is either complete under its name or not there: everything is written beside and moved into place.
"""

import errno
import json
import math
import os
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from tools.own_files import add_checksum, clear_way, is_plain_file, make_own_folder, read_checked, remove

_Kept = TypeVar("_Kept")

DEFAULT_LIMIT_BYTES = 20 * 10**9
"""About 400 hours of video at the default sampling."""
_LOCKS = "locks"
_USED = "used"
"""Empty file in a video's folder: its modification time is the last use, and only folders that have it are pruned."""
_NOT_WRITABLE = frozenset(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG, errno.EISDIR)
)


_RECENT_SECONDS = 3600.0
"""What was used within that time may be in use by another process, and is not pruned in passing."""
_PRUNE_SECONDS = 60.0
"""Time between two prunings in passing: with thousands of videos each takes as long as indexing a short clip."""
_pruned_at: dict[Path, float] = {}
WRITER_PATIENCE_SECONDS = 60.0
"""How long whoever writes in a folder is waited for without a sign of life; a process that was stopped gives none."""
_SIGN_SECONDS = 5.0
"""Time between two signs of life."""
_LOOK_SECONDS = 0.25
"""Time between two looks at a lock that somebody else holds."""
_ELSEWHERE = "set VIDEOSLEUTH_CACHE to a folder elsewhere"


class CacheError(OSError):
    """The cache folder cannot be used: one sentence with what to do."""


def find_cache_root(root: Path | None = None) -> Path:
    """The cache folder: the one given, else VIDEOSLEUTH_CACHE, else the user's cache folder of this system.

    Raises:
        CacheError: VIDEOSLEUTH_CACHE names the home folder of a user who does not exist.
    """
    if root is not None:
        return root
    if configured := os.environ.get("VIDEOSLEUTH_CACHE"):
        try:
            return Path(configured).expanduser().absolute()
        except RuntimeError as error:  # ~name of nobody
            raise CacheError(f"VIDEOSLEUTH_CACHE={configured}: {error}") from error
    from platformdirs import user_cache_path

    return user_cache_path("videosleuth", appauthor=False)


def make_video_folder(content_hash: str, root: Path | None = None) -> Path:
    """The folder of one video, made if it is not there and marked as used now."""
    folder = find_cache_root(root) / content_hash
    with explain_write_errors(folder):
        _make_root(folder.parent)
        make_own_folder(folder)
        clear_way(folder / _USED)
        (folder / _USED).touch(mode=0o600)
    return folder


def open_writer_lock(content_hash: str, root: Path | None = None) -> FileLock:
    """The lock that the one process which writes in this video's folder holds; the system frees it on a kill."""
    locks = find_cache_root(root) / _LOCKS
    with explain_write_errors(locks):
        _make_root(locks.parent)
        make_own_folder(locks)
        clear_way(locks / f"{content_hash}.lock")
    # Not thread-local: the index takes it in its background thread and may be cancelled from another one.
    return FileLock(locks / f"{content_hash}.lock", mode=0o600, thread_local=False)


@contextmanager
def hold_writer_lock(content_hash: str, root: Path | None = None) -> Iterator[None]:
    """Holds the lock of a folder; waits for it as long as whoever holds it gives signs of life.

    Raises:
        CacheError: whoever holds it gives none, or the cache folder can't be written.
    """
    with hold_lock(open_writer_lock(content_hash, root)):
        yield


@contextmanager
def hold_lock(lock: FileLock, elsewhere: str = _ELSEWHERE) -> Iterator[None]:
    """Holds a lock; waits for it as long as whoever holds it gives signs of life, as this function does.

    Args:
        lock: the lock.
        elsewhere: what may be done to work without what it guards.

    Raises:
        CacheError: whoever holds it gives none.
    """
    watch = WriterWatch(lock, elsewhere)
    while not try_acquire(lock):
        watch.check()
        time.sleep(_LOOK_SECONDS)
    try:
        with giving_signs_of_life(lock):
            yield
    finally:
        lock.release()


def try_acquire(lock: FileLock) -> bool:
    """Takes a lock unless somebody else holds it; whether it did."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


@contextmanager
def giving_signs_of_life(lock: FileLock) -> Iterator[None]:
    """Touches the file of a lock that is held, every few seconds, from a thread that stops when the process does."""
    is_over = threading.Event()

    def touch() -> None:
        while not is_over.wait(_SIGN_SECONDS):
            with suppress(OSError):  # the file was removed with the cache: others take a new one
                os.utime(lock.lock_file)

    thread = threading.Thread(target=touch, name="signs of life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


class WriterWatch:
    """Watches the signs of life of the process that holds a lock."""

    def __init__(self, lock: FileLock, elsewhere: str = _ELSEWHERE) -> None:
        self._path, self._elsewhere = Path(lock.lock_file), elsewhere
        self._sign_ns: int | None = None
        self._signed_at = time.monotonic()

    def check(self) -> None:
        """Does nothing as long as there are signs of life.

        Raises:
            CacheError: there were none for `WRITER_PATIENCE_SECONDS`.
        """
        now = time.monotonic()
        with suppress(FileNotFoundError):
            sign_ns = self._path.stat().st_atime_ns  # older releases of filelock change the other one as they try
            if sign_ns != self._sign_ns:
                self._sign_ns, self._signed_at = sign_ns, now
        if now - self._signed_at >= WRITER_PATIENCE_SECONDS:
            pid = find_lock_holder(self._path)
            raise CacheError(
                f"{'another process' if pid is None else f'process {pid}'} holds {self._path} and has given no sign of "
                f"life for {WRITER_PATIENCE_SECONDS:g} s: let it go on or end it, if it was stopped, or "
                f"{self._elsewhere}"
            )


def find_lock_holder(path: Path) -> int | None:
    """Id of the process that holds the lock of a file; None where the system does not say."""
    try:
        locks, file = Path("/proc/locks").read_text(encoding="ascii").splitlines(), path.stat()
    except OSError:  # no Linux, or the file is gone
        return None
    place = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    # 1: FLOCK ADVISORY WRITE 4711 fe:00:123 0 EOF; with an arrow behind the number, one that waits
    held = (fields for line in locks if (fields := line.split())[1] == "FLOCK" and fields[5] == place)
    return next((int(fields[4]) for fields in held if int(fields[4]) > 0), None)


def _make_root(root: Path) -> None:
    """Unlike what is in it, the cache folder itself may be a link: the user may have put it on another disk."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def explain_write_errors(folder: Path) -> Iterator[None]:
    """Turns a full disk or a folder that may not be written into one sentence that says what to do.

    Raises:
        CacheError: the sentence; other errors of the system pass through.
    """
    try:
        yield
    except CacheError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CacheError(
                f"no space left for the cache in {folder}: free some, run `agent index --prune`, or {_ELSEWHERE}"
            ) from error
        if error.errno in _NOT_WRITABLE:
            raise CacheError(f"the cache folder {folder} cannot be written: {_ELSEWHERE}") from error
        raise


def write_atomically(path: Path, data: bytes | str) -> None:
    """Writes a whole file or leaves the old one: no reader ever sees half of it, not even after a power cut."""
    raw = data.encode() if isinstance(data, str) else data
    with explain_write_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(beside).unlink()
            raise


def write_json(path: Path, value: Any) -> None:
    """Writes a value as JSON, atomically."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=1))


def keep(path: Path, value: Any) -> None:
    """Writes a value as JSON that `kept` gives back, atomically; whatever lies in its place goes."""
    with explain_write_errors(path.parent):
        clear_way(path)
    write_atomically(path, add_checksum(value))


def load_kept(path: Path, kind: TypeAdapter[_Kept]) -> _Kept | None:
    """Reads a value that `keep` wrote, in its type; None where there is no such file, or a damaged one."""
    return read_checked(path, kind)


@dataclass(frozen=True)
class CachedVideo:
    """Folder, size on disk and last use of one video in the cache."""

    folder: Path
    size_bytes: int
    used_at: float
    """Seconds since 1970 at the last use."""


def list_cached_videos(root: Path | None = None) -> list[CachedVideo]:
    """Every video in the cache, least recently used first."""
    top = find_cache_root(root)
    videos = []
    for folder in (folder for folder in top.iterdir() if _is_video_folder(folder)) if top.is_dir() else ():
        with suppress(FileNotFoundError):  # another process may be removing it right now
            videos.append(CachedVideo(folder, _measure_size_bytes(folder), (folder / _USED).lstat().st_mtime))
    return sorted(videos, key=lambda video: video.used_at)


def _is_video_folder(folder: Path) -> bool:
    """Only folders that this module made are ever counted or removed, whatever VIDEOSLEUTH_CACHE points at."""
    return folder.is_dir() and not folder.is_symlink() and is_plain_file(folder / _USED)


def _measure_size_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # another process may be replacing it right now
            total += path.lstat().st_size
    return total


@dataclass(frozen=True)
class Pruned:
    """Number of videos removed from the cache, and bytes freed and kept."""

    removed: int
    """Videos whose cache was removed."""
    freed_bytes: int
    kept_bytes: int


def prune(
    max_bytes: int = DEFAULT_LIMIT_BYTES,
    root: Path | None = None,
    keep: Collection[Path] = (),
    unused_seconds: float = 0.0,
) -> Pruned:
    """Removes the least recently used videos from the cache until the rest fits; those being written stay.

    Args:
        max_bytes: size that the cache may have afterwards.
        root: root of the cache, the user's own if None.
        keep: folders that stay.
        unused_seconds: spares what was used within that time, which another process may be reading.
    """
    videos = list_cached_videos(root)
    total = sum(video.size_bytes for video in videos)
    removed = freed = 0
    for video in videos:
        if total <= max_bytes:
            break
        if video.folder in keep or time.time() - video.used_at < unused_seconds:
            continue
        if _remove(video.folder, root):
            removed, freed, total = removed + 1, freed + video.size_bytes, total - video.size_bytes
    return Pruned(removed, freed, total)


def prune_after_writing(folder: Path, root: Path | None = None) -> None:
    """Prunes to the default limit after a folder was written, but once a minute at most: it looks at every file.

    Args:
        folder: the folder, which stays, as does all that was used within the hour.
        root: root of the cache, the user's own if None.
    """
    top, now = find_cache_root(root), time.monotonic()
    if now - _pruned_at.get(top, -math.inf) >= _PRUNE_SECONDS:
        _pruned_at[top] = now
        prune(root=root, keep=[folder], unused_seconds=_RECENT_SECONDS)


def _remove(folder: Path, root: Path | None) -> bool:
    try:
        with open_writer_lock(folder.name, root).acquire(timeout=0):
            # The marker goes last, or a removal cut short would leave a folder that nobody counts.
            for child in folder.iterdir():
                if child.name != _USED:
                    remove(child)
            (folder / _USED).unlink()
            folder.rmdir()
    except (Timeout, PermissionError):  # being written; or, on Windows, open in another process
        return False
    return True
