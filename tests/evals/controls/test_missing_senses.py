"""Without a sense: its tools are gone, the others are as they were, and rules deny nothing that it would show."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.loop.ask import ask
from agent.policies.lite import LitePolicy
from agent.trajectory import Answer, Question
from evals.controls.catalogue import CONTROLS
from evals.controls.control import open_view
from tests.drawn import SUBTITLES
from tests.evals.controls.doubles import drawn, subject, toolbox_of
from tools.observation import ToolError
from tools.toolbox import Toolbox

GONE = {
    "no-text": {"search", "read_text", "search_text"},
    "no-speech": {"search", "read_speech", "search_speech"},
    "no-sounds": {"search", "list_sounds"},
    "no-frame-search": {"search", "search_frames"},
    "no-search": {"search"},
}


@pytest.fixture
def toolbox(tmp_path: Path) -> Iterator[Toolbox]:
    (tmp_path / "drawn.srt").write_text(SUBTITLES)
    with toolbox_of(drawn(), tmp_path / "drawn.srt") as opened:
        yield opened


def answer(control: str | None, question: str, toolbox: Toolbox) -> Answer | None:
    if control is None:
        return ask(Question("drawn", question), toolbox, LitePolicy()).answer
    with open_view(CONTROLS[control], subject(), toolbox, toolbox_of, is_model=False) as given:
        return ask(Question("drawn", question), given.tools, LitePolicy()).answer


@pytest.mark.parametrize("name", GONE)
def test_its_tools_are_not_told_and_are_refused(name: str, toolbox: Toolbox) -> None:
    with open_view(CONTROLS[name], subject(), toolbox, toolbox_of, is_model=True) as given:
        told = [spec.name for spec in given.tools.specs]
        assert told == [spec.name for spec in toolbox.specs if spec.name not in GONE[name]]
        for tool in GONE[name]:
            with pytest.raises(ToolError, match=f"no tool '{tool}'; the tools are overview"):
                given.tools.call(tool, {"query": "a square"})
        assert given.tools.call("overview", {"count": 2}) == toolbox.call("overview", {"count": 2})


@pytest.mark.parametrize(
    ("control", "other", "question"),
    [
        ("no-speech", "no-sounds", "Is the word “aeroplane” said?"),
        ("no-text", "no-speech", "Is the word “AEROPLANE” written on the screen?"),
    ],
)
def test_nothing_is_denied_by_a_sense_that_is_gone(control: str, other: str, question: str, toolbox: Toolbox) -> None:
    seeing, missing = (answer(name, question, toolbox) for name in (other, control))
    assert seeing is not None
    assert missing is not None
    assert seeing.not_shown
    assert missing.cannot_tell
    assert not missing.not_shown


def test_a_sense_that_is_gone_is_what_the_answer_rested_on(toolbox: Toolbox) -> None:
    question = "What is said about the train?"
    heard, missing = (answer(name, question, toolbox) for name in (None, "no-speech"))
    assert heard is not None
    assert "Ghent" in heard.text
    assert missing is not None
    assert missing.cannot_tell
