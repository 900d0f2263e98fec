"""Ends the commands of this package: results on stdout, exit statuses as in `agent.exit_codes`."""

import shlex
import sys
from collections.abc import Callable
from typing import NoReturn

from agent.ending import end_process
from agent.terminal import escape_controls, tell

say = tell
"""Prints a line of progress on stderr, apart from the results."""


def quote_command(module: str) -> str:
    """The command line as it was given, quoted for a shell."""
    return shlex.join(["python", "-m", module, *sys.argv[1:]])


def end(module: str, found: Callable[[], str], interrupted: str = "interrupted") -> NoReturn:
    """Runs a command, prints its results, and ends the process.

    Args:
        module: name of the command's module.
        found: does the work and gives the text to print.
        interrupted: message after Ctrl-C.
    """
    end_process(module, lambda: print(escape_controls(found())), interrupted)


def end_with_page(module: str, page: Callable[[], str]) -> NoReturn:
    """Runs a command and prints its page below the command line that made it; ends the process."""
    end(module, lambda: f"    {quote_command(module)}\n\n{page()}")
