"""Controls without one sense each: the calls of its tools are refused, which says what the sense is worth to a policy.

`search` looks through all senses at once, so it is refused with each of them, and alone under `no-search`. What the
file says of itself, as that it has a sound track, stays known.
"""

from collections.abc import Callable, Collection
from typing import Any

from agent.loop.forwarding_tools import ForwardingVideoTools
from agent.loop.several_videos import VideoTools
from evals.controls.control import ControlContext, PolicyInputs
from evals.controls.senses import SPEECH
from evals.controls.subject import ControlSubject
from tools.observation import Observation, ToolError
from tools.schema import ToolSpec

SEARCH = frozenset({"search"})
TEXT = SEARCH | {"read_text", "search_text"}
SAID = SEARCH | SPEECH
SOUNDS = SEARCH | {"list_sounds"}
PICTURES = SEARCH | {"search_frames"}


class ToolsWithout(ForwardingVideoTools):
    """A toolbox that lacks some tools, also for what a mode shows first: `NamedTools` would let that see all."""

    def __init__(self, tools: VideoTools, refused: Collection[str]) -> None:
        super().__init__(tools)
        self._refused = refused

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Specs of the remaining tools."""
        return tuple(spec for spec in self._tools.specs if spec.name not in self._refused)

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of a call.

        Raises:
            ToolError: the tool is one of those that are lacking, or the toolbox refuses the call.
        """
        if name in self._refused:
            raise ToolError(f"no tool {name!r}; the tools are {', '.join(spec.name for spec in self.specs)}")
        return self._tools.call(name, arguments)


def give_all_but(refused: Collection[str]) -> Callable[[ControlSubject, ControlContext], PolicyInputs]:
    """Inputs with the whole video and all tools but those named."""

    def give(_subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
        return PolicyInputs(ToolsWithout(desk.toolbox, refused))

    return give
