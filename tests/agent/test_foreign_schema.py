"""Schemas that others wrote: what they bound is checked, what could hang or flood is not taken."""

import time
from typing import Any

import pytest

from agent.sessions.foreign_schema import make_arguments_model
from tools.observation import ToolError
from tools.schema import ToolSpec, validate


def make_spec(properties: dict[str, Any], **more: Any) -> ToolSpec:
    return ToolSpec("t", "", make_arguments_model("t", {"type": "object", "properties": properties, **more}))


def test_types_limits_and_lists_are_checked_and_mended() -> None:
    spec = make_spec(
        {
            "count": {"type": "integer", "minimum": 1, "maximum": 9},
            "unit": {"enum": ["s", "ms"]},
            "names": {"type": "array", "items": {"type": "string"}},
        },
        required=["count"],
    )
    assert validate(spec, {"count": "3", "unit": "ms"}) == {"count": 3, "unit": "ms", "names": None}
    for wrong in ({}, {"count": 10}, {"count": 1, "unit": "h"}, {"count": 1, "names": [[1]]}, {"count": 1, "x": 1}):
        with pytest.raises(ToolError):
            validate(spec, wrong)


def test_names_that_no_field_can_have_keep_theirs() -> None:
    spec = make_spec({"schema": {"type": "string"}, "user-id": {"type": "integer"}, "class": {}, "model_x": {}})
    given = {"schema": "a", "user-id": 1, "class": [1], "model_x": 2}
    assert validate(spec, given) == given
    assert set(spec.parameters["properties"]) == set(given)


def test_patterns_and_references_are_not_followed() -> None:
    spec = make_spec(
        {
            "slow": {"type": "string", "pattern": "^(a+)+$"},
            "loop": {"$ref": "#/properties/loop"},
            "odd": {"type": ["string", "null"], "anyOf": [{"$ref": "#"}]},
        }
    )
    begun = time.process_time()
    validate(spec, {"slow": "a" * 5000 + "b", "loop": {"loop": {}}, "odd": 3})
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        {"properties": []},
        {"properties": {}, "required": "all"},
        {"properties": {f"a{i}": {} for i in range(33)}},
        {"properties": {"a": {"description": "x" * 30_000}}},
    ],
)
def test_what_describes_no_arguments_or_floods_is_refused(schema: Any) -> None:
    with pytest.raises(ValueError, match="the tool t "):
        make_arguments_model("t", schema)


def test_depth_is_bounded() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(2000):
        deep = {"type": "array", "items": deep}
    with pytest.raises(ValueError, match="too large"):
        make_arguments_model("t", {"properties": {"a": deep}})
