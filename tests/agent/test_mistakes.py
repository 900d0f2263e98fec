"""Slips of the keyboard: each is told in one sentence that says what was meant."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import modules
from agent.cli.main import build_parser, main
from agent.options import read_seconds
from tests.drawn import write_drawn

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn(tmp_path_factory.mktemp("mistakes") / "clip.mp4")


@pytest.fixture(autouse=True)
def beside_the_clip(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clip.parent)
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(clip.parent / "cache"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        # addresses
        (["ask", "https://www.youtube.com/watch?v=a_b", "q?"], "'https://www.youtube.com/watch?v=a_b'`, and ask of"),
        (["explain", "http://example.org/film.mp4"], "http://example.org/film.mp4 is an address"),
        (["predict", "youtu.be/abc"], "yt-dlp -S ext -o video.mp4 youtu.be/abc"),
        (["index", "www.example.org/film.mp4"], "www.example.org/film.mp4 is an address"),
        (["ask", "file:///films/film.mp4", "q?"], "give the path itself, /films/film.mp4"),
        # folders
        (["predict", ".", "--at", "1"], "give one of the videos in it, clip.mp4"),
        # order and quotes
        (["ask", "What is this?", "clip.mp4"], "the video comes first: agent ask clip.mp4 'What is this?'"),
        (["explain", "Why?", "clip.mp4"], "the video comes first: agent ask clip.mp4 'Why?'"),
        (["ask", "clip.mp4", "What", "is", "this"], 'put it in quotes, "What is this"'),
        (["explain", "clip.mp4", "the", "fall"], 'put it in quotes, "the fall"'),
        (["ask", "clip.mp4"], "the following arguments are required: QUESTION (see agent ask --help)"),
        (["clip.mp4", "What", "now?"], "agent ask clip.mp4 'What now?'"),
        # what is almost there
        (["aks", "clip.mp4", "q?"], "did you mean ask?"),
        (["ask", "clip.mp4", "q?", "--polcy", "lite"], "no option --polcy; did you mean --policy? (see agent ask"),
        (["index", "clip.mp4", "--encodr=auto"], "no option --encodr; did you mean --encoder? (see agent index"),
        (["ask", "clip.mp4", "q?", "--mode", "caption"], "did you mean captions?"),
        (["eval", "reprt"], "did you mean report?"),
        (["train", "sfd", "x.toml"], "did you mean sft?"),
        # policies
        (["ask", "clip.mp4", "q?", "--policy", "gpt-5"], "did you mean http:gpt-5@openai?"),
        (["ask", "clip.mp4", "q?", "--policy", "openai:gpt-5-mini"], "did you mean http:gpt-5-mini@openai?"),
        (["ask", "clip.mp4", "q?", "--policy", "o4-mini"], "did you mean http:o4-mini@openai?"),
        (["ask", "clip.mp4", "q?", "--policy", "gemini-3-pro"], "did you mean http:gemini-3-pro@gemini?"),
        (["ask", "clip.mp4", "q?", "--policy", "ollama/llava:7b"], "did you mean http:llava:7b@ollama?"),
        (["ask", "clip.mp4", "q?", "--policy", "Qwen/Qwen3-VL"], "did you mean transformers:Qwen/Qwen3-VL?"),
        (["ask", "clip.mp4", "q?", "--policy", "run.json"], "did you mean scripted:run.json?"),
        (["ask", "clip.mp4", "q?", "--policy", "m@http://h/v1"], "did you mean http:m@http://h/v1?"),
        (["ask", "clip.mp4", "q?", "--policy", "light"], "did you mean lite?"),
        # what would do nothing
        (["ask", "clip.mp4", "q?", "--policy", "lite", "--adapter", "composed-words"], "lite has no model for an"),
        (["ask", "clip.mp4", "q?", "--policy", "lite", "--mode", "captions"], "has no mode 'captions'"),
        (["doctor", "--temperature", "1"], "--temperature: without --policy no model is asked"),
        (["index", "clip.mp4", "--max-gigabytes", "3"], "--max-gigabytes is for --prune"),
        # files and times
        (["ask", "clip.mp4", "q?", "--subtitles", "none.srt"], "none.srt does not exist"),
        (["predict", "clip.mp4", "--at", "1:2x"], "need seconds, as 80 or 1:20, got '1:2x'"),
        (["predict", "clip.mp4", "--at", "1:20", "--encoder", "hashing"], "80 s is past the end of the video"),
    ],
)
def test_a_slip_is_told_in_one_sentence_with_what_was_meant(
    line: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line) == 2
    told = [text for text in capsys.readouterr().err.strip().splitlines() if said in text]
    assert len(told) == 1
    assert told[0].startswith("agent: ") or line[0] == "index"


def test_options_that_a_policy_makes_no_use_of_are_named(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["ask", str(clip), "Is the picture upright portrait or landscape?", "--policy", "lite"]
    main([*asked, "--encoder", "hashing", "--max-cost", "1", "--temperature", "1", "--quiet"])
    told = capsys.readouterr()
    assert told.err == "lite makes no use of --temperature, --max-cost\n"
    assert told.out


@pytest.mark.parametrize(
    ("text", "seconds"), [("80", 80.0), ("80.5", 80.5), ("1:20", 80.0), ("1:02:03.5", 3723.5), ("0:07", 7.0)]
)
def test_seconds_are_read_as_numbers_and_as_clocks_show_them(text: str, seconds: float) -> None:
    assert read_seconds(text) == seconds


@pytest.mark.parametrize("text", ["1:75", "a", "", "1:2:3:4", "1:"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="need seconds"):
        read_seconds(text)


def test_the_command_alone_prints_its_help_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert 'agent ask film.mp4 "What does the sign say?"' in capsys.readouterr().out


def test_help_of_a_command_can_be_asked_for_by_word(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["help", "ask"])
    assert ended.value.code == 0
    assert "usage: agent ask" in capsys.readouterr().out


def test_every_argument_has_its_text_and_every_command_too() -> None:
    commands = next(action for action in build_parser()._actions if isinstance(action.choices, dict))
    assert isinstance(commands.choices, dict)
    bare = [
        f"{name} {action.metavar or action.dest}"
        for name, command in commands.choices.items()
        if name not in modules.PACKAGES
        for action in command._actions
        if not action.help
    ]
    assert bare == []


def test_every_variable_that_the_code_reads_is_in_the_help() -> None:
    text = "".join(path.read_text(encoding="utf-8") for p in ("agent", "tools") for path in (ROOT / p).rglob("*.py"))
    named = set(re.findall(r'"(VIDEOSLEUTH_[A-Z_]+|[A-Z]+_API_KEY)"', text))
    assert len(named) >= 6
    assert {name for name in named if name not in build_parser().format_help()} == set()


def test_every_command_of_the_packages_is_a_module() -> None:
    from importlib.util import find_spec

    named = [module for commands in modules.PACKAGES.values() for module, _ in commands.values()]
    assert [module for module in named if find_spec(module) is None] == []


def test_a_foreign_package_of_the_same_name_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").touch()
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; sys.argv = ['agent']; import agent.cli.main"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("agent: another package lies in the place of Video Sleuth's `tools`: ")
    assert len(done.stderr.splitlines()) == 1


def test_an_evaluation_runs_where_another_folder_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "run.py").write_text("print('not ours')", encoding="utf-8")
    code = f"import sys; sys.path[0] = {str(ROOT)!r}; sys.argv = ['agent', 'eval', 'budget', '--help']; "
    done = subprocess.run(
        [sys.executable, "-c", code + "from agent.cli.main import entry; entry()"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "python -m evals.perf.budget" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_what_completes_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab", reason="needs the extra completion")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "explain" in script
    assert "max-seconds" in script


@pytest.mark.parametrize("line", [["predict", "--schema"], ["ask", "--help"], ["eval"], []])
def test_a_reader_that_has_gone_ends_the_command_quietly(line: list[str]) -> None:
    code = "from agent.cli.main import entry; entry()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(60) in (0, 141)
