"""A question about several videos: tools, frames, evidence, coverage and answers say which; one stays as it was."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import Sleuth
from agent.cli.main import main
from agent.coverage import compute_coverage, compute_coverages
from agent.doors.video_graph import build_video_graph
from agent.loop.ask import ask
from agent.loop.graph import RunContext, run_graph
from agent.loop.modes import choose_offered, plan_initial_calls
from agent.loop.replay import RecordedTools, find_differences, replay
from agent.loop.several_videos import SeveralVideos
from agent.policies.lite import LitePolicy
from agent.policies.lite_rules import comparing
from agent.policies.scripted import ScriptedPolicy
from agent.policy import PolicyOptions, ToolAccess
from agent.rendering.answer_parser import read_answer
from agent.rendering.messages import Text, render
from agent.report.console import format_answer
from agent.report.html import render as render_page
from agent.report.json_output import build_output
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Question,
    Result,
    Setup,
    Step,
    ToolCall,
    Trajectory,
    Turn,
    VideoFacts,
    from_json,
    load,
    restrict_to_video,
    to_json,
)
from evals.example import Example
from evals.scoring.scoring import evidence_iou
from tests.drawn import write_captioned, write_drawn
from tools.encoders.hashing import HashingEncoder
from tools.observation import Finding, FrameRef, Observation, ToolError
from tools.toolbox import Toolbox, open_toolbox

LOOK = {"start": 0.0, "stop": 4.0, "count": 2}
SIGN = 'Which of the two shows the sign "GATE 12 OPEN"?'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`sign.mp4`, 6 s whose last two show a text, and `blank.mp4`, 4 s of blue, with a cache of their own."""
    folder = tmp_path_factory.mktemp("several")
    write_drawn(folder / "sign.mp4")
    write_captioned(folder / "blank.mp4", 4.0, (0.0, 0.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="module")
def toolboxes(folder: Path) -> Iterator[list[Toolbox]]:
    with (
        open_toolbox(folder / "blank.mp4", encoder=HashingEncoder()) as first,
        open_toolbox(folder / "sign.mp4", encoder=HashingEncoder()) as second,
    ):
        yield [first, second]


def question_about(folder: Path, text: str = SIGN, options: tuple[str, ...] = ()) -> Question:
    return Question(str(folder / "blank.mp4"), text, options, other_videos=(str(folder / "sign.mp4"),))


def looking(*videos: int) -> Turn:
    calls = (ToolCall(f"t1c{n}", "select_frames", LOOK | {"video": video}) for n, video in enumerate(videos, start=1))
    return Turn("both", Calls(tuple(calls)))


ANSWERING = Turn("", Answer("video 2", evidence=(Evidence(2.0, 4.0, ("t1c2",), video=2),)))


@pytest.fixture(scope="module")
def played(folder: Path, toolboxes: list[Toolbox]) -> Trajectory:
    """Two frames of each video and an answer with evidence of the second."""
    return ask(question_about(folder), SeveralVideos(toolboxes), ScriptedPolicy((looking(1, 2), ANSWERING)))


def test_a_question_refuses_what_several_videos_can_t_have() -> None:
    two = Question("a.mp4", "Which?", other_videos=("b.mp4",))
    assert two.videos == ("a.mp4", "b.mp4")
    for change, said in (
        ({"other_videos": ("a.mp4",)}, "must differ"),
        ({"other_videos": tuple("bcdefghi")}, "8 videos at most"),
        ({"task": "explain"}, "one video"),
        ({"audio_track": 2}, "one video only"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(two, **change)  # type: ignore[arg-type]


def test_every_tool_of_several_videos_wants_the_number_of_one(toolboxes: list[Toolbox]) -> None:
    tools = SeveralVideos(toolboxes)
    for spec, alone in zip(tools.specs, toolboxes[0].specs, strict=True):
        schema = json.loads(json.dumps(spec.parameters))
        assert schema["required"][-1] == "video"
        number = schema["properties"].pop("video")
        assert (number["minimum"], number["maximum"]) == (1, 2)
        assert schema["properties"] == alone.parameters["properties"]
    with pytest.raises(ToolError, match="video: Field required"):
        tools.call("overview", {})
    with pytest.raises(ToolError, match="less than or equal to 2"):
        tools.call("overview", {"video": 3})
    with pytest.raises(ToolError, match=r"video 1: need 0 <= start < stop and start < 4.00"):
        tools.call("select_frames", {"start": 5.0, "stop": 6.0, "video": 1})


def test_frames_bear_the_number_of_their_video_and_show_its_picture(toolboxes: list[Toolbox]) -> None:
    tools = SeveralVideos(toolboxes)
    for number, toolbox in enumerate(toolboxes, start=1):
        seen = tools.call("select_frames", LOOK | {"video": str(number)})
        alone = toolbox.call("select_frames", LOOK)
        assert seen.video == number
        assert [replace(frame, video=None) for frame in seen.frames] == list(alone.frames)
        assert {frame.video for frame in seen.frames} == {number}
        assert [tools.picture(frame) for frame in seen.frames] == [toolbox.picture(frame) for frame in alone.frames]
    assert tools.picture(alone.frames[0]) is None
    assert tools.picture(replace(alone.frames[0], video=3)) is None


def test_a_trajectory_has_the_facts_of_each_video_and_round_trips(played: Trajectory) -> None:
    assert [facts.duration_seconds for facts in played.facts_by_number.values()] == [4.0, 6.0]
    assert len(played.frames_seen) == 4
    assert from_json(to_json(played)) == played


def test_a_saved_run_with_a_video_that_it_does_not_name_is_refused(played: Trajectory) -> None:
    saved = json.loads(to_json(played))
    saved["steps"][0]["results"][0]["observation"]["video"] = 3
    with pytest.raises(ValueError, match="video 3, which the question does not name"):
        from_json(json.dumps(saved))
    with pytest.raises(ValueError, match="not as many videos"):
        from_json(json.dumps(json.loads(to_json(played)) | {"other_facts": []}))


def test_a_run_seen_as_one_about_a_video_is_what_that_run_alone_would_be(
    folder: Path, played: Trajectory, toolboxes: list[Toolbox]
) -> None:
    call = ToolCall("t1c2", "select_frames", LOOK)
    evidence = Evidence(2.0, 4.0, ("t1c2",))
    turns = (Turn("both", Calls((call,))), Turn("", Answer("video 2", evidence=(evidence,))))
    alone = ask(Question(str(folder / "sign.mp4"), SIGN), toolboxes[1], ScriptedPolicy(turns))
    of_second = restrict_to_video(played, 2)

    def without_times(run: Trajectory) -> tuple[Any, ...]:
        steps = [(s.turn.move, [(r.call_id, r.observation) for r in s.results]) for s in run.steps]
        return run.question, run.facts, run.other_facts, steps

    assert without_times(of_second) == without_times(alone)
    assert compute_coverages(played)[2] == compute_coverage(alone)
    with pytest.raises(ValueError, match="each has its coverage"):
        compute_coverage(played)
    assert restrict_to_video(alone, None) is alone


def test_tools_of_another_number_of_videos_are_refused(folder: Path, toolboxes: list[Toolbox]) -> None:
    with pytest.raises(ValueError, match="names 2 videos, and there are tools of 1"):
        ask(question_about(folder), toolboxes[0], ScriptedPolicy(()))


class Model:
    """Stands for a language model: answers at once, and keeps what it saw."""

    spec = "model"
    setup = Setup("text", 0.0, 1.0, 0, 100, 100_000, None, "0" * 12, True)

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self.saw, self.specs = trajectory, sight.specs
        read = read_answer(self.answer, trajectory)
        return Turn("", read)


def words_for(model: Model) -> str:
    shown = render(model.saw, model.specs, "text", PolicyOptions())
    return "".join(block.text for m in shown.messages for block in m.blocks if isinstance(block, Text))


def test_a_model_is_shown_each_video_under_its_number(folder: Path, toolboxes: list[Toolbox]) -> None:
    model = Model("neither")
    ask(question_about(folder), SeveralVideos(toolboxes), model)
    said = words_for(model)
    assert "Video 1: 4.00 s, 640x360 pixels, no sound.\nVideo 2: 6.00 s, 640x360 pixels, no sound.\n" in said
    assert "[t1c1] select_frames of video 1\n" in said
    assert "[t1c2] select_frames of video 2\n" in said
    assert re.search(r"Frame of video 2 at [\d.]+ s \(640x360\):\n", said)


def test_of_one_video_a_model_is_told_no_number(folder: Path, toolboxes: list[Toolbox]) -> None:
    model = Model("neither")
    ended = ask(Question(str(folder / "blank.mp4"), "What is it?"), toolboxes[0], model)
    said = words_for(model)
    assert "The video: 4.00 s, 640x360 pixels, no sound.\n\n[t1c1] select_frames\nFrames at " in said
    assert re.search(r"\nFrame at [\d.]+ s \(640x360\):\n", said)
    assert "video 1" not in said.casefold()
    assert [call.arguments for call in ended.calls] == [plan_initial_calls("look", ended.facts)[0].arguments]
    assert model.specs == choose_offered(toolboxes[0].specs)


@pytest.mark.parametrize(
    ("claim", "video", "note"),
    [
        ({"start": 1, "stop": 2, "calls": ["t1c2"]}, 2, ""),
        ({"start": 1, "stop": 2, "video": "1"}, 1, ""),
        ({"start": 1, "stop": 2, "video": 2, "calls": ["t1c1"]}, 2, "cites t1c1, which looked at another video"),
        ({"start": 1, "stop": 2, "calls": ["t1c1", "t1c2"]}, None, "which video it is of is not known"),
        ({"start": 1, "stop": 2, "video": 7}, None, "which video it is of is not known"),
    ],
)
def test_a_claim_is_of_the_video_that_it_names_or_that_its_calls_looked_at(
    folder: Path, toolboxes: list[Toolbox], claim: dict[str, Any], video: int | None, note: str
) -> None:
    ended = ask(
        question_about(folder),
        SeveralVideos(toolboxes),
        Model(json.dumps({"answer": "the second", "evidence": [claim]})),
        verify=False,
    )
    assert ended.answer is not None
    (evidence,) = ended.answer.evidence
    assert (evidence.video, evidence.note) == (video, note)
    assert {frame.video for frame in evidence.frames} == ({video} if video else set())


def test_a_second_look_at_the_evidence_sees_the_cited_video_alone(folder: Path, toolboxes: list[Toolbox]) -> None:
    model = Model(json.dumps({"answer": "the second", "evidence": [{"start": 0, "stop": 6, "calls": ["t1c2"]}]}))
    ended = ask(question_about(folder), SeveralVideos(toolboxes), model)
    assert ended.verification is not None
    assert {frame.video for frame in model.saw.frames_seen} == {2}
    assert "of video 2" in words_for(model)


def test_console_report_and_json_say_which_video(played: Trajectory, toolboxes: list[Toolbox]) -> None:
    said = format_answer(played)
    assert "  video 2, 00:02.0-00:04.0 frame [t1c2]" in said
    assert "Video 1, blank.mp4: Seen: " in said
    assert "Video 2, sign.mp4: Seen: " in said
    page = render_page(played, SeveralVideos(toolboxes).picture, ["blank.mp4", "sign.mp4"])
    assert 'src="sign.mp4#t=' in page
    assert 'src="blank.mp4#t=' not in page
    assert page.count('<div class="tracks of-') == 2
    assert "<figcaption>video 1, <b>" in page
    assert "picture not kept" not in page
    output = build_output(played)
    assert [video["duration_seconds"] for video in output["videos"]] == [4.0, 6.0]
    assert all(0 < video["coverage"]["looked_share"] <= 1 for video in output["videos"])
    assert output["evidence"][0]["video"] == 2
    assert not {"video", "coverage"} & output.keys()


def test_a_run_replays_from_its_record_and_from_its_videos(played: Trajectory, toolboxes: list[Toolbox]) -> None:
    for tools in (RecordedTools(played), SeveralVideos(toolboxes)):
        assert find_differences(played, replay(played, tools)) == []


def test_gaps_name_their_video(played: Trajectory) -> None:
    cut = replace(played.other_facts[0], gaps=("Nothing after 3 s.",))
    with_gap = replace(played, other_facts=(cut,))
    assert with_gap.gaps == ("Video 2: Nothing after 3 s.",)
    assert "Not established: video 2: Nothing after 3 s." in format_answer(with_gap)


def test_the_command_line_asks_saves_and_replays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, page = folder / "run.json", folder / "page.html"
    videos = [str(folder / "blank.mp4"), str(folder / "sign.mp4")]
    written = ["--save", str(saved), "--report", str(page), "--encoder", "hashing"]
    # options may stand between the videos and the question
    assert main(["ask", *videos, "--policy", "lite", SIGN, *written]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith("video 2, sign.mp4\n")
    assert "video 2, 00:04.0-00:06.0 screen text “GATE 12 OPEN”" in out
    assert load(saved).question.videos == tuple(videos)
    assert "Video 2" in page.read_text(encoding="utf-8")
    assert main(["replay", str(saved), "--encoder", "hashing"]) == 0
    assert main(["replay", str(saved), "--video", videos[0]]) == 2
    assert "need --video for each of the 2 videos" in capsys.readouterr().err


def test_the_command_line_refuses_what_can_t_be_meant(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = str(folder / "blank.mp4")
    for words, said in (
        (["ask", one, one, SIGN], "must differ"),
        (["ask", one, str(folder / "sign.mp4")], "the question is missing"),
        (["ask", str(folder / "gone.mp4"), "long " * 100], "gone.mp4"),
        (["ask", one, str(folder / "gone.mp4"), SIGN], "gone.mp4"),
        (["ask", one, str(folder / "sign.mp4"), SIGN, "--subtitles", one], "subtitles"),
        (["ask", one, "--json", "Which", "one", "is", "it?"], 'put it in quotes, "Which one is it?"'),
    ):
        assert main(words) == 2
        assert said in capsys.readouterr().err


def count_letters(text: str, toolbox: Toolbox) -> str:
    """Count the letters of a text.

    Args:
        text: the text.
    """
    return f"{len(text)} letters, in {toolbox.video.info.duration_seconds:.0f} s"


def test_a_sleuth_asks_several_videos_again_and_again(folder: Path) -> None:
    videos = [folder / "blank.mp4", folder / "sign.mp4"]
    own = Turn("", Calls((ToolCall("t1c1", "count_letters", {"text": "abc", "video": 2}),)))
    policy = ScriptedPolicy((own, Turn("", Answer("two", evidence=(Evidence(0.0, 1.0, ("t1c1",), video=2),)))))
    with Sleuth(policy, encoder=HashingEncoder(), cache=folder / "cache", tools=[count_letters]) as sleuth:
        session = sleuth.open(videos)
        result = session.ask("Which?")
        assert result.trajectory.results[0].observation.text == "3 letters, in 6 s"
        assert [seen.duration_seconds for seen in result.coverages] == [4.0, 6.0]
        assert "Video 2" in result.html()
        assert sleuth.verify(result).sentence == "0 of 0 frames and quotations are found again"
        assert result.picture(FrameRef(0.0, 36, 64, video=2)) is not None
        session.save(folder / "session.json")
        assert len(sleuth.resume(folder / "session.json").trajectories) == 1
        with pytest.raises(ValueError, match="subtitles can be given for one video only"):
            sleuth.ask(videos, "Which?", subtitles=folder / "said.srt")


def test_a_graph_takes_several_videos(folder: Path) -> None:
    policy = ScriptedPolicy((looking(1, 2), ANSWERING))
    with Sleuth(policy, encoder=HashingEncoder(), cache=folder / "cache") as sleuth:
        graph = build_video_graph(sleuth)
        videos = [str(folder / "blank.mp4"), str(folder / "sign.mp4")]
        ended = graph.invoke({"video": videos, "question": "Which?"})
        assert [item["video"] for item in ended["evidence"]] == [2]
        assert from_json(ended["trajectory_json"]).question.videos == tuple(videos)


class Lines:
    """Tools of several videos that bring lines of screen text and speech, by video."""

    specs = ()

    def __init__(self, text: Sequence[str], speech: Sequence[str] = ("", "")) -> None:
        self.text, self.speech = text, speech
        self.unread: set[int] = set()

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        number = arguments["video"]
        if name not in ("search_text", "read_speech") or number in self.unread:
            raise ToolError("not here")
        kind, said = ("text", self.text) if name == "search_text" else ("speech", self.speech)
        line = said[number - 1]
        found = (Finding(kind, 1.0, 2.0, line, 0.9),) if line else ()  # type: ignore[arg-type]
        return Observation(line, (FrameRef(1.0, 252, 448, video=number),), found, video=number)

    def picture(self, ref: FrameRef) -> None:
        return None


def answered(tools: Lines, text: str, options: tuple[str, ...] = ()) -> Answer:
    facts = VideoFacts("0" * 32, 60.0, 640, 360, has_speech_track=True)
    asked = Question("a.mp4", text, options, other_videos=("b.mp4",))
    ended = run_graph(Trajectory(asked, facts, other_facts=(facts,)), RunContext(LitePolicy(), tools, verify=False))
    assert not ended.error, ended.error
    assert ended.answer is not None
    return ended.answer


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('Which of the two shows the sign "GATE 12"?', "video 2, b.mp4"),
        ("Which video has the caption ORCHARD?", "video 1, a.mp4"),
        ("In which of the videos is the word STATION on screen?", "video 1, a.mp4 and video 2, b.mp4"),
        ("Which one mentions bags?", "video 2, b.mp4"),
        ('Which of the two videos says "the train to Ghent"?', "video 1, a.mp4"),
        ("Which of the two shows the sign GATE 12?", "video 2, b.mp4"),
        ("Which video contains the word ORCHARD?", "video 1, a.mp4"),
    ],
)
def test_lite_says_which_video_has_a_text_where_the_others_are_known_not_to(text: str, said: str) -> None:
    tools = Lines(("ORCHARD STATION", "GATE 12 STATION"), ("The train to Ghent leaves.", "Two bags were left."))
    answer = answered(tools, text)
    assert (answer.text, answer.abstains) == (said, False)
    assert {f"video {item.video}" for item in answer.evidence} == {part.split(",")[0] for part in said.split(" and ")}
    assert all(frame.video == item.video for item in answer.evidence for frame in item.frames)


def test_lite_claims_nothing_where_one_video_is_not_known() -> None:
    tools = Lines(("", "GATE 12"))
    tools.unread = {1}
    answer = answered(tools, 'Which of the two shows the sign "GATE 12"?')
    assert answer.cannot_tell
    assert answer.text.endswith("Video 2, b.mp4, has it.")


def test_lite_says_not_shown_where_none_has_it() -> None:
    assert answered(Lines(("A", "B")), 'Which of the two shows the sign "GATE 12"?').not_shown


@pytest.mark.parametrize(
    "text",
    [
        'Which of the two shows the red sign "GATE 12"?',
        'Which of the two shows the sign "GATE 123"?',
        'Which of the two does not show the sign "GATE 12"?',
        "Which video says more often that bags were left?",
        'In which of the videos is the word "GATE" larger?',
        "Which one of the signs says GATE 12?",
        "Which of the two shows a dog?",
        "Do both show the same sign?",
        "What differs?",
        "Which of the two mentions a train and bags?",
        "Which of the signs is older?",
    ],
)
def test_lite_compares_nothing_else(text: str) -> None:
    tools = Lines(("ORCHARD", "GATE 12"), ("The train to Ghent leaves.", "Two bags were left."))
    answer = answered(tools, text)
    assert answer.cannot_tell
    assert answer.confidence is None


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (("the first", "the second"), 1),
        (("b.mp4", "a.mp4"), 0),
        (("Video 1", "Video 2"), 1),
        (("both", "neither"), None),
    ],
)
def test_lite_chooses_the_option_that_names_the_video(options: tuple[str, ...], chosen: int | None) -> None:
    answer = answered(Lines(("", "GATE 12")), 'Which of the two shows the sign "GATE 12"?', options)
    assert (answer.option, answer.cannot_tell) == (chosen, chosen is None)


def test_which_is_asked_of_videos_alone() -> None:
    for text in (
        "Which of the two shows it?",
        "In which video is it?",
        "Which one of them says so?",
        "Which one is it?",
    ):
        assert comparing.asks_which(Question("a", text))
    for text in ("Which of the signs is red?", "Which dog is it?", "What is in which video?"):
        assert not comparing.asks_which(Question("a", text))


def test_repeated_looks_at_two_videos_are_two_looks(played: Trajectory) -> None:
    assert [result.repeat_of for result in played.results] == [None, None]
    step = Step(
        looking(1, 2), (Result("t1c1", Observation("", video=1)), Result("t1c2", Observation("", is_error=True)))
    )
    # a call that failed has no video in its observation, and is of the one that it asked for
    assert len(restrict_to_video(replace(played, steps=(step,)), 2).results) == 1


def test_a_reference_moment_is_of_one_of_the_videos(folder: Path, played: Trajectory) -> None:
    asked = question_about(folder)
    with pytest.raises(ValueError, match="evidence_video is no number of the 2 videos"):
        Example(asked, "video 2", evidence_seconds=(2.0, 4.0))
    in_first, in_second = (Example(asked, "video 2", evidence_seconds=(2.0, 4.0), evidence_video=n) for n in (1, 2))
    assert (evidence_iou(in_first, played.answer), evidence_iou(in_second, played.answer)) == (0.0, 1.0)
