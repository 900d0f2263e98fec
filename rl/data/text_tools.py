"""The tools of a policy that only reads: those named and no others, and what they bring is words alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import create_model

from agent.loop.ask import VideoTools
from agent.loop.modes import WordTools
from tools.schema import ToolSpec, describe
from tools.toolbox import TOOL_NAMES, Toolbox

WORD_TOOLS = ("caption", "read_text")
"""One finds and one reads."""
_ARGUMENTS = {"caption": ("start", "stop"), "read_text": ("seconds",)}
"""What is told of these, of all that they take: half of what is said before every question was about the rest."""


class Words(WordTools):
    """Stands in front of the tools of a video."""

    def __init__(self, tools: VideoTools, names: Sequence[str] = WORD_TOOLS) -> None:
        super().__init__(tools, names)
        self.video = tools.video
        self.has_subtitles = tools.has_subtitles

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Those that can be called."""
        return tuple(map(_narrowed, super().specs))


def specs_of(names: Sequence[str]) -> tuple[ToolSpec, ...]:
    """What a model is told of these tools, in the order of the toolbox and without a video.

    Where none is named it is all of them, with all that they take.

    Raises:
        ValueError: there is no such tool.
    """
    if unknown := set(names) - set(TOOL_NAMES):
        raise ValueError(f"no tools {', '.join(sorted(unknown))}: there are {', '.join(TOOL_NAMES)}")
    every = [describe(_bound(name)) for name in TOOL_NAMES]
    return tuple(_narrowed(spec) for spec in every if spec.name in names) if names else tuple(every)


def _narrowed(spec: ToolSpec) -> ToolSpec:
    """The tool with the arguments that are told of; it still takes the others, and their defaults hold."""
    if (told := _ARGUMENTS.get(spec.name)) is None:
        return spec
    fields: dict[str, Any] = {
        name: (f.annotation, f) for name, f in spec.arguments.model_fields.items() if name in told
    }
    return replace(spec, arguments=create_model(spec.name, __config__=spec.arguments.model_config, **fields))


def _bound(name: str) -> Any:
    """The method as it is called, `self` given: the schema is read from what is left."""
    return getattr(Toolbox, name).__get__(object())
