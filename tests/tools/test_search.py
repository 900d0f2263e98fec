"""One search over pictures, speech, screen text and captions: what it finds, by which sense, and what it left out."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.coverage import compute_coverage
from agent.trajectory import Calls, Question, Result, Step, ToolCall, Trajectory, Turn, VideoFacts
from tests.clips import write_clip
from tests.drawn import SUBTITLES, write_drawn
from tools import packaged_weights
from tools.observation import MissingPartError, Observation, ToolError, Usage
from tools.ocr.video_text import ScreenText, WindowText
from tools.toolbox import Toolbox, open_toolbox
from tools.vision.captioner import CaptionModel, WindowWords

needs_ocr = pytest.mark.skipif(not packaged_weights.is_installed("rapidocr"), reason="needs videosleuth[ocr]")


class Describer:
    """A caption model that sees a purple elephant, which no other sense finds."""

    spec = "test:describer"
    identity = "describer"

    def look_at(self, window: tuple[float, float], frames: object, picture: object, **_: str) -> WindowWords:
        return WindowWords("A purple elephant dances.", Usage(prompt_tokens=5), 6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search")
    (folder / "said.srt").write_text(SUBTITLES, encoding="utf-8")
    write_drawn(folder / "clip.mp4")
    return folder


@pytest.fixture(scope="module")
def toolbox(folder: Path) -> Iterator[Toolbox]:
    said, cache = folder / "said.srt", folder / "cache"
    with open_toolbox(folder / "clip.mp4", encoder="hashing", subtitles=said, cache=cache) as toolbox:
        toolbox.index.wait_tiled()
        yield toolbox


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reader of screen text is installed."""

    def missing(*_: object) -> WindowText:
        raise MissingPartError("install videosleuth[ocr]")

    monkeypatch.setattr(ScreenText, "read_window", missing)


def senses(seen: Observation) -> list[str]:
    return [part.sense for part in seen.searched]


@pytest.mark.usefixtures("unread")
def test_each_sense_finds_its_own_and_its_share_is_shown(toolbox: Toolbox) -> None:
    seen = toolbox.call("search", {"query": "two bags on a green platform", "count": 3})
    assert "speech «Two bags were left on platform nine.»" in seen.text
    assert "the picture at 2.00 s fits" in seen.text
    assert re.search(r"\((pictures|speech) \d+ %, (pictures|speech) \d+ %\)", seen.text)
    assert {finding.kind for finding in seen.findings} == {"moment", "speech"}
    assert 0 < len(seen.frames) <= 3


@pytest.mark.usefixtures("unread")
def test_what_was_not_searched_is_said_and_nothing_is_called_absent(toolbox: Toolbox) -> None:
    seen = toolbox.call("search", {"query": "green"})
    assert senses(seen) == ["pictures", "speech"]
    assert "Searched: pictures, speech." in seen.text
    assert "No captions were made: none were searched." in seen.text
    (gap,) = seen.gaps
    assert gap == "Text on screen was not searched: install videosleuth[ocr]."
    assert gap in seen.text


def test_a_silent_video_is_told_from_one_that_was_not_heard(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", frames=30)
    with open_toolbox(tmp_path / "a.mp4", encoder="hashing", cache=tmp_path) as silent:
        silent.index.wait_tiled()
        seen = silent.call("search", {"query": "green", "where": "speech"})
    assert (seen.is_error, seen.text) == (True, "There is no sound and there are no subtitles.")
    assert (seen.covered, seen.gaps) == ((), ())


def test_an_index_that_is_not_there_yet_is_a_gap(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_toolbox(folder / "clip.mp4", encoder="hashing", cache=tmp_path) as cold:
        monkeypatch.setattr(cold.index, "wait_searchable", lambda _: False)
        seen = cold.call("search", {"query": "green", "where": "pictures"})
    assert (seen.is_error, seen.gaps) == (True, ("No picture was indexed in the time that was left.",))


@needs_ocr
def test_screen_text_is_found_by_its_words_and_one_sense_can_be_searched_alone(toolbox: Toolbox) -> None:
    seen = toolbox.call("search", {"query": "which gate is open", "where": "screen text"})
    assert senses(seen) == ["screen text"]
    assert "GATE 12 OPEN" in seen.text
    assert "(screen text 100 %)" in seen.text


def test_captions_that_were_made_are_searched_and_name_their_model(folder: Path, tmp_path: Path) -> None:
    assert isinstance(Describer(), CaptionModel)
    captioned = {"encoder": "hashing", "cache": tmp_path}
    with open_toolbox(folder / "clip.mp4", captioner=Describer(), **captioned) as toolbox:
        assert "No captions were made" in toolbox.call("search", {"query": "elephant", "where": "captions"}).text
        toolbox.call("read_captions", {})
        seen = toolbox.call("search", {"query": "an elephant", "where": "captions"})
    assert "caption «A purple elephant dances.»" in seen.text
    assert (seen.captioner, seen.usage) == ("test:describer", None)
    with open_toolbox(folder / "clip.mp4", **captioned) as without:
        assert "No captions were made" in without.call("search", {"query": "elephant", "where": "captions"}).text


def test_nothing_is_found_outside_the_window(toolbox: Toolbox) -> None:
    seen = toolbox.call("search", {"query": "bags", "start": 0.0, "stop": 2.0, "where": "speech"})
    assert "platform nine" not in seen.text
    assert seen.searched[0].spans == ((0.0, 2.0),)


def test_an_empty_query_is_a_mistake(toolbox: Toolbox) -> None:
    with pytest.raises(ToolError, match="search: the query is empty"):
        toolbox.call("search", {"query": "  "})


@pytest.mark.usefixtures("unread")
def test_a_search_counts_for_the_senses_that_it_used_and_no_other(toolbox: Toolbox) -> None:
    call = ToolCall("t1c1", "search", {"query": "green", "start": 0.0, "stop": 3.0})
    seen = toolbox.call(call.name, call.arguments)
    facts = VideoFacts("0" * 32, 6.0, 640, 360, has_subtitles=True)
    step = Step(Turn("", Calls((call,))), (Result("t1c1", seen),))
    covered = compute_coverage(Trajectory(Question("v", "q"), facts, steps=(step,)))
    assert (covered.indexed_share, covered.heard_share, covered.read_share) == (0.5, 0.5, 0.0)
