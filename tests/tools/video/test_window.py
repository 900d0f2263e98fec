"""A part of a video keeps the times of the whole: what is shown, found and cited is told by the source's own clock."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest

from agent.cli.main import main
from agent.coverage import compute_coverage
from agent.exit_codes import EXIT_BAD_INPUT
from agent.loop.ask import ask
from agent.loop.modes import plan_initial_calls
from agent.policies.lite_rules.reading import read_question
from agent.policies.scripted import ScriptedPolicy
from agent.report.html import render
from agent.trajectory import Answer, Calls, Question, ToolCall, Turn, VideoFacts, load
from tests.drawn import SUBTITLES, write_colours, write_drawn
from tools.encoders.hashing import HashingEncoder
from tools.limits import VideoError
from tools.observation import ToolError
from tools.toolbox import Toolbox, open_toolbox
from tools.video.other_sources import open_video

START, STOP = 2.52, 5.63
"""Red is before it; green is on screen until 4, and the blue picture with its text until the end."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn(tmp_path_factory.mktemp("window") / "drawn.mp4")


@pytest.fixture(scope="module")
def toolbox(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    said = tmp_path_factory.mktemp("said") / "said.srt"
    said.write_text(SUBTITLES)
    cache = tmp_path_factory.mktemp("cache")
    with open_toolbox(clip, encoder=HashingEncoder(), subtitles=said, cache=cache, start=START, until=STOP) as opened:
        assert opened.index.wait_tiled(60)
        yield opened


def test_frames_keep_their_times_and_the_first_is_the_one_on_screen(clip: Path) -> None:
    whole, part = open_video(clip), open_video(clip, STOP, start=START)
    assert part.timestamps[0] == START
    assert np.allclose(part.timestamps[1:], np.arange(26, 57) / 10)
    first, later = part.read([START, 4.0])
    (on_screen,) = whole.read([START])
    assert (first.seconds, later.seconds) == (START, 4.0)
    assert np.array_equal(first.pixels, on_screen.pixels)
    assert part.content_hash not in (whole.content_hash, open_video(clip, STOP).content_hash)
    assert [frame.seconds for frame in part.window(0.0, 2.75)] == [START, pytest.approx(2.6), pytest.approx(2.7)]
    for times in ([1.0], [5.63]):
        with pytest.raises(VideoError, match="need"):
            list(part.read(times))
    for start in (-1.0, 6.0):
        with pytest.raises(VideoError, match="need a start from 0 on and before the end"):
            open_video(clip, start=start)


CALLS = (
    ("overview", {"count": 8}),
    ("select_frames", {"start": 0.0, "stop": 99.0, "count": 32}),
    ("search_frames", {"query": "red", "count": 8}),
    ("list_shots", {}),
    ("find_changes", {"count": 32}),
    ("read_speech", {}),
)


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_no_tool_tells_of_what_is_outside(toolbox: Toolbox, name: str, arguments: dict[str, object]) -> None:
    seen = toolbox.call(name, arguments)
    times = [frame.seconds for frame in seen.frames] + [f.start_seconds for f in seen.findings if f.kind != "speech"]
    assert all(START <= time < STOP for time in times), times
    if name in ("overview", "select_frames", "search_frames"):
        assert len({*times}) > 1
    assert "Ghent" not in seen.text  # said before it
    assert name != "read_speech" or "platform nine" in seen.text


def test_a_call_before_the_window_says_where_that_begins(toolbox: Toolbox) -> None:
    for name, arguments in (
        ("select_frames", {"start": 0.0, "stop": 1.0}),
        ("zoom", {"seconds": 1.0, "box": [0.0, 0.0, 0.5, 0.5]}),
    ):
        with pytest.raises(ToolError, match=r"need 2\.52 <= s"):
            toolbox.call(name, arguments)


def test_the_cut_to_blue_is_found_when_it_is_in_the_whole(toolbox: Toolbox) -> None:
    shots = toolbox.call("list_shots", {}).findings
    assert [(shot.start_seconds, shot.stop_seconds) for shot in shots] == [(START, 4.0), (4.0, STOP)]
    (best, *_) = toolbox.call("search_frames", {"query": "blue"}).findings
    assert best.start_seconds >= 4.0 - 1e-6


def test_coverage_and_the_report_are_of_the_window_alone(clip: Path, toolbox: Toolbox) -> None:
    look = Turn(
        "", Calls((ToolCall("t1c1", "overview", {"count": 8}), ToolCall("t1c2", "search_frames", {"query": "x"})))
    )
    question = Question(str(clip), "What?", from_seconds=START, until_seconds=STOP)
    run = ask(question, toolbox, ScriptedPolicy((look, Turn("", Answer("green")))))
    seen = compute_coverage(run)
    assert seen.looked_share > 0.95
    assert (seen.indexed_share, seen.unseen_share) == (pytest.approx(1.0), pytest.approx(0.0))
    assert "of 00:03.1" in seen.sentence
    assert "00:02.5 to 00:05.6" in render(run, toolbox.picture)
    with pytest.raises(ValueError, match=r"begins at 2\.52 s, and the question at 0 s"):
        ask(Question(str(clip), "What?"), toolbox, ScriptedPolicy(()))


@pytest.mark.parametrize("mode", ["look", "captions", "subtitles"])
def test_the_first_looks_of_a_mode_lie_inside(mode: str) -> None:
    facts = VideoFacts("x", 200.0, 64, 48, has_speech_track=True, start_seconds=190.0)
    calls = plan_initial_calls(mode, facts)  # type: ignore[arg-type]
    assert all(call.arguments.get("start", 190.0) >= 190.0 for call in calls)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("What is seen in the first 10 seconds?", (60.0, 70.0)),
        ("What is seen in the last 10 seconds?", (110.0, 120.0)),
        ("What is shown at the beginning?", (60.0, 78.0)),
        ("What happens near the end?", (105.0, 120.0)),
        ("What happens at 1:30?", (88.5, 91.5)),
        ("What happens at 0:30?", None),
    ],
)
def test_times_of_a_question_are_those_of_the_whole(text: str, span: tuple[float, float] | None) -> None:
    found = read_question(Question("a.mp4", text), 120.0, 60.0).span
    assert (found and (found.start_seconds, found.stop_seconds)) == span


def test_the_command_takes_a_window_saves_it_and_finds_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VIDEOSLEUTH_ENCODER", "hashing")
    clip, saved = write_colours(tmp_path / "a.mp4", ["red", "green", "blue", "red"]), tmp_path / "run.json"
    window = ["--from", "0:01", "--to", "3"]
    assert main(["index", str(clip), *window]) == 0
    asked = ["ask", str(clip), "How long is the video?", *window, "--policy", "lite", "--save", str(saved), "--json"]
    assert main(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["answer"] == "2.0 s (0:02)"
    assert (told["video"]["start_seconds"], told["video"]["duration_seconds"]) == (1.0, 3.0)
    question = load(saved).question
    assert (question.from_seconds, question.until_seconds) == (1.0, 3.0)
    assert main(["replay", str(saved)]) == 0
    assert main(["ask", str(clip), "What?", "--from", "9"]) == EXIT_BAD_INPUT
    assert main(["ask", str(clip), "What?", "--from", "3", "--to", "2"]) == EXIT_BAD_INPUT
    assert main(["predict", str(clip), "--at", "2", "--to", "2"]) == EXIT_BAD_INPUT


def test_the_time_at_which_a_file_was_created_is_told_with_the_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    plain, dated = write_colours(tmp_path / "a.mp4", ["red"] * 2), tmp_path / "b.mp4"
    moment = datetime(2026, 5, 1, 14, 3, 22, tzinfo=UTC)
    with av.open(str(plain)) as read, av.open(str(dated), "w") as written:
        written.metadata["creation_time"] = moment.isoformat()
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    assert open_video(plain).info.created_at == ""
    assert open_video(dated).info.created_at == "2026-05-01 14:03:22 UTC"
    assert main(["ask", str(dated), "When was this recorded?", "--encoder", "hashing", "--policy", "lite"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("By the file it was created at 2026-05-01 14:03:22 UTC")
    assert ", 2026-05-01 14:03:22 UTC if the file was created as it began" in told
