"""Looks that are taken for a model before its first turn, and no tool after them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from agent.trajectory import ToolCall
from evals.controls.control import PolicyInputs
from tools.observation import Box, FrameRef, Observation, ToolError
from tools.schema import ToolSpec
from tools.toolbox import Toolbox
from tools.video.source import VideoSource

Look = tuple[str, dict[str, Any]]

_A_FRAME_SECONDS = 0.001
"""A window that holds one frame: none is shorter."""


class FixedLooks:
    """Tools of which only given calls can be made; a model is told of none."""

    specs: tuple[ToolSpec, ...] = ()

    def __init__(self, toolbox: Toolbox, looks: Iterable[Look]) -> None:
        self._toolbox = toolbox
        self._allowed = frozenset(_key(*look) for look in looks)

    @property
    def video(self) -> VideoSource:
        """What the looks are taken at."""
        return self._toolbox.video

    @property
    def has_subtitles(self) -> bool:
        """False: nothing is heard here."""
        return False

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """What one of the looks brings.

        Raises:
            ToolError: any other call.
        """
        if _key(name, arguments) not in self._allowed:
            raise ToolError("there are no tools here: answer from what you were shown")
        return self._toolbox.call(name, arguments)

    def picture(self, ref: FrameRef) -> bytes | None:
        """The picture behind a reference that a look has brought."""
        return self._toolbox.picture(ref)


def fixed(toolbox: Toolbox, looks: Sequence[Look]) -> PolicyInputs:
    """These looks and nothing else."""
    opening = tuple(ToolCall(f"t1c{number}", *look) for number, look in enumerate(looks, start=1))
    return PolicyInputs(FixedLooks(toolbox, looks), opening)


def frame_at(seconds: float) -> Look:
    """The whole frame on screen at a time."""
    return "select_frames", {"start": seconds, "stop": seconds + _A_FRAME_SECONDS, "count": 1, "size": "medium"}


def part_at(seconds: float, box: Box) -> Look:
    """A part of that frame, as large as the source has it."""
    return "zoom", {"seconds": seconds, "box": list(box)}


def _key(name: str, arguments: dict[str, Any]) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True)}"
