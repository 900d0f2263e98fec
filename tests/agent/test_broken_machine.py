"""Paths and text that are no UTF-8, numbers that are none, a broken decoder: said at the door or worked with."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from agent.cli.checkup import check_installation, print_checkup
from agent.cli.main import main
from agent.ending import run_command
from agent.exit_codes import EXIT_BAD_INPUT
from agent.outputs import write_output
from agent.paths import escape_path, unescape_path
from agent.policy import PolicyOptions
from agent.terminal import Screen
from agent.trajectory import Limits
from tests.drawn import write_drawn

needs_bytes = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="needs file names that are any bytes")


@pytest.fixture
def cafe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A video whose name is Latin-1."""
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    write_drawn(tmp_path / "clip.mp4").rename(path)
    return path


@needs_bytes
def test_a_path_that_is_no_utf8_is_asked_saved_and_replayed(
    cafe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = str(tmp_path / "run.json")
    options = ["--encoder", "hashing", "--policy", "lite", "--save", saved, "--report", str(tmp_path / "run.html")]
    assert main(["ask", cafe, "What is written?", "--json", *options]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["video"]["path"].endswith("caf\\xe9.mp4")
    assert main(["replay", saved, "--encoder", "hashing"]) == 0
    assert main(["index", cafe, "--encoder", "hashing"]) == 0
    assert "caf\\udce9.mp4: " in capsys.readouterr().err


@needs_bytes
@pytest.mark.parametrize("option", ["QUESTION", "--option", "--policy", "--encoder", "--adapter"])
def test_text_that_is_no_utf8_is_refused_in_one_sentence_before_any_work(
    cafe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    text = os.fsdecode(b"caf\xe9")
    given = ["ask", cafe, text] if option == "QUESTION" else ["ask", cafe, "what?", option, text]
    assert main(given) == 2
    assert capsys.readouterr().err.splitlines() == [
        "agent: need text in UTF-8, got caf\\xe9: is the terminal set to another encoding?"
    ]
    assert not (tmp_path / "cache").exists()


def test_a_readable_path_leads_back_only_to_a_file_that_is_there(tmp_path: Path) -> None:
    assert escape_path("/größer/a b.mp4") == "/größer/a b.mp4"
    assert unescape_path(str(tmp_path / "a\\xe9.mp4")) == str(tmp_path / "a\\xe9.mp4")


NUMBERS = ["nan", "inf", "-inf", "-1", "0", "1e300", "9" * 400]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "option", ["--max-cost", "--max-seconds", "--timeout-seconds", "--max-turns", "--concurrency", "--max-reply-tokens"]
)
def test_a_number_that_could_never_bind_is_refused_in_one_sentence(
    capsys: pytest.CaptureFixture[str], option: str, number: str
) -> None:
    assert main(["ask", "/no/such.mp4", "what?", f"{option}={number}"]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert option.strip("-").replace("-", "_") in err.replace("-", "_")
    assert len(err) < 1000


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "1e300"])
def test_a_cache_of_no_size_is_refused(capsys: pytest.CaptureFixture[str], number: str) -> None:
    assert main(["index", "--prune", f"--max-gigabytes={number}"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0])
def test_limits_and_options_refuse_what_is_no_positive_number(value: float) -> None:
    with pytest.raises(ValueError, match="max_cost_usd"):
        Limits(max_cost_usd=value)
    with pytest.raises(ValueError, match="timeout_seconds"):
        PolicyOptions(timeout_seconds=value)


def test_output_that_cannot_be_written_is_refused_before_the_video_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_drawn(tmp_path / "clip.mp4")
    before = video.read_bytes()
    for option, path in (("--save", video), ("--report", tmp_path), ("--save", tmp_path / "no" / "x.json")):
        assert main(["ask", str(video), "what?", option, str(path)]) == 2
        assert "can't write" in capsys.readouterr().err
    assert video.read_bytes() == before


def test_the_checkup_decodes_and_hears_a_clip_and_names_its_python() -> None:
    found = {item.part: item for item in check_installation()}
    assert found["video"].is_fine
    assert found["video"].state == "pictures and sound of a test clip are read"
    assert sys.executable in found["python"].state


def test_a_decoder_that_is_broken_is_a_line_of_the_checkup_and_no_crash(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import tools.speech.audio

    def broken(_: object) -> None:
        raise TypeError("an integer is required")

    monkeypatch.setattr(tools.speech.audio, "read_blocks", broken)
    assert print_checkup(Screen(width=300)) == 1
    out = capsys.readouterr().out
    assert "does not work: TypeError: an integer is required" in out
    assert "questions can't be asked" in out


@pytest.mark.skipif(os.name == "nt", reason="needs a locale of one byte")
def test_a_terminal_of_few_letters_costs_no_answer(tmp_path: Path) -> None:
    code = "from agent.ending import end_process\nend_process('agent', lambda: print('“größer”'))"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, "\\u201cgr\\xf6\\xdfer\\u201d\n")


@pytest.mark.parametrize(
    "arguments",
    [["index", ""], ["ask", "", "What?"], ["search", "", "red"], ["ask", "a.mp4", "What?", "--save="]],
)
def test_an_empty_word_is_not_the_working_folder(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == EXIT_BAD_INPUT
    assert "got an empty text; is a variable of the shell not set?" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_stream_that_takes_nothing_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("agent", partial(write_output, "/dev/full", b"x")) == EXIT_BAD_INPUT
    assert capsys.readouterr().err == "agent: /dev/full: No space left on device\n"
