"""Tool calls that a rule wants, before they have ids."""

from dataclasses import dataclass
from typing import Any

from agent.limits import MAX_CALLS_A_TURN
from agent.policies.lite_rules.reading import AskedSpan
from agent.trajectory import ToolCall, Trajectory, make_call_ids


@dataclass(frozen=True)
class Wanted:
    """A tool call that a rule wants."""

    tool: str
    arguments: dict[str, Any]


def want_call(tool: str, **arguments: Any) -> Wanted:
    """A wanted tool call; arguments that are None are left out."""
    return Wanted(tool, {name: value for name, value in arguments.items() if value is not None})


def make_span_arguments(span: AskedSpan | None) -> dict[str, float]:
    """The tool arguments `start` and `stop` of a span; empty for None."""
    return {} if span is None else {"start": round(span.start_seconds, 2), "stop": round(span.stop_seconds, 2)}


def select_new_calls(trajectory: Trajectory, wants: list[Wanted]) -> tuple[ToolCall, ...]:
    """The wanted calls that have not been made, with ids, at most as many as a turn may have."""
    made = [(call.name, call.arguments) for call in trajectory.calls]
    fresh: list[Wanted] = []
    for item in wants:
        if (item.tool, item.arguments) not in made and item not in fresh:
            fresh.append(item)
    fresh = fresh[:MAX_CALLS_A_TURN]
    ids = make_call_ids(trajectory, len(fresh))
    return tuple(ToolCall(id_, item.tool, item.arguments) for id_, item in zip(ids, fresh, strict=True))
