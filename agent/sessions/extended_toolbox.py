"""The toolbox of a video with a user's own tools beside ours."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from agent.loop.forwarding_tools import ForwardingVideoTools
from tools.observation import Observation, ToolError
from tools.schema import ToolSpec
from tools.toolbox import Toolbox
from tools.vision.captioner import CaptionModel

_LONGEST_TEXT = 20_000
"""Characters of one observation of an own tool: about 5,000 tokens, more than any tool of ours brings."""


class OwnTool(Protocol):
    """A tool that is none of ours: a function, or a tool of an MCP server."""

    @property
    def spec(self) -> ToolSpec:
        """Name, description and arguments."""
        ...

    def run(self, arguments: dict[str, Any], toolbox: Toolbox) -> Observation:
        """What the tool brings.

        Raises:
            ToolError: a mistake of the model, or a server that fails.
        """
        ...


class ExtendedToolbox(ForwardingVideoTools):
    """The toolbox of a video with further tools."""

    def __init__(self, toolbox: Toolbox, own: Mapping[str, OwnTool]) -> None:
        super().__init__(toolbox)
        self._toolbox = toolbox
        self._own = own

    @property
    def captioner(self) -> CaptionModel | None:
        """The model that describes windows; None without one."""
        return self._toolbox.captioner

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Every tool, those of the toolbox first."""
        return (*self._toolbox.specs, *(tool.spec for tool in self._own.values()))

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """What the tool brings.

        Raises:
            ToolError: a mistake of the model.
        """
        if name in self._own:
            return _bound(self._own[name].run(arguments, self._toolbox))
        names = [spec.name for spec in self.specs]
        if name not in names:
            raise ToolError(f"no tool {name!r:.80}; the tools are {', '.join(names)}")
        return self._toolbox.call(name, arguments)


def extend(toolbox: Toolbox, own: Mapping[str, OwnTool]) -> "Toolbox | ExtendedToolbox":
    """The toolbox with the own tools, the same one where there are none."""
    return ExtendedToolbox(toolbox, own) if own else toolbox


def _bound(observation: Observation) -> Observation:
    """The observation with the beginning of its text, where that is too long."""
    length = len(observation.text)
    if length <= _LONGEST_TEXT:
        return observation
    gap = f"Only the first {_LONGEST_TEXT} of {length} characters are given."
    return replace(observation, text=f"{observation.text[:_LONGEST_TEXT]}\n{gap}", gaps=(*observation.gaps, gap))
