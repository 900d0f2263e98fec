"""`agent index`: builds the caches ahead of questions, and keeps them within their size."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from agent.console import index_progress
from tools.cache import DEFAULT_LIMIT_BYTES, prune
from tools.toolbox import open_toolbox
from tools.video import VideoError

VIDEO_SUFFIXES = frozenset(".mp4 .m4v .mov .mkv .webm .avi .flv .wmv .ts .m2ts .mts .mpg .mpeg .3gp .ogv".split())


def index_all(paths: Iterable[Path], encoder: str | None, console: Console) -> list[Path]:
    """Indexes every video named or found in the folders named; gives those that could not be indexed.

    Raises:
        ValueError: a path does not exist, or a folder holds no video.
    """
    failed = []
    for video in videos_in(paths):
        try:
            with (
                index_progress(console) as on_progress,
                open_toolbox(video, encoder=encoder, on_progress=on_progress) as t,
            ):
                t.index.wait()
                console.print(
                    escape(f"{video}: {len(t.index.store.seconds)} frames indexed"), highlight=False, soft_wrap=True
                )
        except VideoError as error:
            console.print(escape(f"{video}: {error}"), highlight=False, style="red", soft_wrap=True)
            failed.append(video)
    return failed


def videos_in(paths: Iterable[Path]) -> list[Path]:
    """The files named, and the videos anywhere in the folders named, in order."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(p for p in path.rglob("*") if p.suffix.casefold() in VIDEO_SUFFIXES and p.is_file())
        if not inside:
            raise ValueError(f"{path} holds no video file ({', '.join(sorted(VIDEO_SUFFIXES))})")
        found += inside
    return found


def prune_cache(max_gigabytes: float | None, console: Console) -> None:
    """Removes the least recently used videos until the cache fits, and says what it did."""
    if max_gigabytes is not None and not 0 <= max_gigabytes < 1e9:
        raise ValueError(f"need 0 <= --max-gigabytes < 1e9, got {max_gigabytes:g}")
    limit = DEFAULT_LIMIT_BYTES if max_gigabytes is None else int(max_gigabytes * 1e9)
    pruned = prune(limit)
    console.print(
        f"removed the caches of {pruned.removed} videos ({pruned.freed_bytes / 1e6:.1f} MB); "
        f"{pruned.kept_bytes / 1e6:.1f} MB are kept (limit {limit / 1e9:g} GB)",
        highlight=False,
    )
