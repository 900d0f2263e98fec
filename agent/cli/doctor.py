"""`agent doctor`: what is installed and works; with a policy, what its model really sees."""

import argparse
from typing import TYPE_CHECKING

from agent.options import add_model_options, check_a_model_is_named, read_policy_options
from agent.terminal import Screen

if TYPE_CHECKING:
    from agent.cli import Commands


def add(commands: "Commands") -> None:
    """Adds the command `doctor` to the parser."""
    doctor = commands.add_parser(
        "doctor",
        help="what is installed and used by default; with --policy, what a model really sees",
        description="Without --policy: what is installed, what is used by default, how to get the better one. With it: "
        "about nine requests with generated frames find out whether the model sees all of them, in order and at which "
        "size, and whether it calls tools. Exit status: 0 all fine, 1 something fails, 69 the model can't be reached.",
    )
    doctor.add_argument("--policy", metavar="SPEC", help="ask this model, e.g. http:MODEL@URL; hosted ones cost money")
    doctor.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")
    add_model_options(doctor)
    doctor.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.policy is None:
        check_a_model_is_named(options)
        from agent.cli.checkup import print_checkup

        return print_checkup(Screen(), as_json=options.json)
    from agent.policies.registry import open_policy
    from agent.probe.page import examine

    policy = open_policy(options.policy, read_policy_options(options))
    return examine(policy, Screen(), Screen(stderr=True), as_json=options.json)
