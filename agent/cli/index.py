"""`agent index`: videos indexed ahead of questions."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.run_options import CAPTIONER, ENCODER, add_picture_stream_option, add_window_options
from agent.exit_codes import EXIT_BAD_INPUT, EXIT_BUG
from agent.options import add_yes_option
from agent.terminal import Screen

if TYPE_CHECKING:
    from agent.cli import Commands


def add(commands: "Commands") -> None:
    """Adds the command `index` to the parser."""
    index = commands.add_parser("index", help="index videos ahead of questions, or prune the cache")
    index.add_argument("paths", nargs="*", metavar="VIDEO|FOLDER", help="a file, or a folder with all below it")
    index.add_argument("--encoder", default=None, metavar="SPEC", help=ENCODER)
    add_window_options(index)
    add_picture_stream_option(index)
    index.add_argument(
        "--audio", type=int, default=None, metavar="N", help="recognise the speech of sound track N too, from 1"
    )
    index.add_argument(
        "--ray", metavar="ADDRESS", help="let a Ray cluster do the work, one task a video; local starts one here"
    )
    index.add_argument("--speech", action="store_true", help="recognise what is said, too")
    index.add_argument("--text", action="store_true", help="read the text on screen, too")
    index.add_argument("--captions", action="store_true", help="describe the video clip by clip, too")
    index.add_argument("--captioner", default=None, metavar="SPEC", help=f"for --captions: {CAPTIONER}")
    add_yes_option(index, "fetch what an address names without asking")
    index.add_argument("--prune", action="store_true", help="remove what was least recently used, past the size limit")
    index.add_argument("--max-gigabytes", type=float, default=None, metavar="N", help="size limit of the cache")
    index.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from agent.cli.build_index import index_all, prune_cache

    if not options.paths and not options.prune:
        raise ValueError("name a video or a folder to index, or --prune")
    if options.captioner is not None and not options.captions:
        raise ValueError("--captioner is for --captions, which it makes")
    if options.max_gigabytes is not None and not options.prune:
        raise ValueError("--max-gigabytes is for --prune, which removes what is past it")
    progress = Screen(stderr=True)
    failed = index_all(
        [Path(path) for path in options.paths],
        options.encoder,
        progress,
        options.picture_stream,
        options.audio,
        options.speech,
        options.text,
        (options.start, options.until),
        options.captions,
        options.captioner,
        options.ray,
    )
    if options.prune:
        prune_cache(options.max_gigabytes, progress)
    if any(failure.is_bug for failure in failed):
        return EXIT_BUG
    return EXIT_BAD_INPUT if failed else 0
