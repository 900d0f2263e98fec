"""What stands for a video on the command line and is no file yet: `-` for standard input, and an address.

It becomes a file in the cache, so that a saved run finds it again; `agent index --prune` removes it as it does indexes.
"""

import argparse
import hashlib
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tools.cache import explain_write_errors, find_cache_root, make_video_folder
from tools.demux.file_kind import is_web_address

STANDARD_INPUT = "-"
_GIVEN = ("videos", "video", "paths", "source")
"""Arguments of the commands that name videos."""
_AT_ONCE = 1 << 20
"""Bytes copied at once."""


def bring_files(options: argparse.Namespace) -> None:
    """Puts files in the place of what stands for one among the parsed arguments.

    Raises:
        ValueError: nothing comes from standard input, or the command reads something else there.
    """
    for name in _GIVEN:
        given = getattr(options, name, None)
        if isinstance(given, str):
            setattr(options, name, _bring(given, options))
        elif isinstance(given, list):
            brought = {one: _bring(one, options) for one in dict.fromkeys(given)}
            setattr(options, name, [brought[one] for one in given])


def _bring(given: str, options: argparse.Namespace) -> str:
    if given == STANDARD_INPUT:
        return str(_save_standard_input(options))
    if not is_web_address(given):
        return given
    from agent.cli.sources.address import fetch_address, is_fetchable  # with a hub's library: a fifth of a second

    return str(fetch_address(given)) if is_fetchable(given) else given


def _save_standard_input(options: argparse.Namespace) -> Path:
    if not getattr(options, "takes_standard_input", True):
        raise ValueError("- is standard input, where this command reads questions: give a file")
    if sys.stdin is None or sys.stdin.isatty():
        raise ValueError(
            "- is a video from standard input, and nothing is piped into it: `agent ask - QUESTION < FILE`"
        )
    return save_stream(sys.stdin.buffer)


def save_stream(stream: BinaryIO) -> Path:
    """The file in the cache with the bytes of a stream.

    Raises:
        ValueError: there are none.
        CacheError: the disk is full, or the cache can't be written.
    """
    root = find_cache_root()
    with explain_write_errors(root):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=root, prefix=".standard-input.")
        try:
            digest = hashlib.blake2b(digest_size=16)
            with os.fdopen(handle, "wb") as file:
                while piece := stream.read(_AT_ONCE):
                    digest.update(piece)
                    file.write(piece)
                size = file.tell()
            if not size:
                raise ValueError("standard input is empty: no video came from it")
            path = make_video_folder(f"given-{digest.hexdigest()}") / "standard-input"
            Path(name).replace(path)
        finally:
            with suppress(FileNotFoundError):
                Path(name).unlink()
    return path
