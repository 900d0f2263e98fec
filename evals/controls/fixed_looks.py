"""Fixed initial looks for a model, with no tools after them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from agent.loop.forwarding_tools import ForwardingVideoTools
from agent.loop.several_videos import VideoTools
from agent.trajectory import ToolCall
from evals.controls.control import PolicyInputs
from tools.observation import Box, Observation, ToolError
from tools.schema import ToolSpec
from tools.toolbox import Toolbox

Look = tuple[str, dict[str, Any]]

_A_FRAME_SECONDS = 0.001
"""Length of a window that holds one frame: no frame is shorter."""


class FixedLooks(ForwardingVideoTools):
    """A toolbox in which only given calls can be made; it has no specs."""

    specs: tuple[ToolSpec, ...] = ()
    has_subtitles = False

    def __init__(self, toolbox: VideoTools, looks: Iterable[Look]) -> None:
        super().__init__(toolbox)
        self._allowed = frozenset(_key(*look) for look in looks)

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of one of the given looks.

        Raises:
            ToolError: any other call.
        """
        if _key(name, arguments) not in self._allowed:
            raise ToolError("there are no tools here: answer from what you were shown")
        return self._tools.call(name, arguments)


def fix_looks(toolbox: Toolbox, looks: Sequence[Look]) -> PolicyInputs:
    """Inputs with these initial looks and no tools."""
    opening = tuple(ToolCall(f"t1c{number}", *look) for number, look in enumerate(looks, start=1))
    return PolicyInputs(FixedLooks(toolbox, looks), opening)


def frame_at(seconds: float) -> Look:
    """A look at the whole frame on screen at a time."""
    return "select_frames", {"start": seconds, "stop": seconds + _A_FRAME_SECONDS, "count": 1, "size": "medium"}


def part_at(seconds: float, box: Box) -> Look:
    """A look at a part of the frame on screen at a time, in the resolution of the source."""
    return "zoom", {"seconds": seconds, "box": list(box)}


def _key(name: str, arguments: dict[str, Any]) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True)}"
