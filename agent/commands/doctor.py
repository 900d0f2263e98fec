"""`agent doctor`: what is installed and works."""

import argparse
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from agent.commands import Commands


def add(commands: "Commands") -> None:
    """Declares the command."""
    doctor = commands.add_parser("doctor", help="what is installed, which encoder is used, how to get the better one")
    doctor.set_defaults(run=_run)


def _run(_: argparse.Namespace) -> int:
    from agent.doctor import print_checkup

    return print_checkup(Console())
