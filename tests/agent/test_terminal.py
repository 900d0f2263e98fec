"""Words of strangers reach a terminal as words: nothing in them is obeyed, in whatever way they are printed."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.markup import escape
from rich.table import Table

from agent.report.console import Narrator, print_answer
from agent.terminal import Screen, escape_controls, format_json
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Link,
    Malformed,
    Prediction,
    Question,
    Result,
    Step,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    VideoFacts,
)
from tests.drawn import write_drawn
from tools.observation import Observation

HOSTILE = "a\x1b]0;title\x07\x1b[2J\x1b[8m\x9b31m\x7f\x00\b\u202eevil\u2066\ud800 \U000e0041[bold red]b[/]"
OBEYED = set(HOSTILE) - set("a]0;title[2J8m31evil Jbold rd/")


def test_what_a_terminal_obeys_is_written_as_escapes_and_the_rest_stays() -> None:
    assert escape_controls("\x1b[2J\x9b\u202e\ud800") == "\\x1b[2J\\x9b\\u202e\\ud800"
    assert escape_controls("größer\t«Гейт» 👩‍👧 שלום\n") == "größer\t«Гейт» 👩‍👧 שלום\n"


def test_json_of_hostile_text_is_the_same_value_without_what_a_terminal_obeys() -> None:
    written = format_json({"text": HOSTILE})
    assert json.loads(written) == {"text": HOSTILE}
    assert not OBEYED & set(written)


def _hostile_run() -> Trajectory:
    turn = Turn(HOSTILE, Calls((ToolCall("t1c1", HOSTILE, {HOSTILE: HOSTILE}),)))
    seen = Observation(HOSTILE, is_error=True)
    evidence = (Evidence(0.0, 1.0, (HOSTILE,), quote=HOSTILE, note=HOSTILE),)
    answer = Answer(
        HOSTILE,
        evidence=evidence,
        chain=(Link(HOSTILE, HOSTILE, evidence),),
        predictions=(Prediction(HOSTILE, HOSTILE, 0.5, evidence),),
    )
    steps = (Step(turn, (Result("t1c1", seen),), HOSTILE), Step(Turn("", answer)))
    return Trajectory(Question("v", "q"), VideoFacts("h", 6.0, 1, 1), HOSTILE, steps=steps, stop=Stop.ANSWERED)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_no_part_of_a_run_reaches_the_terminal_raw_nor_as_markup(is_terminal: bool) -> None:
    screen = Screen(file=io.StringIO(), width=400, force_terminal=is_terminal, color_system=None)
    run = _hostile_run()
    narrator = Narrator(screen)
    for turn in (run.steps[0].turn, Turn(HOSTILE, Malformed(HOSTILE, HOSTILE))):
        narrator(turn)
    narrator(run)
    print_answer(run, screen)
    table = Table(title=escape(HOSTILE))
    table.add_row(escape(HOSTILE))
    screen.print(table)
    assert isinstance(screen.file, io.StringIO)
    written = screen.file.getvalue()
    assert not OBEYED & set(written)
    assert written.count("[bold red]") >= 8
    assert "evil" in written


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_hostile_subtitles_do_not_reach_a_real_terminal_raw(tmp_path: Path) -> None:
    import pty

    video = write_drawn(tmp_path / "clip.mp4")
    lines = "1\n00:00:00,000 --> 00:00:03,000\nthe gate is " + HOSTILE.replace("\ud800", "").replace("\0", "") + "\n"
    (tmp_path / "said.srt").write_text(lines, encoding="utf-8")
    command = [sys.executable, "-m", "agent.cli", "ask", str(video), "What is said?"]
    command += ["--policy", "lite", "--encoder", "hashing", "--subtitles", str(tmp_path / "said.srt")]
    ours, theirs = pty.openpty()
    environment = os.environ | {
        "VIDEOSLEUTH_CACHE": str(tmp_path / "cache"),
        "TERM": "xterm",
        "NO_COLOR": "1",
        "COLUMNS": "400",
    }
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    written = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # its end, on Linux
            break
        if not chunk:
            break
        written += chunk
    os.close(ours)
    assert process.wait(60) in (0, 1)
    text = written.decode("utf-8")
    assert "evil" in text
    for obeyed in ("\x1b]0;", "\x07", "\x1b[2J", "\x1b[8m", "\x9b", "\u202e", "\x7f"):
        assert obeyed not in text
