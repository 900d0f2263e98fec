"""A policy whose turns are written beforehand."""

from collections.abc import Iterable

from agent.policy import ToolAccess
from agent.trajectory import Malformed, Trajectory, Turn


class ScriptedPolicy:
    """A policy that gives fixed turns in order, for tests, replay and imitation."""

    spec = "scripted"
    setup = None

    def __init__(self, turns: Iterable[Turn]) -> None:
        self._turns = tuple(turns)

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """The turn whose number is the number of steps so far; Malformed past the last."""
        if len(trajectory.steps) < len(self._turns):
            return self._turns[len(trajectory.steps)]
        return Turn("", Malformed("", f"the script has only {len(self._turns)} turns"))


def extract_turns(trajectory: Trajectory) -> tuple[Turn, ...]:
    """The turns of a trajectory, ready for a ScriptedPolicy."""
    return tuple(step.turn for step in trajectory.steps)
