"""Options of the commands that ask a policy, declared once: sampling and requests of a model, limits of a run.

Seconds are written as `80`, `80.5`, `1:20` or `1:02:03`.
"""

import argparse
import os
import re
from collections.abc import Iterable
from dataclasses import fields

from agent.limits import CLIP_SECONDS, QuestionBudget
from agent.policy import DOWNLOAD, Policy, PolicyOptions
from agent.trajectory import EFFORTS, Limits

_DEFAULTS = PolicyOptions()
_OF_MODELS = tuple(field.name for field in fields(PolicyOptions))
_UNUSED = {
    "transformers": ("tools", "timeout_seconds", "max_request_seconds", "max_cost"),
    "vllm": ("max_request_seconds", "max_cost"),
}
"""Options without a meaning for the models in process, by the policy's name."""
_CLOCK = re.compile(r"(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>[0-5]?\d(?:\.\d+)?)")


def read_seconds(text: str) -> float:
    """The seconds that a user wrote, as a number or as a clock shows them.

    Raises:
        ArgumentTypeError: the text is neither.
    """
    if (clock := _CLOCK.fullmatch(text.strip())) is not None:
        return (int(clock["hours"] or 0) * 60 + int(clock["minutes"])) * 60 + float(clock["seconds"])
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"need seconds, as 80 or 1:20, got {text!r}") from None


def add_limit_options(command: argparse.ArgumentParser) -> None:
    """Adds the options for the limits of a run to a command, as a group of their own."""
    clip = Limits()
    limits = command.add_argument_group("limits: at one of them the best answer so far is asked for")
    limits.add_argument(
        "--effort",
        choices=EFFORTS,
        default="medium",
        help=f"how many turns and frames where they are not given: medium is {clip.max_turns} and {clip.max_frames} up "
        f"to {CLIP_SECONDS / 60:.0f} minutes and a quarter more for each doubling past that, low half, high twice",
    )
    limits.add_argument("--max-turns", type=int, default=None, metavar="N", help="by default by --effort")
    limits.add_argument(
        "--max-frames", type=int, default=None, metavar="N", help="different frames looked at; by default by --effort"
    )
    limits.add_argument("--max-tokens", type=int, default=None, metavar="N", help="read and written by a model")
    limits.add_argument("--max-seconds", type=read_seconds, default=None, metavar="N", help="in all, as 90 or 1:30")
    limits.add_argument("--max-cost", type=float, default=None, metavar="USD", help="by the price table")


def read_budget(options: argparse.Namespace) -> QuestionBudget:
    """The limits that the command line gives, and the effort for all others."""
    given = {
        "max_turns": options.max_turns,
        "max_frames": options.max_frames,
        "max_tokens": options.max_tokens,
        "max_seconds": options.max_seconds,
        "max_cost_usd": options.max_cost,
    }
    return QuestionBudget({name: value for name, value in given.items() if value is not None}, options.effort)


def add_model_options(command: argparse.ArgumentParser) -> None:
    """Adds the options of a model to a command, as a group of their own."""
    group = command.add_argument_group("how a model is asked (http, transformers, vllm)")
    group.add_argument("--temperature", type=float, default=_DEFAULTS.temperature, metavar="T", help="0 is greedy")
    group.add_argument(
        "--top-p", type=float, default=_DEFAULTS.top_p, metavar="P", help="sample from this share of likeliest tokens"
    )
    group.add_argument("--seed", type=int, default=_DEFAULTS.seed, metavar="N", help="of the sampling")
    group.add_argument(
        "--max-reply-tokens",
        type=int,
        default=_DEFAULTS.max_reply_tokens,
        metavar="N",
        help="of one turn, thinking included",
    )
    group.add_argument(
        "--max-frame-pixels",
        type=int,
        default=_DEFAULTS.max_frame_pixels,
        metavar="N",
        help="a larger picture is sent smaller, and said to be",
    )
    group.add_argument(
        "--max-pictures", type=int, default=None, metavar="N", help="pictures a request; then the oldest are left out"
    )
    group.add_argument(
        "--tools",
        choices=("auto", "native", "text"),
        default=_DEFAULTS.tools,
        help="tool calls by the server's API or as JSON in the text; auto finds out",
    )
    group.add_argument(
        "--timeout-seconds",
        type=read_seconds,
        default=_DEFAULTS.timeout_seconds,
        metavar="N",
        help="how long a server may stay without a sign of life",
    )
    group.add_argument(
        "--max-request-seconds",
        type=read_seconds,
        default=_DEFAULTS.max_request_seconds,
        metavar="N",
        help="one request in all, however slowly the model writes; --max-seconds bounds the whole question",
    )
    group.add_argument("--concurrency", type=int, default=_DEFAULTS.concurrency, metavar="N", help="requests at once")
    add_yes_option(group, "download the model if it is not here, and fetch what an address names, without asking")
    group.add_argument("--adapter", default="", metavar="FOLDER", help="LoRA adapter, for models in process")


def add_yes_option(command: argparse._ActionsContainer, about: str) -> None:
    """Adds the option `--yes`, which allows downloads, to a command or a group of its options.

    Args:
        command: the command or group.
        about: help of the option.
    """
    command.add_argument("--yes", action=_AllowDownload, nargs=0, default=argparse.SUPPRESS, help=about)


class _AllowDownload(argparse.Action):
    """Allows downloads in this process and those that it starts, by the variable VIDEOSLEUTH_DOWNLOAD."""

    def __call__(self, *_: object) -> None:
        """Sets the environment variable; argparse calls it where the option is read."""
        os.environ[DOWNLOAD] = "yes"


def find_unused_options(options: argparse.Namespace, policy: Policy) -> list[str]:
    """The options given that a policy makes no use of, as written on the command line."""
    if policy.setup is None:
        of_lite = ("captioner",) if policy.spec == "lite" else ()
        names = (*_OF_MODELS, "max_cost", "max_tokens", "examples", *of_lite)
    else:
        names = _UNUSED.get(policy.spec.partition(":")[0], ())
    return _list_given_options(options, names)


def check_a_model_is_named(options: argparse.Namespace) -> None:
    """Refuses options of a model where no model is asked.

    Raises:
        ValueError: such options are given; names them.
    """
    if given := _list_given_options(options, _OF_MODELS):
        raise ValueError(f"{', '.join(given)}: without --policy no model is asked")


def _list_given_options(options: argparse.Namespace, names: Iterable[str]) -> list[str]:
    given = (name for name in names if getattr(options, name) != getattr(_DEFAULTS, name, None))
    return ["--" + name.replace("_", "-") for name in given]


def read_policy_options(options: argparse.Namespace) -> PolicyOptions:
    """The policy options that the command line gives.

    Raises:
        ValueError: a value is out of its range.
    """
    return PolicyOptions(**{name: getattr(options, name) for name in _OF_MODELS})
