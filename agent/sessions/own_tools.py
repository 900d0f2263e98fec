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

from tools.observation import Observation
from tools.schema import ToolSpec, describe, validate
from tools.toolbox import OPTIONAL_TOOLS, TOOL_NAMES, Toolbox


@dataclass(frozen=True)
class FunctionTool:
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


def describe_functions(functions: Iterable[Callable[..., str | Observation]]) -> dict[str, FunctionTool]:
    """The functions as tools, by name.

    Raises:
        TypeError: a parameter has no annotation or no line under Args:, or the function is asynchronous.
        ValueError: two tools have one name.
    """
    found: dict[str, FunctionTool] = {}
    for function in functions:
        name = function.__name__
        if name in (*TOOL_NAMES, *OPTIONAL_TOOLS) or name in found:
            raise ValueError(f"there is a tool {name} already: give the function another name")
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{name} is asynchronous: tools run in threads, so write it as a plain function")
        given = tuple(name for name, hint in get_type_hints(function).items() if hint is Toolbox and name != "return")
        found[name] = FunctionTool(function, describe(function, given), given)
    return found
