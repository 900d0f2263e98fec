"""The end of a command that takes one TOML file: what is wrong with it is a line on stderr and exit status 2."""

import sys
from collections.abc import Callable
from pathlib import Path

from agent.policy import PolicyError
from rl.sheets import Kind, read_sheet
from tools.observation import MissingPartError

EXIT_BAD_INPUT = 2


def run(name: str, kind: type[Kind], main: Callable[[Kind, Callable[[str], None]], object]) -> int:
    """Runs `python -m NAME CONFIG.toml`; gives back the exit status.

    Args:
        name: of the module.
        kind: what its file says.
        main: does the work, and says how far it is, on stderr.
    """
    if len(sys.argv) != 2:
        print(f"usage: python -m {name} CONFIG.toml", file=sys.stderr)
        return EXIT_BAD_INPUT
    try:
        main(read_sheet(Path(sys.argv[1]), kind), lambda line: print(line, file=sys.stderr, flush=True))
    except (ValueError, OSError, PolicyError, MissingPartError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0
