"""What a rollout is given of its video: all tools, some of them, or none and evenly spread frames to begin with.

A game narrows what a control gives, so that runs on shuffled frames are narrowed alike.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from agent.loop.modes import NamedTools
from agent.trajectory import ToolCall
from evals.controls.control import AS_IT_IS, Control, ControlContext, PolicyInputs
from evals.controls.fixed_looks import FixedLooks, Look
from evals.controls.subject import ControlSubject

_FRAMES_A_CALL = 32
"""Most frames of one call of `select_frames`."""


@dataclass(frozen=True)
class Game:
    """The tools and first frames of a rollout; by default all tools, and the first looks that users get."""

    uniform_frames: int | None = None
    """Evenly spread frames shown before the first turn, with no tools after them; None leaves the tools."""
    tools: tuple[str, ...] = ()
    """Names of the tools that are offered; all where none is named."""

    def narrow(self, given: PolicyInputs) -> PolicyInputs:
        """The inputs of a policy with what this game leaves of them."""
        if self.uniform_frames is not None:
            looks = spread_frames(self.uniform_frames, given.tools.video.info.duration_seconds)
            opening = tuple(ToolCall(f"t1c{number}", *look) for number, look in enumerate(looks, start=1))
            return PolicyInputs(FixedLooks(given.tools, looks), opening)
        return replace(given, tools=NamedTools(given.tools, self.tools)) if self.tools else given

    def under(self, control: Control = AS_IT_IS) -> Control:
        """A control that gives what is left of what another one gives."""
        if self == Game():
            return control

        def give(subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
            return self.narrow(control.give(subject, desk))

        return GameControl(control.about, control.plan, give, self)


@dataclass(frozen=True)
class GameControl(Control):
    """A control that is narrowed by a game."""

    game: Game = Game()


def spread_frames(count: int, duration_seconds: float) -> list[Look]:
    """The calls that show evenly spread frames of a whole video, in order of time.

    Args:
        count: number of frames.
        duration_seconds: length of the video.
    """
    calls = math.ceil(count / _FRAMES_A_CALL)
    edges = [count * number // calls for number in range(calls + 1)]  # in frames, so that all are as far apart
    return [
        (
            "select_frames",
            {
                "start": duration_seconds * first / count,
                "stop": duration_seconds * last / count,
                "count": last - first,
                "size": "medium",
            },
        )
        for first, last in pairwise(edges)
    ]
