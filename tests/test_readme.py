"""What the README says is what happens."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.cli import main, parser
from tools import conse, packaged

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
needs_lite = pytest.mark.skipif(
    not (conse.is_installed() and packaged.is_installed("rapidocr") and packaged.is_installed("faster_whisper")),
    reason="needs videosleuth[lite]",
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.S | re.M)


@pytest.fixture
def at_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path))
    monkeypatch.delenv("VIDEOSLEUTH_ENCODER", raising=False)


@needs_lite
def test_the_bundled_question_gets_the_answer_that_the_readme_shows(
    at_the_root: None, capsys: pytest.CaptureFixture[str]
) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    video, question = (re.search(rf"^{name} \?= (.*)$", makefile, re.M) for name in ("VIDEO", "Q"))
    assert video is not None
    assert question is not None
    assert main(["ask", video[1], question[1]]) == 0
    answer = capsys.readouterr().out.splitlines()
    shown = blocks("text")[0].splitlines()
    # confidence and evidence as shown; the last line holds seconds, which vary
    assert answer[:3] == shown[-6:-3]
    assert shown[-2] in answer


@needs_lite
def test_the_python_example_runs(at_the_root: None, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python")
    exec(compile(example, "README.md", "exec"), {})
    assert "bunny" in capsys.readouterr().out


def test_every_agent_command_of_the_readme_parses() -> None:
    commands = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    tried = [
        shlex.split(c.replace("[", " ").replace("]", " ").replace("...", "")) for c in commands if c[:6] == "agent "
    ]
    assert len(tried) >= 4
    for _, *arguments in tried:
        parser().parse_args([argument.replace("VIDEO|FOLDER", "v.mp4") for argument in arguments])


def test_every_training_command_of_the_readme_can_be_given() -> None:
    from rl.collect import _parsed
    from rl.compare import parser as compared
    from rl.sft_config import SftConfig
    from rl.sheets import read_sheet
    from rl.training import read_training

    readers: dict[str, Callable[[list[str]], object]] = {
        "rl.train": lambda told: read_training(ROOT / told[0]),
        "rl.sft": lambda told: read_sheet(ROOT / told[0], SftConfig),
        "rl.collect": _parsed,
        "rl.compare": compared().parse_args,
        "rl.attacks": lambda told: told == [] or pytest.fail(str(told)),
    }
    lines = [line.partition("#")[0].split() for block in blocks("sh") for line in block.splitlines()]
    tried = [line for line in lines if line[:2] == ["python", "-m"] and line[2].startswith("rl.")]
    assert {line[2] for line in tried} == set(readers)
    for _, _, module, *told in tried:
        readers[module](told)


def test_every_option_of_ask_is_in_the_readme() -> None:
    actions = next(a for a in parser()._actions if a.choices is not None)
    assert isinstance(actions.choices, dict)
    options = {o for a in actions.choices["ask"]._actions for o in a.option_strings if o not in ("-h", "--help")}
    assert {option for option in options if option not in README} == set()


def test_every_file_that_the_readme_names_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
