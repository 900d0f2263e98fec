"""A policy that is asked for every turn and whose words stay on record, while a script makes the moves.

Random models never call a tool. So each turn sends the real request and keeps what was sampled, word for word, in the
history; only what is done next comes from the script.
"""

from collections.abc import Sequence
from dataclasses import replace

from agent.policy import Policy, ToolAccess
from agent.trajectory import Answer, Calls, Move, Setup, ToolCall, Trajectory, Turn, make_call_ids

FIVE_TURNS: tuple[tuple[tuple[str, dict[str, object]], ...], ...] = (
    (("overview", {"count": 4}),),
    (("select_frames", {"start": 2.0, "stop": 4.0, "count": 3}),),
    (("zoom", {"seconds": 2.5, "box": [0.5, 0.5, 1.0, 1.0]}), ("zoom", {"seconds": 4.5, "box": [0.1, 0.3, 0.9, 0.7]})),
    (("select_frames", {"start": 4.0, "stop": 6.0, "count": 2, "size": "small"}),),
)
"""Four turns of calls, ten pictures; the fifth answers."""


class Led:
    """Plays the script; asks the policy each time."""

    spec = "led"

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.turns: list[Turn] = []
        """As the policy gave them."""

    @property
    def setup(self) -> Setup | None:
        return self._policy.setup

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        turn = self._policy(trajectory, sight)
        self.turns.append(turn)
        return replace(turn, move=scripted(trajectory))


def scripted(trajectory: Trajectory) -> Move:
    """The move that is due."""
    if trajectory.turns >= len(FIVE_TURNS):
        return Answer("a white square")
    calls: Sequence[tuple[str, dict[str, object]]] = FIVE_TURNS[trajectory.turns]
    ids = make_call_ids(trajectory, len(calls))
    return Calls(tuple(ToolCall(i, name, arguments) for i, (name, arguments) in zip(ids, calls, strict=True)))
