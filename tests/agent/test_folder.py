"""A question about a folder: its videos are indexed once, the best are looked into, and no others are judged."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from agent import Sleuth
from agent.cli.main import main
from agent.doors.video_graph import build_video_graph
from agent.exit_codes import EXIT_BAD_INPUT, EXIT_NO_ANSWER
from agent.loop.transition import step
from agent.policies.lite_rules.comparing import answer_from_first, answer_which, ask_of_each
from agent.policies.scripted import ScriptedPolicy
from agent.policy import PolicyOptions
from agent.rendering.messages import render
from agent.report.console import format_answer
from agent.sessions import library as library_module
from agent.sessions.open_videos import OnProgress, VideoKey
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Question,
    SearchedFolder,
    ToolCall,
    Trajectory,
    Turn,
    VideoFacts,
    from_json,
    load,
    restrict_to_video,
    to_json,
)
from tests.agent.doors.http.server import write_script
from tests.drawn import write_colours
from tools.encoders.hashing import HashingEncoder
from tools.toolbox import Toolbox

LOOK = ToolCall("t1c1", "select_frames", {"start": 0.0, "stop": 2.0, "count": 2, "video": 1})
FOUND = Turn("", Answer("green", evidence=(Evidence(1.0, 2.0, ("t1c1",), video=1),)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three videos of a colour each and a file that is none; questions look into two of them."""
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VIDEOSLEUTH_ENCODER", "hashing")
    monkeypatch.setattr(library_module, "LOOKED_INTO", 2)
    folder = tmp_path / "videos"
    folder.mkdir()
    for colour in ("red", "green", "blue"):
        write_colours(folder / f"{colour}.mp4", [colour] * 2)
    (folder / "torn.mp4").write_bytes(b"no video")
    return folder


def test_the_video_that_fits_is_looked_into_and_its_evidence_names_it(folder: Path) -> None:
    policy = ScriptedPolicy((Turn("", Calls((LOOK,))), FOUND))
    with Sleuth(policy, encoder=HashingEncoder()) as sleuth:
        result = sleuth.ask(folder, "Where is it green?")
    question = result.trajectory.question
    assert Path(question.videos[result.evidence[0].video - 1]).name == "green.mp4"
    assert question.folder is not None
    assert (question.folder.videos, question.unseen_videos) == (4, 2)
    assert "Only 2 of the 4 videos" in result.gaps[0]
    assert "Of 3 videos it was not known what is said or written" in result.gaps[1]
    assert "torn.mp4 was not searched" in result.gaps[2]
    assert from_json(to_json(result.trajectory)) == result.trajectory
    assert "Video 1, green.mp4" in format_answer(result.trajectory)
    assert "Not established: Only 2 of the 4 videos" in format_answer(result.trajectory)
    assert result.picture(result.trajectory.frames_seen[0]) is not None


def test_the_command_asks_searches_and_says_what_was_not_searched(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "run.json"
    main(["ask", str(folder), "Which video shows the sign OPEN?", "--save", str(saved), "--policy", "lite"])
    assert "2 of the 4 videos" in capsys.readouterr().out
    assert len(load(saved).question.videos) == 2
    assert main(["search", str(folder), "blue", "--count", "2"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[0].startswith(f"{folder / 'blue.mp4'} 00:00.0-00:02.0 picture")
    assert "torn.mp4 was not searched" in told.err
    assert main(["search", str(folder), "blue", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["moments"][0]["video"], found["videos"]) == (str(folder / "blue.mp4"), 4)
    assert list(found["problems"]) == [str(folder / "torn.mp4")]


def test_an_index_made_ahead_is_the_one_that_questions_use(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["index", str(folder)]) == EXIT_BAD_INPUT  # one file is none
    monkeypatch.setattr("tools.toolbox.open_toolbox", None)
    assert main(["search", str(folder), "green", "--count", "1"]) == 0
    assert "green.mp4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ask", "{empty}", "What?"], "holds no video file"),
        (["search", "{empty}", "red"], "holds no video file"),
        (["search", "{folder}/red.mp4", "red"], "is no folder"),
        (["search", "{folder}", " "], "the query is empty"),
        (["search", "{folder}", "red", "--count", "0"], "need --count 1"),
        (["ask", "{folder}", "What?", "--subtitles", "a.srt"], "for one video only"),
        (["ask", "{folder}", "What?", "--from", "1"], "for one video only"),
        (["explain", "{folder}"], "say WHAT is to be explained"),
        (["predict", "{folder}"], "is about one video"),
        (["predict", "{folder}", "--at", "1"], "is about one video"),
        (["chat", "{folder}", "--from", "1"], "for one video only"),
        (["chat", "{empty}", "--policy", "nonsense"], "nonsense"),
        (["transcript", "{folder}"], "is a directory"),
    ],
)
def test_what_a_folder_cannot_have_is_one_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    given = [argument.format(folder=folder, empty=tmp_path / "empty") for argument in arguments]
    assert main(given) == EXIT_BAD_INPUT
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_nothing_found_is_a_status_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "torn.mp4").write_bytes(b"no video")
    assert main(["search", str(folder), "red", "--encoder", "hashing"]) == EXIT_NO_ANSWER
    assert main(["ask", str(folder), "What?", "--encoder", "hashing"]) == EXIT_BAD_INPUT


def about_folder(videos: int, text: str = "What?") -> Trajectory:
    folder = SearchedFolder("videos", videos)
    facts = VideoFacts("a", 4.0, 64, 48)
    question = Question("a.mp4", text, other_videos=("b.mp4",), folder=folder)
    return Trajectory(question, facts, other_facts=(replace(facts, content_hash="b"),))


def test_absence_is_not_claimed_of_videos_that_were_not_looked_into() -> None:
    absent = Turn("", Answer("not shown in these videos", None, 0.7, not_shown=True))
    ended = step(about_folder(9), absent, ToolboxOfNone()).answer
    assert ended is not None
    assert (ended.cannot_tell, ended.not_shown, ended.confidence) == (True, False, None)
    assert "2 videos that were looked into, and 7 others" in ended.text
    whole = step(about_folder(2), absent, ToolboxOfNone()).answer
    assert whole is not None
    assert whole.not_shown


class ToolboxOfNone:
    def call(self, name: str, arguments: object) -> "Toolbox":
        raise AssertionError("nothing is called")


def test_a_model_is_told_that_there_are_other_videos() -> None:
    words = str(render(about_folder(9), (), "text", PolicyOptions()))
    assert "Only 2 of the 9 videos in videos were looked into" in words


def test_of_each_video_by_itself_it_is_no_gap_that_others_were_not_looked_into() -> None:
    whole = about_folder(9, 'Which video shows the sign "OPEN"?')
    assert whole.gaps
    assert replace(restrict_to_video(whole, 1), question=ask_of_each(whole.question)).gaps == ()


def test_a_video_that_has_it_is_named_whatever_the_others_of_a_folder_hold() -> None:
    question = about_folder(9, 'Which video shows the sign "OPEN"?').question
    answers = [Answer("?", cannot_tell=True), Answer("OPEN", None, 0.8, (Evidence(1.0, 2.0, quote="OPEN"),))]
    found = answer_which(question, answers)
    assert (found.text, found.confidence, found.evidence[0].video) == ("video 2, b.mp4", 0.8, 2)
    assert answer_which(replace(question, folder=None), answers).cannot_tell


def test_the_first_video_with_an_answer_gives_it_and_claims_no_confidence() -> None:
    question = about_folder(9).question
    evidence = (Evidence(1.0, 2.0, quote="GATE"),)
    found = answer_from_first(question, [Answer("?", cannot_tell=True), Answer("GATE", None, 0.8, evidence)])
    assert (found.text, found.confidence, found.evidence[0].video) == ("video 2, b.mp4: GATE", None, 2)
    assert answer_from_first(question, [Answer("?", cannot_tell=True)] * 2).cannot_tell


def test_videos_that_time_left_out_are_named(folder: Path) -> None:
    policy = ScriptedPolicy((Turn("", Answer("red")),))
    with Sleuth(policy, encoder=HashingEncoder()) as sleuth:
        with pytest.raises(ValueError, match="none of the 4 videos"):
            sleuth.ask(folder, "What is red?", max_seconds=1e-6)
        sleuth.ask(folder, "What is red?")
        (folder / "red.mp4").unlink()
        shutil.copy(folder / "blue.mp4", folder / "copy.mp4")
        found = sleuth.ask(folder, "What is red?").trajectory.question.folder
    assert found is not None
    assert found.videos == 4
    assert ["torn.mp4" in problem for problem in found.problems] == [False, True]


def test_a_question_that_is_cancelled_while_its_folder_is_indexed_ends_as_cancelled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sleuth("lite", encoder=HashingEncoder()) as sleuth:
        opened = sleuth._opened

        def cancelling(key: VideoKey, on_progress: OnProgress) -> Toolbox:
            sleuth.cancel()
            return opened(key, on_progress)

        monkeypatch.setattr(sleuth, "_opened", cancelling)
        assert sleuth.ask(folder, "What is red?").status == "cancelled"


def test_a_host_graph_finds_the_videos_of_a_folder(folder: Path) -> None:
    policy = ScriptedPolicy((Turn("", Calls((LOOK,))), FOUND))
    with Sleuth(policy, encoder=HashingEncoder()) as sleuth:
        ended = build_video_graph(sleuth).invoke({"video": str(folder), "question": "Where is it green?"})
    assert ended["status"] == "answered"
    assert Path(from_json(ended["trajectory_json"]).question.video).name == "green.mp4"


def test_the_video_that_fits_best_is_explained(folder: Path, tmp_path: Path) -> None:
    saved = tmp_path / "run.json"
    policy = write_script(tmp_path / "turns.json", (Turn("", Answer("paint")),))
    main(["explain", str(folder), "Why is it blue?", "--save", str(saved), "--policy", policy])
    question = load(saved).question
    assert ([Path(video).name for video in question.videos], question.unseen_videos) == (["blue.mp4"], 3)


def test_a_question_of_a_session_knows_those_about_the_same_videos(folder: Path, tmp_path: Path) -> None:
    with Sleuth(ScriptedPolicy((FOUND,)), encoder=HashingEncoder()) as sleuth:
        session = sleuth.open(folder)
        texts = ["red and green", "green and red", "blue and red", "a green one and a red one"]
        asked = [session.ask(f"Where is it {text}?").trajectory for text in texts]
        session.save(tmp_path / "session.json")
        again = sleuth.resume(tmp_path / "session.json").ask("Where is it red and green?").trajectory
    names = [[Path(video).name for video in run.question.videos] for run in (*asked, again)]
    assert names[0] == names[1] == names[3] == names[4]
    assert sorted(names[2]) == ["blue.mp4", "red.mp4"]
    assert [len(run.earlier) for run in (*asked, again)] == [0, 1, 0, 2, 3]
    assert len(session.trajectories) == 4


def test_a_chat_about_a_folder_is_resumed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = tmp_path / "chat.json"
    command = ["chat", str(folder), "--policy", write_script(tmp_path / "turns.json", (FOUND,), ("b.mp4",))]
    for given, more in ((f"green?\n/save {saved}", []), ("blue?", ["--resume", str(saved)])):
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        assert main([*command, *more]) == 0
        assert "2 of the 4 videos" in capsys.readouterr().out
    question = load(saved).question
    assert question.folder is not None
    assert Path(question.video).name == "green.mp4"
