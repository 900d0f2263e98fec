"""What the README says is what happens."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.cli import modules
from agent.cli.main import build_parser, main
from agent.ending import Parser
from evals.benchmarks.catalogue import BENCHMARKS
from evals.controls.catalogue import CONTROLS
from rl.rewards.preset import list_presets
from tests.agent.doors.http.server import serving
from tools import packaged_weights
from tools.encoders import conse

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = {
    name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("ask", "policies", "python", "serve", "mcp")
}
"""The pages that the README leads to, by name."""
needs_lite = pytest.mark.skipif(
    not (
        conse.is_installed()
        and packaged_weights.is_installed("rapidocr")
        and packaged_weights.is_installed("faster_whisper")
    ),
    reason="needs videosleuth[lite]",
)


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.S | re.M)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first that asks about the bundled clip leaves what it read for the others."""
    return tmp_path_factory.mktemp("readme") / "cache"


@pytest.fixture
def at_the_root(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(cache))
    monkeypatch.delenv("VIDEOSLEUTH_ENCODER", raising=False)


@needs_lite
def test_the_bundled_question_gets_the_answer_that_the_readme_shows(
    at_the_root: None, capsys: pytest.CaptureFixture[str]
) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    video, question = (re.search(rf"^{name} \?= (.*)$", makefile, re.M) for name in ("VIDEO", "Q"))
    assert video is not None
    assert question is not None
    assert main(["index", video[1]]) == 0
    capsys.readouterr()
    assert main(["ask", video[1], question[1]]) == 0
    answer = capsys.readouterr().out.splitlines()
    shown = blocks("text")[0].splitlines()
    assert answer[0] == shown[-6]
    assert answer[1] == shown[-5]
    assert answer[2].startswith(shown[-4].partition(", …")[0])
    assert answer[3].startswith(shown[-3].partition(" …")[0])
    assert answer[4] == shown[-2]
    assert answer[5].partition("seconds")[0] == shown[-1].partition("seconds")[0]


@needs_lite
def test_the_python_examples_run_one_after_the_other(at_the_root: None, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for example in [*blocks("python"), *blocks("python", DOCS["python"])]:
        exec(compile(example, "a page", "exec", dont_inherit=True), names)
    out = capsys.readouterr().out
    assert "A (slightly overweight) bunny 0." in out
    assert "run_started\nturn_taken\ntool_called" in out.replace("video_prepared\n", "")  # comes when it comes
    assert "640x360 pixels" in out
    assert out.count("30.0 s (0:30)") == 2
    assert "30.0 s (0:30)\nconfidence 95 %\n  00:00.0-00:30.0 video" in out


@needs_lite
def test_the_client_of_the_server_prints_the_answer(
    at_the_root: None, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai")
    (example,) = blocks("python", DOCS["serve"])
    assert "agent serve --allow agent/demo" in README
    with serving(cache.parent, ROOT / "agent" / "demo", policy="lite", encoder="") as server:
        exec(compile(example.replace("http://127.0.0.1:8000", server.url), "README.md", "exec", dont_inherit=True), {})
    assert capsys.readouterr().out.startswith("A (slightly overweight) bunny\nconfidence")


def commands() -> list[str]:
    """Every line of the blocks of shell, in all pages."""
    pages = (
        README,
        *DOCS.values(),
        *((ROOT / package / "README.md").read_text(encoding="utf-8") for package in ("evals", "rl")),
    )
    lines = [line for page in pages for block in blocks("sh", page) for line in block.splitlines()]
    return [command for line in lines if (command := re.sub(r"\s#.*", "", line).strip())]


class ReadError(BaseException):
    """The arguments were read: what follows would be the work."""


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")  # other tests have imported them
@pytest.mark.parametrize("command", [c for c in commands() if re.match(r"agent (eval|train) ", c)])
def test_every_evaluation_and_training_can_be_given(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, package, name, *arguments = shlex.split(command)
    read = Parser.parse_known_args

    def read_and_end(self: Parser, *given: Any) -> Any:
        read(self, *given)
        raise ReadError

    monkeypatch.setattr(Parser, "parse_known_args", read_and_end)
    monkeypatch.setattr("sys.argv", ["agent"])
    with pytest.raises(ReadError):
        modules.run(package, [name, *arguments])


def test_every_training_file_is_one() -> None:
    from rl.finetune.sft_config import SftConfig
    from rl.grpo.config import read_training
    from rl.options.toml_config import read_toml

    files = {c.split()[2]: ROOT / c.split()[3] for c in commands() if c.endswith(".toml")}
    assert set(files) == {"grpo", "sft"}
    read_training(files["grpo"])
    read_toml(files["sft"], SftConfig)


def test_every_agent_command_parses() -> None:
    tried = [
        shlex.split(c.replace("[", " ").replace("]", " ").replace("...", ""))
        for c in commands()
        if re.match(r"agent (?!eval|train|help)", c)
    ]
    assert len(tried) >= 4
    for _, *arguments in tried:
        build_parser().parse_args([argument.replace("VIDEO|FOLDER", "v.mp4") for argument in arguments])


def test_every_target_of_make_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    tried = {c.split()[1] for c in commands() if c.startswith("make ")}
    assert tried
    assert {target for target in tried if f"\n{target}:" not in makefile} == set()


def test_every_extra_that_is_named_is_one_and_every_one_is_named() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = re.search(r"Extras: (.*?)\.", README, re.S)
    assert named is not None
    assert set(re.findall(r"`([a-z0-9-]+)`", named[1])) == set(extras)
    assert {extra for c in commands() for extra in re.findall(r"\[([a-z]+)\]", c) if "install" in c} <= set(extras)


def test_every_line_of_shell_is_of_a_kind_that_a_test_knows_or_marked() -> None:
    known = re.compile(r"agent |make |(uv tool|pipx|pip) install |pip wheel ")
    marked = DOCS["policies"].partition("Not run here")[2].split("```")[1].splitlines()
    assert [c for c in commands() if not known.match(c) and c not in marked] == []


def test_benchmarks_are_as_many_as_their_page_lists() -> None:
    page = (ROOT / "evals" / "README.md").read_text(encoding="utf-8")
    listed = re.search(r"Multiple choice: (.*?)\. With\s+open\s+answers: (.*?)\. With times: (.*?)\. Each", page, re.S)
    assert listed is not None
    names = re.sub(r"\(.*?\)", "", ", ".join(listed.groups())).split(",")
    assert f"{len(names)} **published benchmarks**" in README
    assert len(names) <= len(BENCHMARKS)  # several have more than one split or mode


def test_presets_and_controls_are_as_many_as_it_says() -> None:
    published = set(list_presets()) - {"sleuth"}
    recipes = {name.removesuffix("-code") for name in published}
    assert f"{len(published)} presets of {len(recipes)} published recipes and our own" in README
    assert len(CONTROLS) == 19
    assert "nineteen **controls**" in README


def test_every_place_of_the_contents_is_a_heading() -> None:
    headings = {re.sub(r"[^a-z -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^## (.*)$", README, re.M)}
    places = re.findall(r"\]\(#([^)]+)\)", README)
    assert set(places) == headings


def test_every_option_of_ask_is_on_its_page() -> None:
    actions = next(a for a in build_parser()._actions if a.choices is not None)
    assert isinstance(actions.choices, dict)
    options = {o for a in actions.choices["ask"]._actions for o in a.option_strings if o not in ("-h", "--help")}
    assert {option for option in options if option not in DOCS["ask"]} == set()


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{name}.md" for name in DOCS)])
def test_every_file_that_a_page_leads_to_is_there(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_the_readme_leads_to_every_page() -> None:
    assert {name for name in DOCS if f"](docs/{name}.md)" not in README} == set()
