"""Who plays: one call, trajectory in, turn out. And the one place that turns a spec into a player."""

from collections.abc import Callable, Iterable
from typing import Protocol

from agent.trajectory import Malformed, Trajectory, Turn, load


class Policy(Protocol):
    """Decides the next move from the whole record so far, and from nothing else."""

    spec: str
    """What `--policy` takes to get this one."""

    def __call__(self, trajectory: Trajectory) -> Turn:
        """The next turn. A reply that can't be read is a Malformed move, never an exception."""
        ...


class ScriptedPolicy:
    """Plays back given turns in order: for tests, replay and teaching."""

    spec = "scripted"

    def __init__(self, turns: Iterable[Turn]) -> None:
        self._turns = tuple(turns)

    def __call__(self, trajectory: Trajectory) -> Turn:
        """The turn whose number is the number of steps so far; Malformed past the last."""
        if len(trajectory.steps) < len(self._turns):
            return self._turns[len(trajectory.steps)]
        return Turn("", Malformed("", f"the script has only {len(self._turns)} turns"))


def recorded_turns(trajectory: Trajectory) -> tuple[Turn, ...]:
    """The turns of a trajectory, ready for a ScriptedPolicy."""
    return tuple(step.turn for step in trajectory.steps)


def _lite(_: str) -> Policy:
    from agent.backends.lite import LitePolicy, packaged_similarity

    return LitePolicy(packaged_similarity())


def _scripted(path: str) -> Policy:
    if not path:
        raise ValueError("scripted needs a saved trajectory: --policy scripted:TRAJECTORY.json")
    return ScriptedPolicy(recorded_turns(load(path)))


POLICIES: dict[str, Callable[[str], Policy]] = {"lite": _lite, "scripted": _scripted}


def open_policy(spec: str) -> Policy:
    """The policy of a spec such as `lite` or `scripted:run.json`.

    Raises:
        ValueError: no such policy; lists the known ones.
    """
    name, _, rest = spec.partition(":")
    if name not in POLICIES:
        raise ValueError(f"no policy {spec!r}: known are {', '.join(sorted(POLICIES))}")
    return POLICIES[name](rest)
