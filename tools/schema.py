"""A tool's schema from its signature and docstring, and its arguments checked before the call.

One source for three readers: the model (description and JSON schema), the validator, and whoever reads the code.
"""

import inspect
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from tools.leniency import mend_arguments
from tools.observation import ToolError

_MOST_MISFITS = 8
"""Misfits that one error names: a call may have many, and the policy reads them all."""
_MOST_LETTERS = 20_000
"""Characters of a text argument: a search over more takes seconds, and nobody looks for so many words."""
_ARGUMENT = re.compile(r"^(\w+):\s*(.*)$")


@dataclass(frozen=True)
class ToolSpec:
    """Name, description and arguments of one tool, for the policy that calls it."""

    name: str
    description: str
    arguments: type[BaseModel]
    """Model that validates the arguments."""

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """JSON schema of the arguments."""
        schema = self.arguments.model_json_schema()
        schema.pop("title", None)
        for field in schema.get("properties", {}).values():
            field.pop("title", None)
        return schema

    @cached_property
    def openai(self) -> dict[str, Any]:
        """The tool in the form of the OpenAI chat API, which most servers take."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}


def describe(method: Callable[..., Any], left_out: Collection[str] = ()) -> ToolSpec:
    """The spec of a method with annotated arguments and a docstring whose `Args:` section names each of them.

    Args:
        method: the tool.
        left_out: parameters that the model does not give.

    Raises:
        TypeError: an argument has no annotation or no line under `Args:`.
    """
    description, lines = _split_docstring(inspect.getdoc(method) or "")
    hints = get_type_hints(method, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(method).parameters.items():
        if name in left_out:
            continue
        if name not in hints or name not in lines:
            raise TypeError(f"{method.__name__}({name}) needs an annotation and a line under Args:")
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[name] = (hints[name], Field(default, description=lines[name]))
    model = create_model(method.__name__, __config__=ConfigDict(extra="forbid"), **fields)
    return ToolSpec(method.__name__, description, model)


def validate(spec: ToolSpec, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call with defaults filled in, in the types that the tool declares.

    Raises:
        ToolError: they do not fit; names each misfit and the arguments that exist.
    """
    try:
        checked = _validate_leniently(spec.arguments, arguments)
    except ValidationError as error:
        misfits = "; ".join(
            f"{'.'.join(str(part) for part in e['loc']):.80}: {e['msg']:.200} (got {_shorten(e['input'])})"
            for e in error.errors()[:_MOST_MISFITS]
        )
        raise ToolError(f"{spec.name}: {misfits}. Its arguments are {format_signature(spec)}.") from None
    values = {field.alias or name: getattr(checked, name) for name, field in type(checked).model_fields.items()}
    for name, value in values.items():
        if isinstance(value, str) and (fault := _find_fault(value)):
            raise ToolError(f"{spec.name}: {name} {fault}")
    return values


def _find_fault(text: str) -> str:
    """What is wrong with a text that no tool can use; empty for all others."""
    if len(text) > _MOST_LETTERS:
        return f"has {len(text)} characters, and at most {_MOST_LETTERS} are taken"
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"holds characters that are no valid Unicode (got {_shorten(text)})"
    return ""


def _validate_leniently(model: type[BaseModel], arguments: dict[str, Any]) -> BaseModel:
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        if (fitting := mend_arguments(model, arguments, error)) is None:
            raise
        return model.model_validate(fitting)


def _shorten(value: Any) -> str:
    """The beginning of a value's repr; also where the value is nested too deep to be written out."""
    try:
        return f"{value!r:.80}"
    except RecursionError:
        return f"a {type(value).__name__} that is nested too deep"


def format_signature(spec: ToolSpec) -> str:
    """The arguments of a tool in a row, with their defaults."""
    fields = spec.arguments.model_fields.items()
    named = ((field.alias or name, field) for name, field in fields)
    return ", ".join(name if field.is_required() else f"{name}={field.default!r}" for name, field in named)


def _split_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    body, _, rest = docstring.partition("\nArgs:\n")
    lines: dict[str, str] = {}
    current = ""
    for line in inspect.cleandoc(rest).splitlines():
        if (match := _ARGUMENT.match(line)) is not None:
            current = match.group(1)
            lines[current] = match.group(2)
        elif current:
            lines[current] += " " + line.strip()
    return " ".join(body.split()), lines
