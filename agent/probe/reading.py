"""Reads from replies what a model saw. Never raises on anything that a model writes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from agent.probe.frames import CHART_HEIGHTS, NumberedFrame
from agent.probe.measured import Bill, Charts, Rung
from agent.trajectory import Answer, Malformed, Turn

CALL_SECONDS = 1.25
"""Argument `seconds` of the tool call that the model is told to make."""
CALL_BOX = (0.25, 0.25, 0.75, 0.75)
"""Argument `box` of the tool call that the model is told to make."""

_Number = TypeVar("_Number", int, float)
_NUMBER = re.compile(r"(?<![\d.])\d{4}(?!\d)")
_PAIR = re.compile(r"(?<![\d.])(\d{1,2}(?:\.\d{1,2})?)\s*+(?:s|seconds?|sec)?\s*+[=:]\s*+(\d{4})(?!\d)")


@dataclass(frozen=True)
class Exchange:
    """A request of the probe and its reply."""

    shown: tuple[NumberedFrame, ...]
    turn: Turn | None
    """The policy's turn; None if the request was refused."""
    error: str
    seconds: float

    @property
    def kept(self) -> tuple[NumberedFrame, ...]:
        """Frames that were sent: all but those that the rendering left out and said so."""
        dropped = set(self.turn.dropped) if self.turn is not None else set()
        return tuple(shown for shown in self.shown if shown.ref not in dropped)

    @property
    def said(self) -> str:
        """Text of the answer, or of a reply that is none, thinking left out."""
        if self.turn is None:
            return ""
        if isinstance(self.turn.move, Answer):
            return self.turn.move.text
        return self.turn.reply.text.rpartition("</think>")[2] if self.turn.reply is not None else ""

    @property
    def prompt_tokens(self) -> int | None:
        """Prompt tokens of the request; None where it was refused or nobody counts."""
        return self.turn.usage.prompt_tokens if self.turn is not None else None


def explain_unusable(turn: Turn | None) -> str:
    """Why a turn that had to be an answer is none; empty if it is one."""
    if turn is None or isinstance(turn.move, Answer):
        return ""
    return turn.move.why if isinstance(turn.move, Malformed) else "it calls tools when an answer is due"


def read_rung(exchange: Exchange) -> Rung:
    """The pictures of a request that were read, and their order."""
    kept = exchange.kept
    named = list(dict.fromkeys(_NUMBER.findall(exchange.said)))
    position = {item.numbers[0]: number for number, item in enumerate(kept)}
    return Rung(
        pictures=len(exchange.shown),
        left_out=len(exchange.shown) - len(kept),
        seen=tuple(position[number] for number in named if number in position),
        stated=len(named),
        error=exchange.error,
        is_cut=exchange.turn is not None and exchange.turn.reply is not None and exchange.turn.reply.is_cut,
    )


def count_right_times(exchange: Exchange) -> int | None:
    """The number of frames whose time and number were put together rightly; None if no time is in the reply."""
    pairs = {number: float(seconds) for seconds, number in _PAIR.findall(exchange.said)}
    if not pairs:
        return None
    # a model may round 3.75 to 3.8
    return sum(abs(pairs.get(item.numbers[0], -1.0) - item.ref.seconds) < 0.1 for item in exchange.kept)


def read_charts(small: Exchange, large: Exchange) -> Charts:
    """The smallest digits that were read in the charts of the two sizes."""
    return Charts(_find_smallest(small), _find_smallest(large), small.error or large.error)


def _find_smallest(exchange: Exchange) -> int | None:
    """The height in pixels down to which every row of digits was read, one slip forgiven; None for none."""
    named = set(_NUMBER.findall(exchange.said))
    smallest, slips = None, 0
    for number, height in zip(exchange.shown[0].numbers, CHART_HEIGHTS, strict=True):
        if number in named:
            smallest = height
        elif (slips := slips + 1) > 1:
            break
    return smallest


def find_call_fault(exchange: Exchange) -> str:
    """The fault of the call of `zoom` that was asked for, in words; empty if there is none."""
    if exchange.turn is None:
        return exchange.error
    move = exchange.turn.move
    if isinstance(move, Malformed):
        return move.why
    if isinstance(move, Answer):
        return "it answered instead of calling"
    call = move.calls[0]
    if call.name != "zoom":
        return f"it called {call.name} instead of zoom"
    if call.arguments.get("seconds") != CALL_SECONDS or call.arguments.get("box") not in (CALL_BOX, list(CALL_BOX)):
        return f"it called zoom with other arguments than it was told: {call.arguments}"
    return ""


def measure_frame_tokens(ladder: Sequence[Exchange]) -> float | None:
    """The prompt tokens of one more 640x360 frame, by the two largest requests that were counted; None with fewer."""
    counted = {len(e.kept): tokens for e in ladder if (tokens := e.prompt_tokens) is not None}
    if len(counted) < 2:
        return None
    (fewer, before), (more, after) = sorted(counted.items())[-2:]
    return (after - before) / (more - fewer)


def measure_large_frame_tokens(ladder: Sequence[Exchange], small: Exchange, large: Exchange) -> float | None:
    """The prompt tokens of one more 1280x720 frame: the two requests with a chart differ in their size alone.

    Args:
        ladder: requests of 640x360 frames.
        small: request of the chart at 640x360.
        large: request of the chart at 1280x720.
    """
    usual = measure_frame_tokens(ladder)
    if usual is None or small.prompt_tokens is None or large.prompt_tokens is None:
        return None
    return usual + large.prompt_tokens - small.prompt_tokens


def sum_bill(exchanges: Sequence[Exchange]) -> Bill:
    """The cost of several requests together."""
    usages = [exchange.turn.usage for exchange in exchanges if exchange.turn is not None]
    costs = _keep_if_all_known([usage.cost_usd for usage in usages])
    prompts = _keep_if_all_known([usage.prompt_tokens for usage in usages])
    completions = _keep_if_all_known([usage.completion_tokens for usage in usages])
    return Bill(
        requests=len(exchanges),
        seconds=sum(exchange.seconds for exchange in exchanges),
        prompt_tokens=None if prompts is None else sum(prompts),
        completion_tokens=None if completions is None else sum(completions),
        cost_usd=None if costs is None else sum(costs),
    )


def _keep_if_all_known(values: Sequence[_Number | None]) -> list[_Number] | None:
    known = [value for value in values if value is not None]
    return known if known and len(known) == len(values) else None
