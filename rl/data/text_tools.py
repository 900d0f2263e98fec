"""Tools of a policy that only reads: the named ones alone, with observations in words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import create_model

from agent.loop.modes import WordTools, choose_offered
from agent.loop.several_videos import VideoTools
from tools.schema import ToolSpec, describe
from tools.toolbox import TOOL_NAMES, Toolbox

WORD_TOOLS = ("caption", "read_text")
"""Names of the default tools: one finds moments, one reads screen text."""
_ARGUMENTS = {"caption": ("start", "stop"), "read_text": ("seconds",)}
"""Arguments that the specs describe: describing the others took half of the prompt before every question."""


class Words(WordTools):
    """The tools of a video narrowed to named ones, with observations in words."""

    def __init__(self, tools: VideoTools, names: Sequence[str] = WORD_TOOLS) -> None:
        super().__init__(tools, names)
        self.video = tools.video
        self.has_subtitles = tools.has_subtitles

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Specs of the tools that can be called."""
        return tuple(map(_narrow_spec, super().specs))


def describe_tools(names: Sequence[str]) -> tuple[ToolSpec, ...]:
    """Specs of the named tools, in the order of the toolbox, without a video.

    Where none is named, the specs of all tools that a model is offered, with all their arguments.

    Raises:
        ValueError: there is no such tool.
    """
    if unknown := set(names) - set(TOOL_NAMES):
        raise ValueError(f"no tools {', '.join(sorted(unknown))}: there are {', '.join(TOOL_NAMES)}")
    every = [describe(_bind_tool(name)) for name in TOOL_NAMES]
    return tuple(_narrow_spec(spec) for spec in every if spec.name in names) if names else choose_offered(every)


def _narrow_spec(spec: ToolSpec) -> ToolSpec:
    """The spec with its described arguments alone; the tool still takes the others, with their defaults."""
    if (told := _ARGUMENTS.get(spec.name)) is None:
        return spec
    fields: dict[str, Any] = {
        name: (f.annotation, f) for name, f in spec.arguments.model_fields.items() if name in told
    }
    return replace(spec, arguments=create_model(spec.name, __config__=spec.arguments.model_config, **fields))


def _bind_tool(name: str) -> Any:
    """The tool's method bound to a placeholder: the schema is read from the remaining parameters."""
    return getattr(Toolbox, name).__get__(object())
