"""A receipt finds what stands in the video again, and says of what does not that it is not there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.loop.receipt import EvidenceCheck, check_evidence
from agent.policies.scripted import ScriptedPolicy
from agent.sleuth import Sleuth
from agent.trajectory import Answer, Calls, Evidence, ToolCall, Turn
from tests.clips import write_clip
from tools.deadline import set_deadline
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
    return list(check_evidence(Answer("yes", evidence=evidence), [toolbox]).checks)


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


def test_a_receipt_says_in_a_sentence_what_was_found(toolbox: Toolbox) -> None:
    cited = (SAID, SEEN, replace(SAID, source="caption"))
    receipt = check_evidence(Answer("yes", evidence=cited), [toolbox])
    assert (receipt.is_found, receipt.sentence) == (
        True,
        "2 of 3 frames and quotations are found again; 1 could not be checked",
    )
    missing = check_evidence(Answer("yes", evidence=(*cited, replace(SAID, quote="goodbye"))), [toolbox])
    assert missing.is_found is False
    assert check_evidence(Answer("yes"), [toolbox]).is_found is None


def test_what_there_is_no_time_for_is_not_called_missing(toolbox: Toolbox) -> None:
    written = Evidence(0.0, 1.0, quote="GATE 12", source="screen text")
    with set_deadline(0.0):
        (check,) = check_evidence(Answer("yes", evidence=(written,)), [toolbox]).checks
    assert check.is_found is None


def test_python_gives_a_receipt_of_a_result_and_of_a_saved_run(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", frames=60)
    moves = (Turn("", Calls((ToolCall("t1c1", "overview", {"count": 2}),))), Turn("", Answer("yes", evidence=(SEEN,))))
    with Sleuth(ScriptedPolicy(moves), encoder=HashingEncoder(), cache=tmp_path / "cache") as sleuth:
        result = sleuth.ask(clip, "What?")
        assert sleuth.verify(result).is_found
        clip.rename(tmp_path / "b.mp4")
        assert sleuth.verify(result.trajectory, tmp_path / "b.mp4").is_found
        with pytest.raises(ValueError, match="its content differs"):
            sleuth.verify(result, write_clip(tmp_path / "c.mp4", frames=30))
        with pytest.raises(ValueError, match="nothing to verify"):
            sleuth.verify(replace(result.trajectory, steps=()))


def test_policies_that_share_one_sleuth_s_videos_answer_for_themselves(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", frames=60)
    say = [ScriptedPolicy((Turn("", Answer(text)),)) for text in ("one", "two")]
    with Sleuth(say[0], encoder=HashingEncoder(), cache=tmp_path / "cache") as sleuth:
        both = (sleuth, sleuth.with_policy(say[1]))
        assert [one.ask(clip, "What?", verify=False).text for one in both] == ["one", "two"]
