"""Fixed initial looks for a model, with no tools after them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from agent.loop.several_videos import VideoTools
from agent.trajectory import ToolCall
from evals.controls.control import PolicyInputs
from tools.observation import Box, FrameRef, Observation, ToolError
from tools.schema import ToolSpec
from tools.toolbox import Toolbox
from tools.video.source import VideoSource

Look = tuple[str, dict[str, Any]]

_A_FRAME_SECONDS = 0.001
"""Length of a window that holds one frame: no frame is shorter."""


class FixedLooks:
    """A toolbox in which only given calls can be made; it has no specs."""

    specs: tuple[ToolSpec, ...] = ()

    def __init__(self, toolbox: VideoTools, looks: Iterable[Look]) -> None:
        self._toolbox = toolbox
        self._allowed = frozenset(_key(*look) for look in looks)

    @property
    def video(self) -> VideoSource:
        """The video at which the looks are taken."""
        return self._toolbox.video

    @property
    def has_subtitles(self) -> bool:
        """False, since speech is not available here."""
        return False

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of one of the given looks.

        Raises:
            ToolError: any other call.
        """
        if _key(name, arguments) not in self._allowed:
            raise ToolError("there are no tools here: answer from what you were shown")
        return self._toolbox.call(name, arguments)

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference of a look; None where the frame is damaged."""
        return self._toolbox.picture(ref)


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
