"""Runs commands that take one TOML file; exit statuses are those of `agent.exit_codes`."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from agent.ending import Parser, check_arguments_first, end_process
from agent.terminal import tell
from rl.options.toml_config import Kind, read_toml


def run_toml_command(
    name: str, about: str | None, kind: type[Kind], main: Callable[[Kind, Callable[[str], None]], object]
) -> NoReturn:
    """Runs `python -m NAME CONFIG.toml` and ends the process.

    Args:
        name: name of the module.
        about: docstring of the module, whose first line is shown by --help.
        kind: schema of the file.
        main: does the work; its second argument prints progress on stderr.
    """

    def work() -> None:
        main(read_toml(make_parser(name, about).parse_args().config, kind), tell)

    end_process(name, work)


def check_file_first(name: str, about: str | None, check: Callable[[Path], None]) -> None:
    """Ends the process where the arguments or the file are wrong, before imports that take seconds.

    Args:
        name: name of the module.
        about: docstring of the module.
        check: raises what is wrong with the file.
    """
    parser = make_parser(name, about)
    check_arguments_first(name, parser)
    config: Path = parser.parse_args().config
    try:
        check(config)
    except (ValueError, OSError) as error:
        wrong = error  # the name that `except` binds is gone after it

        def tell() -> None:
            raise wrong

        end_process(name, tell)


def make_parser(name: str, about: str | None) -> Parser:
    """The argument parser of `python -m NAME CONFIG.toml`; `about` is the docstring of the module."""
    made = Parser(f"python -m {name}", description=(about or "").partition("\n")[0])
    made.add_argument("config", type=Path, metavar="CONFIG.toml", help="as one in rl/configs")
    return made
