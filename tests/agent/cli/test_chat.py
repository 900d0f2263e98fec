"""`agent chat`: question after question, over a pipe and in a real terminal of 60 columns."""

import io
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.trajectory import load
from tests.clips import write_clip

ENDS = "Ctrl-D ends the chat"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("video") / "clip.mp4", frames=90)


def chat(clip: Path, monkeypatch: pytest.MonkeyPatch, lines: str, *options: str) -> int:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(clip.parent / "cache"))
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    return main(["chat", str(clip), "--policy", "lite", "--encoder", "hashing", *options])


def test_questions_are_answered_saved_and_gone_on_with(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved, page = tmp_path / "chat.json", tmp_path / "page.html"
    asked = f"How long is the video?\n\nHow large is the picture?\n/save {saved}\n/report {page}\n"
    assert chat(clip, monkeypatch, asked, "--max-turns", "5") == 0
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line in ("3.0 s (0:03)", "160x96 pixels")] == [
        "3.0 s (0:03)",
        "160x96 pixels",
    ]
    assert "call t1c1 overview" in err
    assert "160x96 pixels" in page.read_text(encoding="utf-8")
    assert chat(clip, monkeypatch, f"How long is it?\n/save {saved}\n", "--resume", str(saved)) == 0
    run = load(saved)
    assert [one.question.text for one in (*run.earlier, run)] == [
        "How long is the video?",
        "How large is the picture?",
        "How long is it?",
    ]
    assert run.earlier[0].limits.max_turns == 5


def test_a_slip_is_told_and_does_not_end_the_chat(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slips = f"/save {tmp_path / 'chat.json'}\n/report {tmp_path / 'page.html'}\n/nothing\nHow long is the video?\n"
    assert chat(clip, monkeypatch, slips + f"/save {tmp_path}\n") == 0
    out, err = capsys.readouterr()
    assert "nothing was asked yet: there is no session to save" in err
    assert "nothing was asked yet: there is no answer to report" in err
    assert err.count(ENDS) == 1
    assert "3.0 s (0:03)" in out
    assert str(tmp_path) in err.splitlines()[-1]


def test_what_can_not_be_asked_is_said_before_the_first_question(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chat(clip.parent / "none.mp4", monkeypatch, "How long?\n") == 2
    assert "no such file" in capsys.readouterr().err


class Terminal:
    """A command in a terminal of 60 columns."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | environment, start_new_session=True
        )
        os.close(theirs)
        self.written = ""
        self._read = 0

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def wait_for(self, text: str, seconds: float = 90.0) -> None:
        """Reads until the text came, from where it was found the last time."""
        until = time.monotonic() + seconds
        while text not in self.written[self._read :]:
            ready, _, _ = select.select([self._ours], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"no {text!r} in {self.written[self._read :]!r}"
            self.written += os.read(self._ours, 65536).decode("utf-8", "replace")
        self._read = self.written.index(text, self._read) + len(text)

    def end(self) -> int:
        self.type("\x04")
        while True:
            try:
                if not (chunk := os.read(self._ours, 65536)):
                    break
            except OSError:  # its end, on Linux
                break
            self.written += chunk.decode("utf-8", "replace")
        os.close(self._ours)
        return self.process.wait(60)


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_ctrl_c_stops_an_answer_and_ctrl_d_the_chat_in_a_narrow_terminal(clip: Path, tmp_path: Path) -> None:
    slow = (
        "import os, time\n"
        "from agent.cli import main as cli\n"
        "from agent.policies.lite import LitePolicy\n"
        "answers = LitePolicy.__call__\n"
        "def slow(self, trajectory, sight):\n"
        "    if 'car' in trajectory.question.text:\n"
        "        os.write(1, b'thinks hard')\n"
        "        time.sleep(90)\n"
        "    return answers(self, trajectory, sight)\n"
        "LitePolicy.__call__ = slow\n"
        "cli.entry()\n"
    )
    command = [sys.executable, "-c", slow, "chat", str(clip), "--policy", "lite", "--encoder", "hashing"]
    terminal = Terminal(
        command, {"VIDEOSLEUTH_CACHE": str(tmp_path), "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "60"}
    )
    terminal.wait_for("? ")
    terminal.type("Where is the red car?\n")
    terminal.wait_for("thinks hard")
    begun = time.monotonic()
    os.killpg(terminal.process.pid, signal.SIGINT)
    terminal.wait_for("No answer (interrupted)")
    assert time.monotonic() - begun < 5.0
    terminal.wait_for("? ")
    terminal.type("How long is the video?\n")
    terminal.wait_for("3.0 s (0:03)")
    terminal.wait_for("? ")
    assert terminal.end() == 0
    lines = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", terminal.written).split("\r\n")
    assert all(len(line) <= 60 for line in lines if re.match(r" *(think|call|saw) ", line))
    assert "Traceback" not in terminal.written
