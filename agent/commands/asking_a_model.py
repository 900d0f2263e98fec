"""The options that say how a model is asked; the same for every command that asks one."""

import argparse
from dataclasses import fields

from agent.policy import PolicyOptions

_DEFAULTS = PolicyOptions()


def add_model_options(command: argparse.ArgumentParser) -> None:
    """Declares them, in a group of their own."""
    group = command.add_argument_group("how a model is asked (http, transformers, vllm)")
    group.add_argument("--temperature", type=float, default=_DEFAULTS.temperature, metavar="T", help="0 is greedy")
    group.add_argument("--top-p", type=float, default=_DEFAULTS.top_p, metavar="P")
    group.add_argument("--seed", type=int, default=_DEFAULTS.seed, metavar="N")
    group.add_argument(
        "--max-reply-tokens", type=int, default=_DEFAULTS.max_reply_tokens, metavar="N", help="a turn, thinking too"
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
        "--timeout-seconds", type=float, default=_DEFAULTS.timeout_seconds, metavar="N", help="without a sign of life"
    )
    group.add_argument(
        "--max-request-seconds",
        type=float,
        default=_DEFAULTS.max_request_seconds,
        metavar="N",
        help="one request in all, however slowly the model writes; --max-seconds bounds the whole question",
    )
    group.add_argument("--concurrency", type=int, default=_DEFAULTS.concurrency, metavar="N", help="requests at once")
    group.add_argument("--adapter", default="", metavar="FOLDER", help="LoRA adapter, for models in process")


def policy_options(options: argparse.Namespace) -> PolicyOptions:
    """What was given.

    Raises:
        ValueError: a value out of its range.
    """
    return PolicyOptions(**{field.name: getattr(options, field.name) for field in fields(PolicyOptions)})
