"""`agent completion`: a script that completes commands and options in a shell."""

import argparse
from importlib import import_module
from typing import TYPE_CHECKING

from tools.observation import MissingPartError
from tools.packaged_weights import is_installed, make_install_command

if TYPE_CHECKING:
    from agent.cli import Commands

SHELLS = ("bash", "zsh", "fish")


def add(commands: "Commands") -> None:
    """Adds the command `completion` to the parser."""
    completion = commands.add_parser(
        "completion",
        help="print a script that completes commands and options in a shell",
        description="Prints a script for the shell; for bash: agent completion bash >> ~/.bash_completion; for fish: "
        "agent completion fish > ~/.config/fish/completions/agent.fish; for zsh: agent completion zsh into a file "
        "_agent in a folder of $fpath.",
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell that is to complete")
    completion.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if not is_installed("shtab"):
        raise MissingPartError(f"shtab is not installed: run `{make_install_command('completion')}`")
    print(import_module("shtab").complete(options.whole_parser, options.shell))
    return 0
