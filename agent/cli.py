"""The command `agent`: one file under `agent.commands` for each thing it can do.

`agent.ending` says how it ends.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from typing import NoReturn

from agent.commands import ask, doctor, explain, index, predict, replay
from agent.ending import Parser, end_process, run_command
from agent.paths import PATHS, readable

_COMMANDS = (ask, explain, predict, index, replay, doctor)
_INTERRUPTED = "interrupted; what was indexed is kept"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; gives the exit status."""
    return run_command("agent", partial(_run, arguments), _INTERRUPTED)


def entry() -> NoReturn:
    """The command itself: ends the process with the status."""
    end_process("agent", _run, _INTERRUPTED)


def _run(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    _check_text(options)
    status: int = options.run(options)
    return status


def _check_text(options: argparse.Namespace) -> None:
    """What is kept and sent is Unicode; only a path may be any bytes."""
    for name, given in vars(options).items():
        for text in given if isinstance(given, list) else [given]:
            if name not in PATHS and isinstance(text, str) and readable(text) != text:
                raise ValueError(f"need text in UTF-8, got {readable(text)}: is the terminal set to another encoding?")


def _parser() -> Parser:
    parser = Parser("agent", description="An agent that looks again before it answers.")
    parser.add_argument("--version", action="version", version=f"videosleuth {version('videosleuth')}")
    commands = parser.add_subparsers(
        required=True, metavar=" | ".join(c.__name__.rpartition(".")[2] for c in _COMMANDS)
    )
    for command in _COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    entry()
