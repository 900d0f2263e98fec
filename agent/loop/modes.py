"""The modes of a run: which tool calls are made before a model's first turn, and which tools it has then.

A short video is shown whole at once (any-horizon, SAGE); of a longer one it gets a sweep. For long or cheap runs the
video can be words alone: its subtitles, or captions of its windows with its speech (the SiLVR family). With a captioner
the clips can be described first, to be browsed before anything is looked at (the family of Deep Video Discovery).
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Literal

from agent.coverage import compute_frame_spans
from agent.loop.forwarding_tools import ForwardingTools, ForwardingVideoTools
from agent.loop.several_videos import VideoTools
from agent.policy import Tools
from agent.trajectory import Result, ToolCall, VideoFacts
from tools.observation import Observation, ToolError
from tools.schema import ToolSpec
from tools.toolbox import CAPTION_TOOLS

Mode = Literal["look", "subtitles", "captions", "captions-first"]

WHOLE_SECONDS = 16.0
"""Length up to which a video is shown whole, a frame a second: about 3,500 tokens at 640x360."""
_SWEEP = 8
"""Frames over a longer video at density 1."""
_MAX_COUNT = 32
"""Frames of the initial look at most, however high the density."""
_CAPTION_SECONDS = 8.0
"""Length of one caption's window; longer where there would be more than _MAX_CAPTIONS (SiLVR section 3.2 lengthens its
clips likewise)."""
_MAX_CAPTIONS = 24
"""Captions of a video at most: each is a call of the captioner before the first turn."""
_MAX_LINES = 400
"""Lines of speech given at once: about 6,000 tokens."""

TOOLS: dict[Mode, frozenset[str]] = {
    "subtitles": frozenset({"read_speech", "search_speech"}),
    "captions": frozenset(
        {
            "caption",
            "search",
            "read_text",
            "search_text",
            "read_speech",
            "list_shots",
            "find_changes",
            *CAPTION_TOOLS,
        }
    ),
}
"""The tools of the modes in words."""
_DONE_BY_SEARCH = frozenset({"search_frames", "search_speech"})
"""Tools that a model which sees is not offered beside `search`, which does their work; a call of one is still run."""


def plan_initial_calls(
    mode: Mode, facts: VideoFacts, density: int = 1, scale: float = 1.0, *, has_captioner: bool = False
) -> tuple[ToolCall, ...]:
    """The tool calls that a mode makes before the first turn.

    Args:
        mode: what the model is given.
        facts: the video's properties.
        density: factor on the number of frames.
        scale: factor on the frames and captions of a video that is not shown whole.
        has_captioner: whether a captioner describes the clips, whose captions are kept.
    """
    if mode == "look":
        named = [_plan_look(facts, density, scale)]
    else:
        named = []
        if mode == "captions-first" or (mode == "captions" and has_captioner):
            named.append(("read_captions", {}))
        elif mode == "captions":
            named = _plan_captions(facts, scale)
        if mode == "subtitles" or facts.has_speech_track or facts.has_subtitles:
            named.append(("read_speech", {"start": facts.start_seconds, "count": _MAX_LINES}))
    return tuple(ToolCall(f"t1c{number}", *call) for number, call in enumerate(named, start=1))


def _plan_look(facts: VideoFacts, density: int, scale: float) -> tuple[str, dict[str, Any]]:
    if facts.length_seconds <= WHOLE_SECONDS:
        count = min(_MAX_COUNT, max(2, math.ceil(facts.length_seconds)) * density)
        window = {"start": facts.start_seconds, "stop": math.ceil(facts.duration_seconds)}
        return "select_frames", window | {"count": count, "size": "medium"}
    return "overview", {"count": min(_MAX_COUNT, round(_SWEEP * scale) * density)}


def _plan_captions(facts: VideoFacts, scale: float) -> list[tuple[str, dict[str, Any]]]:
    length = max(_CAPTION_SECONDS, facts.length_seconds / round(_MAX_CAPTIONS * scale))
    count = math.ceil(facts.length_seconds / length - 1e-6)
    edges = [round(facts.start_seconds + number * length, 2) for number in range(count)]
    return [("caption", {"start": start, "stop": round(start + length, 2)}) for start in edges]


class OfferedTools(ForwardingTools):
    """All tools, of which those whose work `search` does are not offered where it is there."""

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The specs of the offered tools."""
        return choose_offered(self._tools.specs)


def choose_offered(specs: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
    """The specs of the tools that a model which sees is offered."""
    has_search = any(spec.name == "search" for spec in specs)
    return tuple(spec for spec in specs if not (has_search and spec.name in _DONE_BY_SEARCH))


class WordTools(ForwardingTools):
    """Tools in words alone: only those that are named, and no picture in their observations."""

    def __init__(self, tools: Tools, names: Collection[str]) -> None:
        super().__init__(tools)
        self._names = names

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The specs of the named tools."""
        return tuple(spec for spec in self._tools.specs if spec.name in self._names)

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of a named tool, in words alone.

        Raises:
            ToolError: the tool is not among those named, or refuses its arguments.
        """
        if name not in self._names:
            raise ToolError(f"there is no {name!r} here; the tools are {', '.join(sorted(self._names))}")
        seen = self._tools.call(name, arguments)
        if not seen.frames or seen.covered is not None:
            return replace(seen, frames=())
        looks = compute_frame_spans(ToolCall("", name, arguments), Result("", seen), math.inf)
        return replace(seen, frames=(), covered=tuple((x.start_seconds, x.stop_seconds) for x in looks))


class NamedTools(ForwardingVideoTools):
    """Tools of a video of which a policy has only the named ones, whatever the calls before its first turn need."""

    def __init__(self, tools: VideoTools, names: Sequence[str]) -> None:
        super().__init__(tools)
        self.whole, self._names = tools, names

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Specs of the named tools."""
        return tuple(spec for spec in self.whole.specs if spec.name in self._names)

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of a call.

        Raises:
            ToolError: the tool is not among those named, or refuses its arguments.
        """
        if name not in self._names:
            raise ToolError(f"there is no {name!r} here; the tools are {', '.join(self._names)}")
        return self.whole.call(name, arguments)
