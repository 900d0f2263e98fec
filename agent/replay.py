"""Plays a saved trajectory again without its policy, and says where what comes back is not what came back then."""

from dataclasses import replace

from agent.graph import Players, run
from agent.policy import ScriptedPolicy, recorded_turns
from agent.trajectory import Trajectory
from tools.toolbox import Toolbox


def replayed(recorded: Trajectory, toolbox: Toolbox) -> Trajectory:
    """The same turns played against the video again; the recorded verification is kept.

    Raises:
        ValueError: it is another video.
    """
    if toolbox.video.content_hash != recorded.facts.content_hash:
        raise ValueError(f"{toolbox.video.path} is not the video of this trajectory: its content differs")
    # time limits bound the original run, not its replay; past the recorded turns there is nothing to play
    max_turns = min(recorded.limits.max_turns, len(recorded.steps) + 2)
    limits = replace(recorded.limits, max_seconds=None, max_turns=max_turns)
    start = replace(recorded, steps=(), stop=None, error="", verification=None, limits=limits)
    policy = ScriptedPolicy(recorded_turns(recorded))
    again = run(start, Players(policy, toolbox, verify=False))
    return replace(again, limits=recorded.limits, verification=recorded.verification)


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
