"""`agent index`: builds the caches ahead of questions, and keeps them within their size."""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from agent.policies.captioner import open_captioner
from agent.report.console import show_index_progress
from tools.cache import DEFAULT_LIMIT_BYTES, prune
from tools.demux.file_kind import VIDEO_SUFFIXES
from tools.encoders.registry import open_encoder
from tools.index.video_index import IndexProgress
from tools.observation import MissingPartError, ToolError
from tools.toolbox import Toolbox, open_toolbox
from tools.video.video import VideoError


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
    speech: bool = False,
    text: bool = False,
    captions: bool = False,
    captioner: str | None = None,
) -> list[NotIndexed]:
    """Indexes every video named or found in the folders named, and gives those that could not be indexed.

    Whatever happens with one file, the others are indexed.

    Args:
        paths: videos, and folders of them.
        encoder: spec of the encoder; the usual one if None.
        console: where progress and errors are printed.
        picture_stream: number of the stream of pictures, from 1; its main one if None.
        audio: number of the sound track whose speech is recognised; with it speech is, whatever `speech` says.
        speech: whether speech is recognised too.
        text: whether screen text is read too.
        captions: whether the clips are described too.
        captioner: spec of the model that describes them; that of the configuration, or the packaged one, if None.

    Raises:
        ValueError: a path does not exist, a folder holds no video, or there is no such encoder or captioner.
        MissingPartError: the encoder is not installed.
        PolicyError: the captioner's model can't be had.
    """
    videos = find_videos(paths)
    open_encoder(encoder or "auto")  # what is wrong with it is said once, and is no fault of the files
    describer = open_captioner(captioner) if captions else None

    def open_one(video: Path, on_progress: Callable[[IndexProgress], None]) -> Toolbox:
        return open_toolbox(
            video,
            encoder=encoder,
            picture_stream=picture_stream,
            audio=audio,
            captioner=describer,
            on_progress=on_progress,
        )

    failed = [
        failure
        for video in videos
        if (
            failure := _index(
                video, open_one, console, speech=speech or audio is not None, text=text, captions=captions
            )
        )
        is not None
    ]
    if failed:
        names = ", ".join(str(failure.video) for failure in failed)
        _print_line(console, f"not indexed: {len(failed)} of {len(videos)} videos: {names}", "red")
    return failed


def _index(
    video: Path,
    open_one: Callable[[Path, Callable[[IndexProgress], None]], Toolbox],
    console: Console,
    *,
    speech: bool,
    text: bool,
    captions: bool,
) -> NotIndexed | None:
    try:
        with (
            show_index_progress(console) as on_progress,
            open_one(video, on_progress) as toolbox,
        ):
            toolbox.prepare(speech=speech, text=text, captions=captions)
            _print_line(
                console, f"{video}: {len(toolbox.index.store.seconds)} frames indexed{_describe_rest(toolbox, speech)}"
            )
            return None
    except (VideoError, OSError) as error:
        _print_line(console, str(error) if str(video) in str(error) else f"{video}: {error}", "red")
        return NotIndexed(video, is_bug=False)
    except MissingPartError:  # it would be missing for every other file
        raise
    except ToolError as error:  # of the captioner
        _print_line(console, f"{video}: {error}", "red")
        return NotIndexed(video, is_bug=False)
    except MemoryError:
        _print_line(console, f"{video}: it needs more memory than there is", "red")
        return NotIndexed(video, is_bug=False)
    except Exception:  # one file must not keep the others from being indexed, whatever is wrong with it or with us
        _print_line(console, f"{video}: this is a bug of ours:\n{traceback.format_exc()}", "red")
        return NotIndexed(video, is_bug=True)


def _describe_rest(toolbox: Toolbox, speech: bool) -> str:
    """The indexing that is left to a later question, as the end of a sentence."""
    left = ["recognise speech (--speech does it now)"] if toolbox.needs_recognition and not speech else []
    left += [] if toolbox.is_text_prepared else ["read text on screen (--text does it now)"]
    return f"; a question may still have to {' and to '.join(left)}" if left else ""


def _print_line(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, highlight=False, markup=False, style=style, soft_wrap=True)


def find_videos(paths: Iterable[Path]) -> list[Path]:
    """The files named, and the videos anywhere in the folders named, in order.

    Raises:
        ValueError: a folder holds no video.
    """
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
    """Removes the least recently used videos until the cache fits its limit, and prints how many.

    Raises:
        ValueError: the limit is out of range.
    """
    if max_gigabytes is not None and not 0 <= max_gigabytes < 1e9:
        raise ValueError(f"need 0 <= --max-gigabytes < 1e9, got {max_gigabytes:g}")
    limit = DEFAULT_LIMIT_BYTES if max_gigabytes is None else int(max_gigabytes * 1e9)
    pruned = prune(limit)
    console.print(
        f"removed the caches of {pruned.removed} videos ({pruned.freed_bytes / 1e6:.1f} MB); "
        f"{pruned.kept_bytes / 1e6:.1f} MB are kept (limit {limit / 1e9:g} GB)",
        highlight=False,
    )
