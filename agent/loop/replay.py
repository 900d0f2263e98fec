"""Replays a saved trajectory without its policy and reports the observations that differ.

The tools are those of the video, or the recorded observations.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent.loop.forwarding_tools import ForwardingTools
from agent.loop.graph import OnEvent, RunContext, run_graph
from agent.loop.strategies import choose_tools
from agent.policies.scripted import ScriptedPolicy, extract_turns
from agent.policy import Tools
from agent.trajectory import Stop, Trajectory
from tools.observation import FrameRef, Observation, ToolError
from tools.schema import ToolSpec
from tools.toolbox import CAPTION_TOOLS, Toolbox


class RecordedTools:
    """Tools that answer each call with its recorded observation; they need no video, and have no pictures."""

    specs: tuple[ToolSpec, ...] = ()

    def __init__(self, recorded: Trajectory) -> None:
        calls = {call.id: call for call in recorded.calls}
        self._brought = {
            _make_key(calls[result.call_id].name, calls[result.call_id].arguments): result.observation
            for result in recorded.results
            if result.call_id in calls and result.repeat_of is None
        }

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The recorded observation of a call.

        Raises:
            ToolError: none is on record.
        """
        brought = self._brought.get(_make_key(name, arguments))
        if brought is None:
            raise ToolError("nothing is on record of this call")
        return brought

    def picture(self, ref: FrameRef) -> bytes | None:
        """Always None: pictures are not on record."""
        return None


class CaptionerOnRecord(ForwardingTools):
    """Tools whose captioner is not asked again: what a model said comes from the record, everything else from them."""

    def __init__(self, tools: Tools, recorded: Trajectory) -> None:
        super().__init__(tools)
        self._recorded = RecordedTools(recorded)
        calls = {call.id: call for call in recorded.calls}
        self._said = {
            _make_key(calls[result.call_id].name, calls[result.call_id].arguments)
            for result in recorded.results
            if result.call_id in calls and (result.observation.captioner or calls[result.call_id].name in CAPTION_TOOLS)
        }

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of a call, recorded where a captioner had a part in it.

        Raises:
            ToolError: as the tool raises it.
        """
        is_said = _make_key(name, arguments) in self._said
        return (self._recorded if is_said else self._tools).call(name, arguments)


def _make_key(name: str, arguments: dict[str, Any]) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True, default=str)}"


def check_same_videos(recorded: Trajectory, toolboxes: Sequence[Toolbox]) -> None:
    """Checks by the content that toolboxes have the videos of a trajectory, in their order.

    Raises:
        ValueError: a toolbox has another video.
    """
    for toolbox, content_hash in zip(toolboxes, recorded.content_hashes, strict=True):
        if toolbox.video.content_hash != content_hash:
            raise ValueError(f"{toolbox.video.path} is not the video of this trajectory: its content differs")


def replay(recorded: Trajectory, tools: Tools, on_event: OnEvent = lambda _: None) -> Trajectory:
    """A trajectory of the recorded turns with new observations; the recorded verification is kept.

    What a captioner said is no property of the video, and is taken from the record.

    Args:
        recorded: the saved trajectory.
        tools: the tools of its videos, or `RecordedTools`.
        on_event: called with every turn, and with the trajectory after every step.
    """
    # time limits bound the original run, not its replay; past the recorded turns the script is empty
    max_turns = min(recorded.limits.max_turns, len(recorded.steps) + 2)
    limits = replace(recorded.limits, max_seconds=None, max_turns=max_turns)
    start = replace(recorded, steps=(), stop=None, error="", verification=None, doubted=None, limits=limits)
    start = replace(start, strategy="direct")  # where it sent answers back is on record
    if not isinstance(tools, RecordedTools):
        tools = CaptionerOnRecord(choose_tools(recorded.strategy, tools), recorded)
    context = RunContext(ScriptedPolicy(extract_turns(recorded)), tools, verify=False)
    again = run_graph(start, context, on_event=on_event)
    while again.stop is Stop.ANSWERED and len(again.steps) < len(recorded.steps):
        again = run_graph(_send_back(again, recorded), context, on_event=on_event)
    again = replace(again, limits=recorded.limits, strategy=recorded.strategy)
    return replace(again, verification=recorded.verification, doubted=recorded.doubted)


def _send_back(again: Trajectory, recorded: Trajectory) -> Trajectory:
    """The replayed trajectory, open again as it was when the verification sent its answer back."""
    *earlier, last = again.steps
    return replace(again, steps=(*earlier, replace(last, notice=recorded.steps[len(earlier)].notice)), stop=None)


def find_differences(recorded: Trajectory, again: Trajectory) -> list[str]:
    """One line for each observation that differs; empty if all are the same."""
    lines = []
    now = {result.call_id: result.observation for result in again.results}
    for result in recorded.results:
        if result.call_id not in now:
            lines.append(f"{result.call_id}: not reached")
        elif now[result.call_id] != result.observation:
            lines.append(
                f"{result.call_id}: differs\n  then: {result.observation.text}\n  now:  {now[result.call_id].text}"
            )
    return lines
