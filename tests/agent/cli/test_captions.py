"""`--captioner` and `agent index --captions`: captions made ahead are kept, gone on with, and used by a question."""

import json
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.exit_codes import EXIT_BAD_INPUT
from agent.trajectory import load
from tests.agent.fake_server import FakeServer, Say, call, fail
from tests.drawn import write_drawn

MIND = ("--policy", "http:m@http://127.0.0.1:9/v1")
ANSWER = Say('<answer>{"answer": "blue", "evidence": []}</answer>')


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VIDEOSLEUTH_CONFIG", str(tmp_path / "config.toml"))
    return write_drawn(tmp_path / "clip.mp4")


def test_captions_made_ahead_are_used_by_a_question(clip: Path, tmp_path: Path) -> None:
    saved = tmp_path / "run.json"
    with FakeServer(Say("Three cards, one after the other.")) as eyes, FakeServer(ANSWER) as mind:
        captioner = ["--captioner", f"http:eyes@{eyes.url}"]
        index = ["index", str(clip), "--encoder", "hashing", "--captions", *captioner]
        assert main(index) == 0
        assert main(index) == 0
        ask = ["ask", str(clip), "Which colour is last?", "--encoder", "hashing", "--policy", f"http:mind@{mind.url}"]
        assert main([*ask, *captioner, "--mode", "captions-first", "--save", str(saved), "--quiet"]) == 0
    assert len(eyes.requests) == 1
    assert "«Three cards, one after the other.»" in json.dumps(mind.requests[0].body["messages"], ensure_ascii=False)
    assert load(saved).steps[0].results[0].observation.captioner == f"http:eyes@{eyes.url}"


def test_a_captioner_that_fails_leaves_the_video_to_be_gone_on_with(
    clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeServer(fail(400, "no such model"), Say("Three cards.")) as eyes:
        index = ["index", str(clip), "--encoder", "hashing", "--captions", "--captioner", f"http:eyes@{eyes.url}"]
        assert main(index) == EXIT_BAD_INPUT
        assert "1 clips have no caption: the captioner" in (said := capsys.readouterr().err)
        assert "no such model" in said
        assert main(index) == 0


def test_the_configuration_names_the_captioner(clip: Path, tmp_path: Path) -> None:
    saved = tmp_path / "run.json"
    window = call("ask_window", {"start": 0, "stop": 2, "question": "Which colour?"})
    with FakeServer(Say("Red.")) as eyes, FakeServer(Say(calls=(window,)), ANSWER) as mind:
        (tmp_path / "config.toml").write_text(f'captioner = "http:eyes@{eyes.url}"\n', encoding="utf-8")
        ask = ["ask", str(clip), "Which colour is first?", "--encoder", "hashing", "--policy", f"http:mind@{mind.url}"]
        assert main([*ask, "--save", str(saved), "--quiet"]) == 0
    run = load(saved)
    assert run.steps[1].results[0].observation.findings[0].text == "Red."
    assert run.tokens == 3 * 1020  # two turns of the policy, one request of the captioner


def test_the_costs_of_a_captioner_must_be_known_under_a_cost_limit(
    clip: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIDEOSLEUTH_PRICES", raising=False)
    asked = [
        "ask",
        str(clip),
        "Which?",
        "--policy",
        "http:m@http://127.0.0.1:9/v1",
        "--captioner",
        "http:m@https://models.example/v1",
    ]
    assert main([*asked, "--max-cost", "1"]) == EXIT_BAD_INPUT
    assert "no price is known for m at models.example" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["ask", *MIND, "--captioner", "lite"], "lite is no language model"),
        (["ask", *MIND, "--captioner", "nonsense"], "no policy 'nonsense'"),
        (["ask", *MIND, "--mode", "captions-first"], "--captioner http:MODEL@URL"),
        (["index", "--captioner", "http:m@http://127.0.0.1:9/v1"], "--captioner is for --captions"),
    ],
)
def test_what_can_not_be_is_one_sentence(
    clip: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    command, *rest = options
    question = ["Which colour?"] if command == "ask" else []
    assert main([command, str(clip), *question, *rest]) == EXIT_BAD_INPUT
    assert said in capsys.readouterr().err
