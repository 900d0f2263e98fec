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


def labelled(
    seconds: float,
    size: Literal["small", "large"] = "small",
    box: tuple[float, float, float, float] | None = None,
    labels: list[str] = [],  # noqa: B006 - a default of a schema, never changed
    is_close: bool = False,
) -> None:
    """Look at one moment.

    Args:
        seconds: when.
        size: how large.
        box: which part.
        labels: what to look for.
        is_close: whether to go near.
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


@pytest.mark.parametrize(
    ("query", "said"), [("a" * 20_001, "at most 20000"), ("heron \ud800", "no valid Unicode"), ("heron" * 4000, "")]
)
def test_a_text_that_no_tool_can_use_is_refused_before_one_tries(query: str, said: str) -> None:
    def look(query: str) -> None:
        """Look.

        Args:
            query: what for.
        """

    if not said:
        assert validate(describe(look), {"query": query}) == {"query": query}
        return
    with pytest.raises(ToolError, match="look: query") as caught:
        validate(describe(look), {"query": query})
    assert said in str(caught.value)


def test_a_misfit_that_is_endless_or_endlessly_deep_is_said_in_few_letters() -> None:
    deep: object = 0.0
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ToolError, match="nested too deep"):
        validate(describe(peek), {"seconds": 1, "size": deep})
    with pytest.raises(ToolError, match="peek") as caught:
        validate(describe(peek), {"x" * 100_000: "y" * 100_000} | {f"z{n}": n for n in range(1000)})
    assert len(str(caught.value)) < 3000


BOX = (0.0, 0.0, 0.5, 0.5)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ({"seconds": "1.5", "box": "[0, 0, 0.5, 0.5]"}, {"seconds": 1.5, "box": BOX}),
        ({"seconds": 1.5, "box": ["0", "0", "0.5", "0.5"]}, {"seconds": 1.5, "box": BOX}),
        ({"seconds": 1.5, "box": "0, 0, 0.5, 0.5"}, {"seconds": 1.5, "box": BOX}),
        ({"seconds": 1.5, "box": '"[0, 0, 0.5, 0.5]"'}, {"seconds": 1.5, "box": BOX}),  # encoded twice
        ({"seconds": [1.5], "size": ["large"]}, {"seconds": 1.5, "size": "large"}),
        ({"seconds": 1.5, "size": '"large"'}, {"seconds": 1.5, "size": "large"}),
        ({"seconds": 1.5, "size": None, "box": None}, {"seconds": 1.5}),
        ({"seconds": 1.5, "size": "null", "box": "None", "colour": None}, {"seconds": 1.5}),
        ({"seconds": 1.5, "labels": "red"}, {"seconds": 1.5, "labels": ["red"]}),
        ({"seconds": 1.5, "labels": '["red", "blue"]'}, {"seconds": 1.5, "labels": ["red", "blue"]}),
        ({"seconds": 1.5, "is_close": "true"}, {"seconds": 1.5, "is_close": True}),
    ],
)
def test_an_argument_that_can_mean_one_thing_only_is_taken_for_it(
    arguments: dict[str, object], meant: dict[str, object]
) -> None:
    defaults = {"size": "small", "box": None, "labels": [], "is_close": False}
    assert validate(describe(labelled), arguments) == defaults | meant


@pytest.mark.parametrize(
    "arguments",
    [
        {"seconds": None},
        {"seconds": "[1, 2]"},
        {"seconds": 1, "box": "[0, 0, 1]"},
        {"seconds": 1, "box": "left"},
        {"seconds": 1, "size": ["small", "large"]},
        {"seconds": 1, "box": "[" * 5000},
    ],
)
def test_an_argument_that_would_have_to_be_guessed_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ToolError, match="labelled"):
        validate(describe(labelled), arguments)


def test_an_argument_without_a_line_is_a_mistake_of_ours() -> None:
    def bare(seconds: float) -> None:
        """Nothing said of the argument."""

    with pytest.raises(TypeError, match="needs an annotation and a line"):
        describe(bare)
