"""Functions of a user's own as tools beside those of the toolbox.

Such a function has annotated parameters, a docstring whose `Args:` section names each of them, and returns a `str` or
an `Observation`: the signature and the docstring are its schema, as for our own tools. A parameter annotated `Toolbox`
is no argument: it is given the toolbox of the video. A mistake of the model is raised as a `ToolError`, whose words it
reads next; whatever else a function raises ends the run as crashed.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, get_type_hints

from tools.observation import FrameRef, Observation, ToolError
from tools.schema import ToolSpec, describe, validate
from tools.toolbox import CAPTION_TOOLS, TOOL_NAMES, Toolbox
from tools.video.source import VideoSource


@dataclass(frozen=True)
class OwnTool:
    """One function with its schema."""

    function: Callable[..., str | Observation]
    spec: ToolSpec
    given: tuple[str, ...]
    """Parameters that get the toolbox."""

    def run(self, arguments: dict[str, Any], toolbox: Toolbox) -> Observation:
        """What it brings.

        Raises:
            ToolError: the arguments do not fit, or as the function says.
            TypeError: it returns neither text nor an observation.
        """
        brought = self.function(**validate(self.spec, arguments), **dict.fromkeys(self.given, toolbox))
        if isinstance(brought, str):
            return Observation(brought)
        if not isinstance(brought, Observation):
            raise TypeError(f"{self.spec.name} returned a {type(brought).__name__}: need a str or an Observation")
        return brought


def own_tools(functions: Iterable[Callable[..., str | Observation]]) -> dict[str, OwnTool]:
    """The functions as tools, by name.

    Raises:
        TypeError: a parameter has no annotation or no line under Args:, or the function is asynchronous.
        ValueError: two tools have one name.
    """
    found: dict[str, OwnTool] = {}
    for function in functions:
        name = function.__name__
        if name in (*TOOL_NAMES, *CAPTION_TOOLS) or name in found:
            raise ValueError(f"there is a tool {name} already: give the function another name")
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{name} is asynchronous: tools run in threads, so write it as a plain function")
        given = tuple(name for name, hint in get_type_hints(function).items() if hint is Toolbox and name != "return")
        found[name] = OwnTool(function, describe(function, given), given)
    return found


class ExtendedToolbox:
    """The toolbox of a video with further tools."""

    def __init__(self, toolbox: Toolbox, own: dict[str, OwnTool]) -> None:
        self._toolbox = toolbox
        self._own = own

    @property
    def video(self) -> VideoSource:
        """The video that the tools look at."""
        return self._toolbox.video

    @property
    def has_subtitles(self) -> bool:
        """True for a video with subtitles."""
        return self._toolbox.has_subtitles

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
            return self._own[name].run(arguments, self._toolbox)
        names = [spec.name for spec in self.specs]
        if name not in names:
            raise ToolError(f"no tool {name!r:.80}; the tools are {', '.join(names)}")
        return self._toolbox.call(name, arguments)

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference; None where the frame is damaged."""
        return self._toolbox.picture(ref)
