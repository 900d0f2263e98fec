"""Scripted runs: replies go through the real parser and the real loop, on a toolbox without a video.

For attacks, for tests, and for trying out a reward of one's own: what a model would have had to write for it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent.loop.transition import step
from agent.rendering.reply_parser import parse_reply
from agent.trajectory import Limits, Reply, Trajectory, Usage, Verification, VideoFacts
from evals.example import Example
from tools.observation import FrameRef, Observation, ToolError

_CHARACTERS_A_TOKEN = 4
"""Rough length of an English token, for token counts of scripted replies."""


class PaperToolbox:
    """A toolbox without a video: `select_frames` shows the frames that it is asked for, everything else is refused."""

    def __init__(self, duration_seconds: float) -> None:
        self._duration_seconds = duration_seconds

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The frames of `select_frames(start, stop, count)`: count of them, evenly spaced, the first at start.

        Raises:
            ToolError: another tool, or a range outside the video.
        """
        if name != "select_frames":
            raise ToolError(f"there is no tool {name}")
        start, stop = float(arguments["start"]), float(arguments["stop"])
        if not 0 <= start < stop <= self._duration_seconds:
            raise ToolError(f"need 0 <= start < stop <= {self._duration_seconds:g}, got [{start:g}, {stop:g})")
        count = int(arguments.get("count", 4))
        times = [start + (stop - start) * n / count for n in range(count)]
        return Observation(f"{count} frames", tuple(FrameRef(time, 360, 640) for time in times))


def run_script(
    example: Example,
    replies: Sequence[str],
    *,
    duration_seconds: float = 120.0,
    second_answer: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> Trajectory:
    """The run in which a model gives these replies, turn by turn; replies past its end are ignored.

    Args:
        example: the question with its reference.
        replies: the model's replies, word for word.
        duration_seconds: length of the pretended video.
        second_answer: answer of the second look at the evidence alone; None where it is not taken.
        limits: limits of the run.
    """
    trajectory = Trajectory(example.question, VideoFacts("0" * 32, duration_seconds, 1280, 720), "paper", limits)
    toolbox = PaperToolbox(duration_seconds)
    for text in replies:
        if trajectory.stop is not None:
            break
        usage = Usage(completion_tokens=len(text) // _CHARACTERS_A_TOKEN)
        trajectory = step(trajectory, parse_reply(Reply(text), usage, trajectory), toolbox)
    if second_answer is None or trajectory.answer is None:
        return trajectory
    agrees = second_answer == trajectory.answer.text
    return replace(trajectory, verification=Verification(agrees, second_answer))
