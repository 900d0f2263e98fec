"""The command as a user types it: answers, files, bad input in one sentence, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import pytest

from agent.cli.main import main
from agent.terminal import Screen
from agent.trajectory import Answer, Calls, Question, Step, ToolCall, Trajectory, Turn, VideoFacts, load, to_json
from tests.drawn import SUBTITLES, write_drawn
from tools.cache import list_cached_videos

FAST = ["--encoder", "hashing"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The drawn clip, its subtitles and a cache of its own."""
    folder = tmp_path_factory.mktemp("cli")
    write_drawn(folder / "clip.mp4")
    (folder / "said.srt").write_text(SUBTITLES, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield folder


def script(folder: Path, *turns: Turn) -> str:
    """A policy spec that plays the turns."""
    trajectory = Trajectory(Question("v", "q"), VideoFacts("h", 6.0, 1, 1), steps=tuple(Step(turn) for turn in turns))
    path = folder / f"script-{len(list(folder.glob('script-*')))}.json"
    path.write_text(to_json(trajectory), encoding="utf-8")
    return f"scripted:{path}"


def test_a_question_is_answered_with_its_evidence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["ask", str(folder / "clip.mp4"), "How many bags were left, as he says?"]
    assert main([*asked, "--subtitles", str(folder / "said.srt"), *FAST]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "Two"
    assert "00:04.5-00:05.5 speech “Two bags were left on platform nine.”" in out
    assert "confidence" in out
    assert "turns " in out
    assert "call t1c" in err
    assert "saw t1c" in err


def test_json_is_one_object_on_stdout_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["ask", str(folder / "clip.mp4"), "When does the train leave?", "--json"]
    assert main([*asked, "--subtitles", str(folder / "said.srt"), *FAST]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert answer["video"]["duration_seconds"] == pytest.approx(6.0)
    assert answer["usage"]["turns"] >= 1
    assert answer["usage"]["tokens"] is None
    assert answer["evidence"][0]["start_seconds"] == 1.0
    assert err


def test_report_and_trajectory_are_written_and_the_trajectory_replays(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, saved = folder / "page.html", folder / "run.json"
    asked = ["ask", str(folder / "clip.mp4"), "What does the man say about the train?", *FAST]
    said = ["--subtitles", str(folder / "said.srt")]
    assert main([*asked, *said, "--report", str(page), "--save", str(saved)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert load(saved).answer is not None
    capsys.readouterr()
    assert main(["replay", str(saved), *said, *FAST]) == 0
    assert "observations are the same" in capsys.readouterr().err


def test_a_replay_on_another_video_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = folder / "other.json"
    other = Trajectory(Question(str(folder / "clip.mp4"), "q"), VideoFacts("f" * 32, 6.0, 1, 1))
    saved.write_text(to_json(other), encoding="utf-8")
    assert main(["replay", str(saved), *FAST]) == 2
    assert "is not the video of this trajectory" in capsys.readouterr().err


def test_options_must_be_chosen_from(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["ask", str(folder / "clip.mp4"), "Is the picture upright portrait or landscape?", *FAST]
    assert main([*asked, "--option", "portrait", "--option", "landscape", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["option"], answer["answer"]) == (1, "landscape")


def test_a_limit_forces_an_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["ask", str(folder / "clip.mp4"), "What is said?", "--subtitles", str(folder / "said.srt"), *FAST]
    assert main([*asked, "--max-turns", "1", "--json"]) == 3
    answer = json.loads(capsys.readouterr().out)
    assert answer["stop"] == "turn limit"
    assert answer["usage"]["turns"] == 1
    # nothing was listened to, so nothing is said of what is in it
    assert (answer["not_shown"], answer["cannot_tell"]) == (False, True)


def test_a_policy_that_never_answers_gives_status_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    looks = [Turn("", Calls((ToolCall(f"t{n}c1", "overview", {"count": n}),))) for n in range(1, 5)]
    asked = ["ask", str(folder / "clip.mp4"), "q?", "--policy", script(folder, *looks), "--max-turns", "3", *FAST]
    assert main(asked) == 1
    assert "No answer" in capsys.readouterr().out


def no_video(folder: Path) -> Path:
    (folder / "notes.mp4").write_text("these are notes, not a video", encoding="utf-8")
    return folder / "notes.mp4"


def no_frame(folder: Path) -> Path:
    """A header that promises 100 frames, and none of them."""
    whole = write_drawn(folder / "whole.avi")
    data = whole.read_bytes()
    (folder / "header.avi").write_bytes(data[: data.index(b"movi") + 4])
    return folder / "header.avi"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ask", "{folder}/nowhere.mp4", "what?"], "nowhere.mp4"),
        (["ask", "{folder}/empty", "what?"], "no video"),
        (["ask", "{notes}", "what?"], "not a video"),
        (["ask", "{header}", "what?"], "no frame could be decoded"),
        (["ask", "{clip}", "  "], "the question is empty"),
        (["ask", "{clip}", "what?", "--option", "a"], "one option is not a choice"),
        (["ask", "{clip}", "what?", "--policy", "gpt"], "known are http, lite, scripted"),
        (["ask", "{clip}", "what?", "--encoder", "clap"], "unknown encoder 'clap'"),
        (["ask", "{clip}", "what?", "--encoder", "open_clip:ViT-B-32"], "ViT-B-32"),
        (["ask", "{clip}", "what?", "--max-turns", "0"], "need 0 < max_turns <= 1000, got 0"),
        (["ask", "{clip}", "what?", "--subtitles", "{folder}/none.srt"], "none.srt"),
        (["ask", "{clip}", "what?", "--report", "{folder}/no/such/page.html"], "is not a folder"),
        (["replay", "{folder}/none.json"], "none.json"),
        (["replay", "{notes}"], "not a saved trajectory"),
        (["index", "{folder}/empty"], "holds no video file"),
        (["index"], "name a video or a folder"),
    ],
)
def test_bad_input_is_one_sentence_and_status_two(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (folder / "empty").mkdir(exist_ok=True)
    names = {
        "folder": folder,
        "clip": folder / "clip.mp4",
        "notes": no_video(folder),
        "header": no_frame(folder),
    }
    started = time.perf_counter()
    assert main([argument.format(**names) for argument in arguments]) == 2
    # importing open_clip alone takes longer than that on a busy machine
    assert "open_clip:ViT-B-32" in arguments or time.perf_counter() - started < 5
    err = capsys.readouterr().err.strip()
    assert said in err
    assert len(err.splitlines()) == 1
    assert err.startswith("agent: ")


def test_a_cut_off_file_is_looked_at_as_far_as_it_decodes_and_leaves_the_rest_open(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        av.open(str(folder / "whole.flv"), "w", format="flv") as container,
        av.open(str(folder / "clip.mp4")) as source,
    ):
        video = source.streams.video[0]
        stream = container.add_stream_from_template(video)
        for packet in source.demux(video):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    data = (folder / "whole.flv").read_bytes()
    (folder / "cut.flv").write_bytes(data[: len(data) // 2])
    # what is written in the rest is not known
    assert main(["ask", str(folder / "cut.flv"), "What is written?", *FAST]) == 3
    said = capsys.readouterr().out
    assert "I can't tell. The file is cut off." in said
    assert "The file is cut off: only its first" in said


def test_index_takes_folders_and_prune_empties_the_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    videos = tmp_path / "videos"
    videos.mkdir()
    write_drawn(videos / "one.mp4")
    (videos / "readme.txt").write_text("no video", encoding="utf-8")
    assert main(["index", str(videos), *FAST]) == 0
    assert "one.mp4: 24 frames indexed" in capsys.readouterr().err
    assert len(list_cached_videos()) == 2  # and the index over the folder
    assert main(["index", "--prune", "--max-gigabytes", "0"]) == 0
    assert list_cached_videos() == []


def test_doctor_says_which_encoder_is_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor"])
    out = capsys.readouterr().out
    assert status == (0 if "used by auto" in out else 1)
    assert "open_clip" in out


def test_ctrl_c_leaves_a_saved_trajectory_and_a_usable_cache(folder: Path, tmp_path: Path) -> None:
    saved = tmp_path / "run.json"
    slow = (
        "import os, sys, time\n"
        "from agent.cli import main as cli\n"
        "from tools.toolbox import Toolbox\n"
        "class SlowToolbox(Toolbox):\n"
        "    def call(self, name, arguments):\n"
        "        if name == 'search_text':\n"
        "            os.write(1, b'looking\\n')\n"  # whole: two threads print
        # many short waits: a signal that another thread receives does not wake a long one
        "            [time.sleep(0.1) for _ in range(300)]\n"
        "        return super().call(name, arguments)\n"
        "import tools.toolbox\n"
        "tools.toolbox.opening.Toolbox = SlowToolbox\n"
        "cli.entry()\n"
    )
    overview = Turn("", Calls((ToolCall("t1c1", "overview", {"count": 2}),)))
    # two at once, so that the tools are at work in threads of their own
    stuck = Turn("", Calls((ToolCall("t2c1", "search_text", {}), ToolCall("t2c2", "search_text", {"count": 2}))))
    policy = script(tmp_path, overview, stuck, Turn("", Answer("done")))
    command = [sys.executable, "-c", slow, "ask", str(folder / "clip.mp4"), "q?", "--policy", policy, *FAST]
    environment = os.environ | {"VIDEOSLEUTH_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen([*command, "--save", str(saved)], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "looking\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    kept = load(saved)
    assert kept.stop is not None
    assert kept.stop.value == "interrupted"
    assert len(kept.steps) == 1
    again = [sys.executable, "-m", "agent.cli", *command[3:], "--resume", "--save", str(saved)]
    assert subprocess.run(again, env=environment, capture_output=True, timeout=60, check=False).returncode == 0
    resumed = load(saved)
    assert resumed.answer is not None
    assert resumed.answer.text == "done"
    assert resumed.steps[0] == kept.steps[0]


@pytest.mark.clock
def test_a_video_that_takes_longer_to_open_than_the_question_may_is_left(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def slow(*_: object, **__: object) -> None:
        gate.wait(20)

    monkeypatch.setattr("tools.toolbox.open_toolbox", slow)
    begun = time.monotonic()
    assert main(["ask", str(folder / "clip.mp4"), "q?", "--max-seconds", "0.5", "--policy", "lite", "--json"]) == 3
    assert time.monotonic() - begun < 15.0  # imports as well, on a busy machine
    gate.set()
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert (answer["stop"], answer["cannot_tell"]) == ("time limit", True)
    assert answer["answer"].endswith("When the time was over, only 0 of 6 s was seen.")
    assert answer["coverage"]["duration_seconds"] == 6.0
    assert "the video was not open yet when the time was over" in err


def test_a_tool_that_hangs_keeps_neither_the_answer_nor_the_process(folder: Path, tmp_path: Path) -> None:
    hanging = (
        "import sys, time\n"
        "import tools.toolbox\n"
        "from agent.cli import main as cli\n"
        "class Hanging(tools.toolbox.Toolbox):\n"
        "    def call(self, name, arguments):\n"
        "        time.sleep(90)\n"
        "tools.toolbox.opening.Toolbox = Hanging\n"
        "cli.entry()\n"
    )
    policy = script(tmp_path, Turn("", Calls((ToolCall("t1c1", "overview", {}),))), Turn("", Answer("done")))
    command = [sys.executable, "-c", hanging, "ask", str(folder / "clip.mp4"), "q?", "--policy", policy, *FAST]
    environment = os.environ | {"VIDEOSLEUTH_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [*command, "--max-seconds", "15", "--json"],
        capture_output=True,
        text=True,
        timeout=80,
        env=environment,
        check=False,
    )
    summary = json.loads(done.stdout)
    assert (summary["answer"], summary["stop"], done.returncode) == ("done", "time limit", 0)
    assert summary["usage"]["seconds"] < 16.0
    assert summary["gaps"] == ["overview was not done when the time for it was over."]


def test_on_a_terminal_the_answer_so_far_is_shown_and_the_last_one_takes_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cold"))
    asked = ["ask", str(folder / "clip.mp4"), "How many bags were left, as he says?", *FAST]
    asked += ["--subtitles", str(folder / "said.srt"), "--policy", "lite"]
    monkeypatch.setattr("agent.cli.run_options.Screen", partial(Screen, force_terminal=True, width=100))
    monkeypatch.setattr("agent.cli.run_options._has_indexing_left", lambda _: True)
    assert main(asked) == 0
    out, err = capsys.readouterr()
    assert "So far: Two (" in err
    assert "Two" in out
    assert "So far" not in out
    monkeypatch.setattr("agent.cli.run_options.Screen", Screen)
    assert main(asked) == 0
    assert "So far" not in "".join(capsys.readouterr())
