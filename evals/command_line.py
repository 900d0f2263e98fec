"""How the commands of this package end: with what they found, or with one sentence on stderr and `agent`'s status."""

import shlex
import sys
from collections.abc import Callable

from agent.commands.outcome import EXIT_BAD_INPUT


def given(module: str) -> str:
    """The command as it was given, to be given again."""
    return shlex.join(["python", "-m", module, *sys.argv[1:]])


def say(line: str) -> None:
    """Tells how far it is, apart from the results."""
    print(line, file=sys.stderr, flush=True)


def ended(module: str, found: Callable[[], str]) -> int:
    """Prints what was found, or why nothing could be, where the input is to blame; gives back the exit status."""
    try:
        print(found())
    except (ValueError, OSError) as error:
        say(f"{module}: {error}")
        return EXIT_BAD_INPUT
    return 0


def page_ended(module: str, page: Callable[[], str]) -> int:
    """The same for a page of figures, which stands under the command that made it."""
    return ended(module, lambda: f"    {given(module)}\n\n{page()}")
