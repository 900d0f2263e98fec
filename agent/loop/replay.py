"""Plays a saved trajectory again without its policy, and says where what comes back is not what came back then.

It is played against the video, or against what the calls brought when it was recorded.
"""

import json
from dataclasses import replace
from typing import Any

from agent.loop.graph import OnEvent, RunContext, run
from agent.policies.scripted import ScriptedPolicy, recorded_turns
from agent.policy import Tools
from agent.trajectory import Stop, Trajectory
from tools.observation import FrameRef, Observation, ToolError
from tools.schema import ToolSpec
from tools.toolbox import Toolbox


class RecordedTools:
    """Brings for each call what it brought when it was recorded; needs no video, and has no pictures."""

    specs: tuple[ToolSpec, ...] = ()

    def __init__(self, recorded: Trajectory) -> None:
        calls = {call.id: call for call in recorded.calls}
        self._brought = {
            _key(calls[result.call_id].name, calls[result.call_id].arguments): result.observation
            for result in recorded.results
            if result.call_id in calls and result.repeat_of is None
        }

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """What is on record.

        Raises:
            ToolError: it was one, or there is nothing on record.
        """
        brought = self._brought.get(_key(name, arguments))
        if brought is None or brought.is_error:
            raise ToolError(brought.text if brought is not None else "nothing is on record of this call")
        return brought

    def picture(self, ref: FrameRef) -> bytes | None:
        """None: pictures are not on record."""
        return None


def _key(name: str, arguments: dict[str, Any]) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True, default=str)}"


def check_same_video(recorded: Trajectory, toolbox: Toolbox) -> None:
    """Passes if the toolbox has the video of the trajectory.

    Raises:
        ValueError: it is another video.
    """
    if toolbox.video.content_hash != recorded.facts.content_hash:
        raise ValueError(f"{toolbox.video.path} is not the video of this trajectory: its content differs")


def replayed(recorded: Trajectory, tools: Tools, on_event: OnEvent = lambda _: None) -> Trajectory:
    """The same turns played again; the recorded verification is kept.

    Args:
        recorded: what was played.
        tools: of its video, or `RecordedTools`.
        on_event: told of every turn and every step.
    """
    # time limits bound the original run, not its replay; past the recorded turns there is nothing to play
    max_turns = min(recorded.limits.max_turns, len(recorded.steps) + 2)
    limits = replace(recorded.limits, max_seconds=None, max_turns=max_turns)
    start = replace(recorded, steps=(), stop=None, error="", verification=None, doubted=None, limits=limits)
    players = RunContext(ScriptedPolicy(recorded_turns(recorded)), tools, verify=False)
    again = run(start, players, on_event=on_event)
    while again.stop is Stop.ANSWERED and len(again.steps) < len(recorded.steps):
        again = run(_sent_back(again, recorded), players, on_event=on_event)
    return replace(again, limits=recorded.limits, verification=recorded.verification, doubted=recorded.doubted)


def _sent_back(again: Trajectory, recorded: Trajectory) -> Trajectory:
    """What was played so far, open again as it was when the second look sent its answer back."""
    *earlier, last = again.steps
    return replace(again, steps=(*earlier, replace(last, notice=recorded.steps[len(earlier)].notice)), stop=None)


def differences(recorded: Trajectory, again: Trajectory) -> list[str]:
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
