"""Control without zooming: all tools but those that enlarge a part of the picture, to measure the effect of zooming."""

from functools import cached_property
from typing import Any

from pydantic import ConfigDict, create_model

from agent.loop.forwarding_tools import ForwardingVideoTools
from evals.controls.control import ControlContext, PolicyInputs
from evals.controls.subject import ControlSubject
from tools.observation import Observation, ToolError
from tools.schema import ToolSpec

_ZOOM, _BOX = "zoom", "box"


class WholeFrames(ForwardingVideoTools):
    """A toolbox without `zoom`, whose other tools take no box."""

    @cached_property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Specs of the remaining tools, without box arguments."""
        return tuple(_drop_box(spec) for spec in self._tools.specs if spec.name != _ZOOM)

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of a call.

        Raises:
            ToolError: the call is `zoom` or has a box, or the toolbox refuses it.
        """
        if name == _ZOOM or arguments.get(_BOX) is not None:
            raise ToolError("the picture can't be enlarged here: look at whole frames, without a box")
        return self._tools.call(name, arguments)


def give_whole_frames(_subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """Inputs with the whole video, without a closer look at any part of a frame."""
    return PolicyInputs(WholeFrames(desk.toolbox))


def _drop_box(spec: ToolSpec) -> ToolSpec:
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in spec.arguments.model_fields.items() if name != _BOX
    }
    if len(fields) == len(spec.arguments.model_fields):
        return spec
    return ToolSpec(
        spec.name, spec.description, create_model(spec.name, __config__=ConfigDict(extra="forbid"), **fields)
    )
