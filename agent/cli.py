"""The command `agent`: one file under `agent.commands` for each thing it can do.

Bad input is one sentence on stderr and exit status 2; a question that got no answer is 1; a policy that could not be
reached is 69; a bug of ours is 70.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from agent.commands import ask, doctor, explain, index, predict, replay
from agent.commands.outcome import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_POLICY_FAILED
from agent.policy import PolicyError
from tools.observation import MissingPartError

_COMMANDS = (ask, explain, predict, index, replay, doctor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; gives the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (ValueError, OSError, MissingPartError) as error:
        # what users can get wrong is a ValueError or an OSError at the door; anything else is a bug and is raised
        print(f"agent: {_one_sentence(error)}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except PolicyError as error:
        print(f"agent: {_one_sentence(error)}", file=sys.stderr)
        return EXIT_POLICY_FAILED
    except KeyboardInterrupt:
        print("agent: interrupted; what was indexed is kept", file=sys.stderr)
        return EXIT_INTERRUPTED
    return status


def entry() -> None:
    """The command itself: ends the process with the status, at once where the user interrupted it."""
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if status == EXIT_INTERRUPTED:
        os._exit(status)  # a tool may still be at work in a thread, which Python would wait for; all is saved by now
    sys.exit(status)


def _one_sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("agent", description="An agent that looks again before it answers.")
    parser.add_argument("--version", action="version", version=f"videosleuth {version('videosleuth')}")
    commands = parser.add_subparsers(
        required=True, metavar=" | ".join(c.__name__.rpartition(".")[2] for c in _COMMANDS)
    )
    for command in _COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    entry()
