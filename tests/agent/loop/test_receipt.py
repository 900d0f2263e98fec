"""A receipt finds what stands in the video again, and says of what does not that it is not there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.loop.receipt import EvidenceCheck, check_evidence
from agent.trajectory import Answer, Evidence
from tests.clips import write_clip
from tools.encoders.hashing import HashingEncoder
from tools.observation import FrameRef
from tools.toolbox import Toolbox, open_toolbox

SAID = Evidence(0.4, 1.1, quote="hello, THERE", source="speech")
SEEN = Evidence(0.0, 1.0, frames=(FrameRef(0.5, 90, 160),))  # frame 15 of 30 a second


@pytest.fixture
def toolbox(tmp_path: Path) -> Iterator[Toolbox]:
    subtitles = tmp_path / "a.srt"
    subtitles.write_text("1\n00:00:00,500 --> 00:00:01,000\nHello there\n", encoding="utf-8")
    clip = write_clip(tmp_path / "a.mp4", frames=60)
    with open_toolbox(clip, encoder=HashingEncoder(), subtitles=subtitles, cache=tmp_path / "cache") as toolbox:
        yield toolbox


def check(toolbox: Toolbox, *evidence: Evidence) -> list[EvidenceCheck]:
    return check_evidence(Answer("yes", evidence=evidence), [toolbox])


def test_words_and_frames_that_are_there_are_found(toolbox: Toolbox) -> None:
    assert [one.is_found for one in check(toolbox, SAID, SEEN, SEEN)] == [True, True]


def test_words_and_frames_that_are_not_there_are_not(toolbox: Toolbox) -> None:
    elsewhere = replace(SAID, start_seconds=1.2, stop_seconds=1.9)
    between = replace(SEEN, frames=(FrameRef(0.51, 90, 160),))
    invented, quiet, odd = check(toolbox, replace(SAID, quote="goodbye"), elsewhere, between)
    assert (invented.is_found, invented.found) == (False, "said is «Hello there»")
    assert (quiet.is_found, quiet.found) == (False, "said is «»")
    assert (odd.is_found, odd.found) == (False, "a frame of 0.500 s is decoded")


def test_what_a_caption_says_is_not_checked(toolbox: Toolbox) -> None:
    (only,) = check(toolbox, replace(SAID, source="caption"))
    assert only.is_found is None


def test_a_run_that_is_none_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "none.json")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
