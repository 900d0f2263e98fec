"""A tool's schema and validation, from signature and docstring alone."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from tools.observation import ToolError
from tools.schema import describe, validate


def peek(
    seconds: Annotated[float, Field(ge=0)],
    size: Literal["small", "large"] = "small",
    box: tuple[float, float, float, float] | None = None,
) -> None:
    """Look at one moment.

    Closer is dearer.

    Args:
        seconds: when, from the start
            of the video.
        size: how large.
        box: which part.
    """


def test_the_schema_says_what_signature_and_docstring_say() -> None:
    spec = describe(peek)
    assert spec.description == "Look at one moment. Closer is dearer."
    properties = spec.parameters["properties"]
    assert spec.parameters["required"] == ["seconds"]
    assert properties["seconds"]["minimum"] == 0
    assert properties["seconds"]["description"] == "when, from the start of the video."
    assert properties["size"]["enum"] == ["small", "large"]
    assert spec.openai["function"]["name"] == "peek"


def test_arguments_come_back_complete_and_typed() -> None:
    assert validate(describe(peek), {"seconds": 3}) == {"seconds": 3.0, "size": "small", "box": None}
    assert validate(describe(peek), {"seconds": 3, "box": [0, 0, 1, 1]})["box"] == (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "seconds: Field required"),
        ({"seconds": -1}, "greater than or equal to 0"),
        ({"seconds": 1, "size": "huge"}, "size"),
        ({"seconds": 1, "colour": "red"}, "colour"),
        ({"seconds": "soon"}, "got 'soon'"),
    ],
)
def test_what_does_not_fit_is_said_with_the_arguments_that_exist(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ToolError, match="peek") as caught:
        validate(describe(peek), arguments)
    assert said in str(caught.value)
    assert "size='small'" in str(caught.value)


def test_an_argument_without_a_line_is_a_mistake_of_ours() -> None:
    def bare(seconds: float) -> None:
        """Nothing said of the argument."""

    with pytest.raises(TypeError, match="needs an annotation and a line"):
        describe(bare)
