"""A video that is painted on demand: one tool, `zoom`, and a picture for every reference. No file behind it."""

import io
from collections.abc import Collection
from typing import Any

import numpy as np
from PIL import Image

from agent.trajectory import (
    Calls,
    Malformed,
    Move,
    Question,
    Reply,
    Result,
    Step,
    ToolCall,
    Trajectory,
    Turn,
    VideoFacts,
)
from tools.observation import FrameRef, Observation
from tools.schema import ToolSpec, describe

FACTS = VideoFacts("0" * 32, 60.0, 640, 360)


def zoom(seconds: float) -> None:
    """Look at one frame.

    Args:
        seconds: when.
    """


class PaintedVideo:
    """Frames of one size; the frame at `marked` has a white corner of 32 pixels a side."""

    def __init__(
        self, width: int = 320, height: int = 240, marked: float | None = None, damaged: Collection[float] = ()
    ) -> None:
        self.width, self.height = width, height
        self.marked, self.damaged = marked, damaged
        self.said = "a street"

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return (describe(zoom),)

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        return self.seen(arguments["seconds"])

    def seen(self, *seconds: float) -> Observation:
        return Observation(self.said, tuple(FrameRef(s, self.height, self.width) for s in seconds))

    def picture(self, ref: FrameRef) -> bytes | None:
        if ref.seconds in self.damaged:
            return None
        rows, columns = np.mgrid[0 : ref.height, 0 : ref.width]
        shade = round(ref.seconds * 20)
        pixels = np.stack([(columns + shade) % 200, (rows * 2 + shade) % 200, (rows + columns) % 200], axis=-1)
        if ref.seconds == self.marked:
            pixels[:32, :32] = 255
        file = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")  # lossless: nothing else changes with the corner
        return file.getvalue()


def look(turn: int, *seconds: float) -> str:
    """The words of a turn that zooms."""
    calls = [f'<tool_call>\n{{"name": "zoom", "arguments": {{"seconds": {s:g}}}}}\n</tool_call>' for s in seconds]
    return f"<think>\nturn {turn}: closer\n</think>\n" + "\n".join(calls)


def looked(video: PaintedVideo, *turns: tuple[Reply, tuple[float, ...]], answered: Reply | None = None) -> Trajectory:
    """A trajectory of turns that zoomed, each with its reply and the seconds it looked at."""
    steps = []
    for number, (reply, seconds) in enumerate(turns, 1):
        calls = tuple(ToolCall(f"t{number}c{n}", "zoom", {"seconds": s}) for n, s in enumerate(seconds, 1))
        move: Move = Calls(calls) if calls else Malformed(reply.text, "no call")
        results = tuple(Result(call.id, video.seen(s)) for call, s in zip(calls, seconds, strict=True))
        notice = "" if calls else "That turn could not be used. Call tools, or answer."
        steps.append(Step(Turn("", move, reply=reply), results, notice))
    if answered is not None:
        steps.append(Step(Turn("", Malformed("", ""), reply=answered)))
    return Trajectory(Question("v.mp4", "what is it?"), FACTS, steps=tuple(steps))
