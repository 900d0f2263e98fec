"""`agent index`: builds the caches ahead of questions, and keeps them within their size."""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from agent.console import index_progress
from tools.cache import DEFAULT_LIMIT_BYTES, prune
from tools.encoders import open_encoder
from tools.indexing import Progress
from tools.kind_of_file import VIDEO_SUFFIXES
from tools.toolbox import Toolbox, open_toolbox
from tools.video import VideoError


@dataclass(frozen=True)
class NotIndexed:
    """A file that could not be indexed."""

    video: Path
    is_bug: bool
    """True where neither the file nor the machine is to blame, but this program."""


def index_all(
    paths: Iterable[Path],
    encoder: str | None,
    console: Console,
    picture_stream: int | None = None,
    audio: int | None = None,
) -> list[NotIndexed]:
    """Indexes every video named or found in the folders named; gives those that could not be indexed.

    Whatever happens with one file, the others are indexed. With `audio`, the speech of the sound track of that number
    is recognised too.

    Raises:
        ValueError: a path does not exist, a folder holds no video, or there is no such encoder.
        MissingPartError: the encoder is not installed.
    """
    videos = videos_in(paths)
    open_encoder(encoder or "auto")  # what is wrong with it is said once, and is no fault of the files

    def open_one(video: Path, on_progress: Callable[[Progress], None]) -> Toolbox:
        return open_toolbox(video, encoder=encoder, picture_stream=picture_stream, audio=audio, on_progress=on_progress)

    failed = [
        failure for video in videos if (failure := _index(video, open_one, console, audio is not None)) is not None
    ]
    if failed:
        names = ", ".join(str(failure.video) for failure in failed)
        _say(console, f"not indexed: {len(failed)} of {len(videos)} videos: {names}", "red")
    return failed


def _index(
    video: Path, open_one: Callable[[Path, Callable[[Progress], None]], Toolbox], console: Console, with_speech: bool
) -> NotIndexed | None:
    try:
        with (
            index_progress(console) as on_progress,
            open_one(video, on_progress) as toolbox,
        ):
            toolbox.index.wait_tiled()
            if with_speech:
                toolbox.read_speech(count=1)
            _say(console, f"{video}: {len(toolbox.index.store.seconds)} frames indexed")
            return None
    except (VideoError, OSError) as error:
        _say(console, str(error) if str(video) in str(error) else f"{video}: {error}", "red")
        return NotIndexed(video, is_bug=False)
    except MemoryError:
        _say(console, f"{video}: it needs more memory than there is", "red")
        return NotIndexed(video, is_bug=False)
    except Exception:  # one file must not keep the others from being indexed, whatever is wrong with it or with us
        _say(console, f"{video}: this is a bug of ours:\n{traceback.format_exc()}", "red")
        return NotIndexed(video, is_bug=True)


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, highlight=False, markup=False, style=style, soft_wrap=True)


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
