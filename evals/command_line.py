"""How the commands of this package end: as `agent.ending` says, with what they found on stdout."""

import shlex
import sys
from collections.abc import Callable
from typing import NoReturn

from agent.ending import end_process
from agent.terminal import tell, visible

say = tell
"""Tells how far it is, apart from the results."""


def given(module: str) -> str:
    """The command as it was given, to be given again."""
    return shlex.join(["python", "-m", module, *sys.argv[1:]])


def end(module: str, found: Callable[[], str], interrupted: str = "interrupted") -> NoReturn:
    """Runs a command, prints what it found, and ends the process."""
    end_process(module, lambda: print(visible(found())), interrupted)


def end_with_page(module: str, page: Callable[[], str]) -> NoReturn:
    """The same for a page of figures, which stands under the command that made it."""
    end(module, lambda: f"    {given(module)}\n\n{page()}")
