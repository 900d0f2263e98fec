"""A command that takes one TOML file, and how it ends: as `agent.ending` says."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from agent.ending import Parser, end_process
from agent.terminal import tell
from rl.toml_config import Kind, read_sheet


def end(
    name: str, about: str | None, kind: type[Kind], main: Callable[[Kind, Callable[[str], None]], object]
) -> NoReturn:
    """Runs `python -m NAME CONFIG.toml` and ends the process.

    Args:
        name: of the module.
        about: its docstring, whose first line is shown by --help.
        kind: what its file says.
        main: does the work, and says how far it is, on stderr.
    """

    def work() -> None:
        main(read_sheet(parser(name, about).parse_args().config, kind), tell)

    end_process(name, work)


def parser(name: str, about: str | None) -> Parser:
    """What `python -m NAME CONFIG.toml` takes; `about` is the docstring of the module."""
    made = Parser(f"python -m {name}", description=(about or "").partition("\n")[0])
    made.add_argument("config", type=Path, metavar="CONFIG.toml", help="as one in rl/configs")
    return made
