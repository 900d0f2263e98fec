"""A folder given in place of a video: its library, and the videos in it that fit a question best."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from agent.paths import unescape_path
from agent.trajectory import Question

if TYPE_CHECKING:
    from agent.report.console import Working
    from tools.index.library import Library
    from tools.toolbox import Toolbox


def find_in_folder(options: argparse.Namespace, question: Question, shown: "Working") -> Question:
    """The question about those videos of `options.folder` that fit it best; sets `options.videos`.

    Args:
        options: the parsed options of `agent ask`, with the folder.
        question: the question.
        shown: shows what is at work.

    Raises:
        ValueError: no video in the folder can be searched.
    """
    from agent.sessions.library import choose_videos

    library = open_library(options.folder, options.encoder, shown)
    found = choose_videos(question, library)
    options.videos = [unescape_path(video) for video in found.videos]
    return found


def open_library(folder: Path, encoder: str | None, shown: "Working") -> "Library":
    """The library of a folder, whose new and changed videos are indexed as far as the time allows.

    Args:
        folder: the folder.
        encoder: spec of the frame encoder; the usual one if None.
        shown: shows what is at work.

    Raises:
        ValueError: the folder holds no video, or there is no such encoder.
    """
    from agent.sessions.library import update_library
    from tools.encoders.registry import open_encoder
    from tools.index.library import Library
    from tools.toolbox import open_toolbox

    opened = open_encoder(encoder or "auto")

    def open_one(path: Path) -> "Toolbox":
        shown.at_work(f"indexing {path.name}")
        return open_toolbox(path, encoder=opened, on_progress=shown.on_progress)

    library = Library(folder, opened)
    update_library(library, open_one)
    shown.at_work("searching the folder")
    return library
