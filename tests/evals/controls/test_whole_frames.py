"""Without zooming: the tool is gone, boxes are refused, and everything else is as it was."""

from collections.abc import Iterator

import pytest

from evals.controls.catalogue import CONTROLS
from evals.controls.control import PolicyInputs, open_view
from tests.evals.controls.doubles import drawn, subject, toolbox_of
from tools.observation import FULL_FRAME, ToolError
from tools.schema import validate
from tools.toolbox import Toolbox


@pytest.fixture
def toolbox() -> Iterator[Toolbox]:
    with toolbox_of(drawn()) as opened:
        yield opened


@pytest.fixture
def given(toolbox: Toolbox) -> Iterator[PolicyInputs]:
    with open_view(CONTROLS["no-zoom"], subject(), toolbox, toolbox_of, is_model=True) as opened:
        yield opened


def test_no_tool_takes_a_box(given: PolicyInputs, toolbox: Toolbox) -> None:
    assert [spec.name for spec in given.tools.specs] == [s.name for s in toolbox.specs if s.name != "zoom"]
    assert all("box" not in spec.parameters["properties"] for spec in given.tools.specs)


def test_the_other_arguments_are_described_and_checked_as_before(given: PolicyInputs, toolbox: Toolbox) -> None:
    ours, theirs = ({s.name: s for s in tools.specs} for tools in (given.tools, toolbox))
    assert ours["overview"].parameters == theirs["overview"].parameters
    expected = {name: of for name, of in theirs["read_text"].parameters["properties"].items() if name != "box"}
    assert ours["read_text"].parameters["properties"] == expected
    assert ours["read_text"].parameters["required"] == ["seconds"]
    assert validate(ours["caption"], {"focus": "x"})["focus"] == "x"
    with pytest.raises(ToolError, match="greater than or equal to 0"):
        validate(ours["read_text"], {"seconds": -1})


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("zoom", {"seconds": 1.0, "box": [0.0, 0.0, 0.5, 0.5]}),
        ("read_text", {"seconds": 1.0, "box": [0.0, 0.0, 0.5, 0.5]}),
        ("caption", {"box": [0.5, 0.5, 1.0, 1.0]}),
    ],
)
def test_a_crop_is_refused(given: PolicyInputs, name: str, arguments: dict[str, object]) -> None:
    with pytest.raises(ToolError, match="look at whole frames"):
        given.tools.call(name, arguments)


def test_whole_frames_are_seen_as_ever(given: PolicyInputs, toolbox: Toolbox) -> None:
    arguments = {"start": 0.0, "stop": 6.0, "size": "large"}
    shown = given.tools.call("select_frames", arguments)
    assert shown == toolbox.call("select_frames", arguments)
    assert {ref.box for ref in shown.frames} == {FULL_FRAME}
    assert given.tools.picture(shown.frames[0]) == toolbox.picture(shown.frames[0])
    assert given.tools.video is toolbox.video
    assert not given.tools.has_subtitles
