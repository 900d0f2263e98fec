"""The command `agent`, also called `videosleuth`, whose subcommands have a file each under `agent.cli`.

`agent.ending` lists the exit statuses.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from agent.cli import (
    ask,
    chat,
    completion,
    doctor,
    explain,
    index,
    mcp,
    modules,
    policy,
    predict,
    pull,
    replay,
    serve,
    transcript,
    verify,
)
from agent.cli.sources import clip, search
from agent.cli.sources.given import bring_files
from agent.ending import Parser, end_process, run_command
from agent.paths import PATHS, escape_path

_COMMANDS = (
    ask,
    chat,
    explain,
    predict,
    index,
    replay,
    verify,
    transcript,
    search,
    clip,
    pull,
    policy,
    serve,
    mcp,
    doctor,
    completion,
)
_INTERRUPTED = "interrupted; what was indexed is kept"
_ENDS = """\
examples:
  agent ask film.mp4 "What does the sign say?"
  agent ask film.mp4 "Who wins?" --option red --option blue --report answer.html
  agent ask a.mp4 b.mp4 "Which of the two shows the sign GATE 12?"
  agent ask film.mp4 "Summarize it." --policy http:gpt-5-mini@openai --max-cost 0.05
  agent chat film.mp4
  agent explain film.mp4
  agent predict film.mp4 --at 1:20
  agent index FOLDER
  agent ask FOLDER "Which video shows the sign GATE 12?"
  agent search FOLDER "a red car at night"
  agent clip answer.json
  agent pull
  agent help ask

environment variables:
  VIDEOSLEUTH_CACHE    folder of indexes and transcripts; by default the user's cache folder
  VIDEOSLEUTH_POLICY   the policy that plays where --policy names none
  VIDEOSLEUTH_ENCODER  the encoder of the frame index where --encoder names none
  VIDEOSLEUTH_PRICES   a price table of your own, asked before the one that comes along
  VIDEOSLEUTH_THREADS  how many networks of the index run at once; by default one a core, at most 4
  VIDEOSLEUTH_DOWNLOAD yes: models that --policy names may be downloaded unasked
  VIDEOSLEUTH_API_KEY  key for any server of http: but the two that follow
  OPENAI_API_KEY       key that goes to api.openai.com alone
  GEMINI_API_KEY       key that goes to Gemini's host alone
  VIDEOSLEUTH_MCP_TOKEN token that `agent mcp --http` asks of every request
  VIDEOSLEUTH_SERVE_TOKEN the same for `agent serve`; each of its settings (`agent config`) is a VIDEOSLEUTH_SERVE_...
  VIDEOSLEUTH_CONFIG   the TOML file with its settings, the defaults of `agent pull` and `agent policy`, and own tools
  VIDEOSLEUTH_FETCH_PRIVATE yes: addresses in private networks may be fetched from; or these networks, as 10.1.0.0/16
  NO_COLOR             no colours on the terminal
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `agent` with some arguments, by default those of the process, and gives the exit status."""
    return run_command("agent", partial(_run, arguments), _INTERRUPTED)


def entry() -> NoReturn:
    """Runs `agent` as the console script: ends the process with the exit status."""
    end_process("agent", _run, _INTERRUPTED)


def _run(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given:
        build_parser().print_help()
        return 0
    if given[0] == "help":
        given = [*given[1:], "--help"]
    if given[0] in modules.PACKAGES:
        return modules.run(given[0], given[1:])
    if Path(given[0]).is_file():
        question = shlex.quote(" ".join(given[1:]) or "QUESTION")
        raise ValueError(f"what is to be done with {given[0]}? For example: agent ask {given[0]} {question}")
    options = build_parser().parse_args(given)
    _check_text(options)
    bring_files(options)
    status: int = options.run(options)
    return status


def _check_text(options: argparse.Namespace) -> None:
    """Refuses arguments that are no Unicode, since they are kept and sent; only a path may be any bytes."""
    for name, given in vars(options).items():
        for text in given if isinstance(given, list) else [given]:
            if name not in PATHS and isinstance(text, str) and escape_path(text) != text:
                raise ValueError(
                    f"need text in UTF-8, got {escape_path(text)}: is the terminal set to another encoding?"
                )


def build_parser() -> Parser:
    """The argument parser of all commands."""
    name = Path(sys.argv[0]).stem
    whole = Parser(
        "videosleuth" if name == "videosleuth" else "agent",
        description="An agent that looks again before it answers: ask a question of a video, get an answer with "
        "evidence.",
        epilog=_ENDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"videosleuth {version('videosleuth')}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for command in _COMMANDS:
        command.add(commands)
    modules.add(commands)
    whole.set_defaults(whole_parser=whole)
    return whole


if __name__ == "__main__":
    entry()
