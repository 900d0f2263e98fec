"""Every command ends with a status that says whose turn it is, and says why in one sentence."""

import ast
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.ending import run_command
from agent.policy import PolicyError
from tools.observation import MissingPartError

ROOT = Path(__file__).parent.parent.parent
COMMANDS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for package in ("evals", "rl")
    for path in (ROOT / package).rglob("*.py")
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
)


def _raise(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ValueError("need\n 1"), 2, "agent: need 1"),
        (FileNotFoundError(2, "No such file", "a\x1b[2Jb"), 2, "agent: a\\x1b[2Jb: No such file"),
        (MissingPartError("pip install it"), 2, "agent: pip install it"),
        (MemoryError(), 2, "agent: there is not enough memory for this"),
        (PolicyError("\x9bno server"), 69, "agent: \\x9bno server"),
        (KeyboardInterrupt(), 130, "agent: interrupted"),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_each_way_to_end_has_its_status_and_one_sentence(
    capsys: pytest.CaptureFixture[str], error: BaseException, status: int, said: str
) -> None:
    assert run_command("agent", _raise(error)) == status
    assert capsys.readouterr().err.strip() == said


def test_exit_codes_stand_in_one_file() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("agent", "tools", "evals", "rl")
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"^_?EXIT_\w+ *=", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert found == {"agent/exit_codes.py"}


@pytest.mark.parametrize("module", COMMANDS)
def test_every_command_is_run_by_the_one_runner(module: str) -> None:
    path = next(p for p in (ROOT / f"{module.replace('.', '/')}{end}" for end in (".py", "/__main__.py")) if p.exists())
    last = ast.parse(path.read_text(encoding="utf-8")).body[-1]
    assert ast.unparse(last).startswith("if __name__ == '__main__':")
    call = ast.unparse(last).splitlines()[-1].strip()
    assert call.startswith(
        (
            f"end_process('{module}'",
            f"end('{module}'",
            f"end_with_page('{module}'",
            f"toml_command.run_toml_command('{module}'",
        )
    )


def test_commands_of_agent_are_no_library() -> None:
    for package in ("evals", "rl"):
        for path in (ROOT / package).rglob("*.py"):
            assert "from agent.cli" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("bug", [KeyError("x"), RecursionError("deep"), IndexError("\x1b[2J"), AssertionError()])
def test_a_bug_is_said_to_be_ours_with_what_to_report(capsys: pytest.CaptureFixture[str], bug: Exception) -> None:
    assert run_command("rl.train", _raise(bug)) == 70
    err = capsys.readouterr().err
    assert err.splitlines()[-1].startswith("rl.train: this is a bug of ours: please report it")
    assert type(bug).__name__ in err
    assert "\x1b" not in err


def test_warnings_of_the_program_reach_stderr_without_what_a_terminal_obeys() -> None:
    code = (
        "import logging\nfrom agent.ending import run_command\n"
        "run_command('agent', lambda: logging.getLogger('tools.x').warning('damaged: %s', 'a\\x1b[2Jb'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "warning: damaged: a\\x1b[2Jb\n"
    assert logging.lastResort is not None


HELP = """
import io, json, runpy, sys
from contextlib import redirect_stderr, redirect_stdout

for module in sys.argv[1:]:
    out, err, status = io.StringIO(), io.StringIO(), None
    sys.argv = ["x", "--help"]
    for name in (module, f"{module}.__main__"):  # another command may have imported it
        sys.modules.pop(name, None)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            status = end.code
    print(json.dumps([module, status, out.getvalue(), err.getvalue(), "torch" in sys.modules]))
"""


def test_help_is_printed_by_every_command_before_torch_is_loaded() -> None:
    """One after the other in one process: the first under which torch is loaded is the one that loads it."""
    done = subprocess.run(
        [sys.executable, "-c", HELP, *COMMANDS], capture_output=True, text=True, timeout=300, check=True
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [module for module, *_ in told] == COMMANDS
    assert [row for row in told if row[1] != 0 or row[0] not in row[2] or row[3]] == []
    assert next((module for module, *_, loads_torch in told if loads_torch), None) is None


@pytest.mark.parametrize(
    "module", ["rl.sft", "rl.dpo", "rl.small_vlm.run", "rl.small_vlm.pretrain", "evals.score", "evals.report"]
)
def test_a_file_that_is_not_there_is_one_sentence_and_status_two(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "/no/such"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{module}: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_a_reader_that_has_gone_is_no_error() -> None:
    command = [sys.executable, "-m", "agent.cli", "predict", "--schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is the one disk that is always full")
def test_an_output_that_cannot_be_written_is_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "agent.cli", "predict", "--schema"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "No space left" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("module", ["evals.score", "rl.sft"])
def test_ctrl_c_ends_every_command_with_its_own_status(module: str) -> None:
    code = (
        "import os, signal\nfrom agent.ending import end_process\n"
        f"end_process('{module}', lambda: os.kill(os.getpid(), signal.SIGINT))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr == f"{module}: interrupted\n"
