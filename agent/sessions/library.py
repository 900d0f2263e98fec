"""A question about a folder: its videos are indexed once, and those that fit the question best are looked into."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from agent.paths import escape_path, unescape_path
from agent.sessions.options import AskedQuestion, make_key
from agent.trajectory import Question, SearchedFolder
from tools.cache import CacheError
from tools.deadline import WorkCancelledError, cancellation_at_hand, is_time_up, run_in_time
from tools.index.library import IndexedVideo, Library
from tools.limits import VideoError
from tools.observation import MissingPartError
from tools.toolbox import Toolbox

_log = logging.getLogger(__name__)

_WORDLESS = (
    "Of {count} videos it was not known what is said or written in them when they were searched: "
    "`agent index --speech --text` finds out"
)
LOOKED_INTO = 4
"""Videos of a folder that a question looks into: all are open, and shown to the policy, at the same time. What is to be
explained, or predicted, is in one."""


def update_library(library: Library, open_one: Callable[[Path], AbstractContextManager[Toolbox]]) -> None:
    """Indexes the files of a library that are new or changed, as far as the time allows.

    Args:
        library: the library; what can't be opened stands in its problems.
        open_one: opens the tools of a video.

    Raises:
        CacheError: the cache can't be written.
        WorkCancelledError: the work was cancelled; what is indexed by then is kept.
    """
    try:
        for path in library.list_new():
            if is_time_up():
                break
            try:
                with open_one(path) as toolbox:
                    (is_tiled,) = run_in_time([toolbox.index.wait_tiled], grace_seconds=0.0)
                    if is_tiled is True:
                        library.record(path, describe_indexed(toolbox))
            except (CacheError, MissingPartError, WorkCancelledError):  # it would be the same for every other file
                raise
            except (VideoError, OSError) as error:
                library.record_failure(path, str(error))
            except Exception:  # one file must not keep the others from being searched, whatever is wrong with it
                _log.exception("%s could not be indexed, which is a bug of ours", path)
    finally:
        library.save()
    cancellation_at_hand().check()


def describe_indexed(toolbox: Toolbox) -> IndexedVideo:
    """What a library takes in of a video whose index is whole."""
    video = toolbox.video
    return IndexedVideo(
        video.content_hash, video.info.duration_seconds, tuple(toolbox.list_known_lines()), toolbox.is_known_in_words
    )


def find_question_videos(asked: AskedQuestion, library: Library, before: Sequence[Question]) -> AskedQuestion:
    """A question about a folder as one about those of its videos that fit it best.

    Args:
        asked: the question.
        library: the library of its folder.
        before: questions before it; where one was about the same videos, they keep their numbers.

    Raises:
        VideoError: no video of it can be searched.
    """
    question = choose_videos(asked.question, library)
    known = next((one.videos for one in reversed(before) if set(one.videos) == set(question.videos)), question.videos)
    question = replace(question, video=known[0], other_videos=known[1:])
    keys = tuple(make_key(unescape_path(video), {}) for video in question.videos)
    return replace(asked, question=question, keys=keys, folder=None)


def choose_videos(question: Question, library: Library) -> Question:
    """The question about the videos of a library that fit it best, in that order.

    Raises:
        VideoError: no video of it can be searched.
    """
    count = LOOKED_INTO if question.task == "answer" else 1
    found = library.rank_videos(" ".join((question.text, *question.options)), count)
    problems = tuple(f"{escape_path(str(path))} was not searched: {why}" for path, why in library.problems.items())
    if library.wordless:
        problems = (_WORDLESS.format(count=library.wordless), *problems)
    if not found:
        raise VideoError(f"none of the {len(library.files)} videos in {library.folder} can be searched: {problems[-1]}")
    first, *others = (escape_path(str(path)) for path in found)
    folder = SearchedFolder(escape_path(str(library.folder)), len(library.files), problems)
    return replace(question, video=first, other_videos=tuple(others), folder=folder)
