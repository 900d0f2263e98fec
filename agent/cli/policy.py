"""`agent policy`: who plays where nobody is named; shows it, changes it."""

import argparse
from typing import TYPE_CHECKING

from agent.terminal import Screen

if TYPE_CHECKING:
    from agent.cli import Commands


def add(commands: "Commands") -> None:
    """Adds the command `policy` to the parser."""
    policy = commands.add_parser(
        "policy",
        help="show or change who plays by default",
        description="Without SPEC: who plays by default, and why. With it: who plays from now on, which is kept in the "
        "user's configuration file.",
    )
    policy.add_argument("spec", nargs="?", metavar="SPEC", help="as --policy takes it; auto goes back to choosing")
    policy.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from agent.policies.default import choose_default_policy
    from agent.policies.registry import check_spec
    from tools.runtime.user_config import write_default

    if options.spec is not None:
        if options.spec != "auto":
            check_spec(options.spec)
        write_default("policy", "" if options.spec == "auto" else options.spec)
    choice = choose_default_policy()
    screen = Screen()
    screen.print(f"{choice.spec}: {choice.why}", markup=False, highlight=False, soft_wrap=True)
    if options.spec not in (None, "auto", choice.spec):
        screen.print(f"{options.spec} is kept, and plays once that is gone", markup=False, highlight=False)
    return 0
