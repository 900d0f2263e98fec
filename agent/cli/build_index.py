"""`agent index`: builds the caches ahead of questions, and keeps them within their size."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rich.console import Console

from agent.policies.captioner import open_captioner
from agent.report.console import show_index_progress
from agent.sessions.library import describe_indexed
from tools.cache import DEFAULT_LIMIT_BYTES, CacheError, prune
from tools.encoders.registry import Encoder, open_encoder
from tools.index.library import IndexedVideo, Library, list_videos
from tools.index.video_index import IndexProgress
from tools.observation import MissingPartError, ToolError
from tools.runtime.ray_cluster import LostWork, work_off
from tools.toolbox import Toolbox, open_toolbox
from tools.video.video import VideoError
from tools.vision.captioner import Captioner, CaptionModel


@dataclass(frozen=True)
class NotIndexed:
    """A file that could not be indexed."""

    video: Path
    is_bug: bool
    """True where neither the file nor the machine is to blame, but this program."""


@dataclass(frozen=True)
class IndexJob:
    """A video to index, and what of it."""

    video: Path
    encoder: str
    picture_stream: int | None = None
    audio: int | None = None
    speech: bool = False
    text: bool = False
    window: tuple[float | None, float | None] = (None, None)
    captions: bool = False
    captioner: str = ""
    """Spec of the captioner; empty for the one of the configuration, or the packaged one."""


@dataclass(frozen=True)
class IndexOutcome:
    """How the work on a video ended."""

    said: str
    """What to tell the user."""
    indexed: IndexedVideo | None = None
    """The video; None where it could not be indexed."""
    is_bug: bool = False
    is_of_file: bool = False
    """Whether the file itself is to blame."""


def index_all(
    paths: Sequence[Path],
    encoder: str | None,
    console: Console,
    picture_stream: int | None = None,
    audio: int | None = None,
    speech: bool = False,
    text: bool = False,
    window: tuple[float | None, float | None] = (None, None),
    captions: bool = False,
    captioner: str | None = None,
    ray: str | None = None,
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
        window: seconds at which each video begins and ends; None for its own.
        captions: whether the clips are described too.
        captioner: spec of the model that describes them; that of the configuration, or the packaged one, if None.
        ray: address of the Ray cluster that does the work; None for this process.

    Raises:
        ValueError: a path does not exist, a folder holds no video, or there is no such encoder, captioner or cluster.
        MissingPartError: the encoder, or Ray, is not installed.
        PolicyError: the captioner's model can't be had.
    """
    spec = encoder or "auto"
    opened = open_encoder(spec)  # what is wrong with it is said once, and is no fault of the files
    if captions:
        _open_captioner_once(captioner or "")  # the same
    # a question about the folder looks at the whole main stream of each file
    is_usual = picture_stream is None and window == (None, None)
    libraries = {path: Library(path, opened) for path in paths if is_usual and path.is_dir()}
    listed = [(video, libraries.get(path)) for path in paths for video in find_videos([path])]
    jobs = [
        IndexJob(
            video, spec, picture_stream, audio, speech or audio is not None, text, window, captions, captioner or ""
        )
        for video, _ in listed
    ]
    library_of = dict(listed)
    failed = []
    try:
        for job, outcome in _work_off(jobs, opened, console) if ray is None else work_off_on_ray(jobs, ray):
            is_well = outcome.indexed is not None
            console.print(outcome.said, highlight=False, markup=False, style=None if is_well else "red", soft_wrap=True)
            library = library_of[job.video]
            if not is_well:
                failed.append(NotIndexed(job.video, outcome.is_bug))
            if library is not None and outcome.indexed is not None:
                library.record(job.video, outcome.indexed)
            elif library is not None and outcome.is_of_file:
                library.record_failure(job.video, outcome.said)
    finally:
        for library in libraries.values():
            library.save()
    if failed:
        names = ", ".join(str(failure.video) for failure in failed)
        said = f"not indexed: {len(failed)} of {len(jobs)} videos: {names}"
        console.print(said, highlight=False, markup=False, style="red", soft_wrap=True)
    return failed


def _work_off(jobs: Iterable[IndexJob], encoder: Encoder, console: Console) -> Iterator[tuple[IndexJob, IndexOutcome]]:
    for job in jobs:
        with show_index_progress(console) as on_progress:
            outcome = index_one(job, encoder, on_progress)
        yield job, outcome


def index_one(job: IndexJob, encoder: Encoder, on_progress: Callable[[IndexProgress], None]) -> IndexOutcome:
    """Indexes a video into the cache, going on with what is there of it.

    Args:
        job: the video, and what of it.
        encoder: the open encoder.
        on_progress: is told how far the work is.

    Raises:
        MissingPartError: something is not installed that every other file would need too.
    """
    video = job.video
    try:
        with open_toolbox(
            video,
            encoder=encoder,
            start=job.window[0],
            until=job.window[1],
            picture_stream=job.picture_stream,
            audio=job.audio,
            captioner=_open_captioner_once(job.captioner) if job.captions else None,
            on_progress=on_progress,
        ) as toolbox:
            toolbox.prepare(speech=job.speech, text=job.text, captions=job.captions)
            count = len(toolbox.index.store.seconds)
            return IndexOutcome(
                f"{video}: {count} frames indexed{_describe_rest(toolbox, job.speech)}", describe_indexed(toolbox)
            )
    except (VideoError, OSError) as error:
        said = str(error) if str(video) in str(error) else f"{video}: {error}"
        return IndexOutcome(said, is_of_file=not isinstance(error, CacheError))
    except MissingPartError:
        raise
    except ToolError as error:  # of the captioner
        return IndexOutcome(f"{video}: {error}")
    except MemoryError:
        return IndexOutcome(f"{video}: it needs more memory than there is")
    except Exception:  # one file must not keep the others from being indexed, whatever is wrong with it or with us
        return IndexOutcome(f"{video}: this is a bug of ours:\n{traceback.format_exc()}", is_bug=True)


def work_off_on_ray(jobs: Iterable[IndexJob], address: str) -> Iterator[tuple[IndexJob, IndexOutcome]]:
    """Indexes videos as tasks of a Ray cluster, each with its outcome as it comes; errors as those of `open_ray`.

    Args:
        jobs: the videos.
        address: where the cluster is, as `ray.init` takes it; `local` starts one here, which ends with the work.
    """
    for job, outcome in work_off(_index_in_worker, jobs, address):
        if isinstance(outcome, LostWork):
            outcome = IndexOutcome(f"{job.video}: the worker that had it died, again and again: {outcome.why}")
        yield job, outcome


def _index_in_worker(job: IndexJob) -> IndexOutcome:
    return index_one(job, _open_once(job.encoder), lambda _: None)


@cache
def _open_captioner_once(spec: str) -> Captioner | CaptionModel | None:
    return open_captioner(spec or None)


@cache
def _open_once(spec: str) -> Encoder:
    return open_encoder(spec)


def _describe_rest(toolbox: Toolbox, speech: bool) -> str:
    """The indexing that is left to a later question, as the end of a sentence."""
    left = ["recognise speech (--speech does it now)"] if toolbox.needs_recognition and not speech else []
    left += [] if toolbox.is_text_prepared else ["read text on screen (--text does it now)"]
    return f"; a question may still have to {' and to '.join(left)}" if left else ""


def find_videos(paths: Iterable[Path]) -> list[Path]:
    """The files named, and the videos anywhere in the folders named, in order.

    Raises:
        ValueError: a folder holds no video.
    """
    return [video for path in paths for video in (list_videos(path) if path.is_dir() else [path])]


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
