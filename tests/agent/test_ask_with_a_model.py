"""`agent ask` with a model behind a server: modes, samples, money, and a server that is not there."""

import json
import time
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.policies.openai_api.endpoint import SERVERS, Server
from agent.trajectory import load
from tests.agent.fake_server import FakeServer, Say, silent_for
from tests.drawn import SUBTITLES, write_drawn

LOOK = {
    "id": "x1",
    "type": "function",
    "function": {"name": "zoom", "arguments": '{"seconds": 1, "box": [0, 0, 1, 1]}'},
}
RED = '<think>seen</think><answer>{"answer": "red", "evidence": [{"start": 0, "stop": 2}]}</answer>'
BLUE = "<answer>blue</answer>"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn(tmp_path_factory.mktemp("models") / "clip.mp4")


@pytest.fixture
def ask(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VIDEOSLEUTH_PRICES", raising=False)
    (tmp_path / "said.srt").write_text(SUBTITLES, encoding="utf-8")
    subtitles = ["--subtitles", str(tmp_path / "said.srt")]
    return ["ask", str(clip), "Which colour is first?", "--encoder", "hashing", "--json", *subtitles]


def test_a_model_looks_answers_and_is_checked_against_its_evidence(
    ask: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "run.json"
    with FakeServer(Say(calls=(LOOK,)), Say(RED)) as server:
        assert main([*ask, "--policy", f"http:m@{server.url}", "--save", str(saved)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["answer"], answer["stop"], answer["usage"]["turns"]) == ("red", "answered", 2)
    assert answer["usage"]["cost_usd"] == 0
    assert answer["estimate"] == {"usual_usd": 0.0, "most_usd": 0.0}
    assert answer["setup"]["form"] == "native"
    assert answer["verification"]["agrees"] is True
    # nothing stated: two answers agree, (2 * 0.5 + 2) / (2 + 2)
    assert answer["confidence"] == 0.75
    assert len(server.requests) == 3
    assert load(saved).steps[0].turn.is_opening


def test_samples_vote_with_seeds_of_their_own(ask: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with FakeServer(Say(RED), Say(BLUE), Say(RED), Say(RED), Say(RED), Say(RED)) as server:
        assert main([*ask, "--policy", f"http:m@{server.url}", "--samples", "3"]) == 0
    out = capsys.readouterr()
    answer = json.loads(out.out)
    # the first round disagrees, the second does not
    assert (answer["answer"], answer["votes"]) == ("red", [3, 3])
    assert [request.body["seed"] for request in server.requests] == [0, 1, 2, 3, 4, 5]
    assert {request.body["temperature"] for request in server.requests} == {0.7}
    assert [len(request.images) for request in server.requests] == [6, 6, 6, 12, 12, 12]


def test_subtitles_alone_send_words_and_no_picture(ask: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with FakeServer(Say("<answer>at noon</answer>")) as server:
        assert main([*ask, "--policy", f"http:m@{server.url}", "--mode", "subtitles"]) == 0
    (request,) = server.requests
    assert request.images == []
    assert "The train to Ghent leaves at noon." in json.dumps(request.body["messages"])
    assert [tool["function"]["name"] for tool in request.body["tools"]] == ["read_speech", "search_speech"]
    assert json.loads(capsys.readouterr().out)["usage"]["frames"] == 0


def test_the_money_runs_out_and_the_best_answer_is_asked_for(
    ask: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = (
        '[[price]]\nhosts = ["127.*"]\nmodels = ["*"]\ninput = 1000\noutput = 1000\nchecked = 2026-01-31\nsource = "x"'
    )
    (tmp_path / "prices.toml").write_text(prices, encoding="utf-8")
    monkeypatch.setenv("VIDEOSLEUTH_PRICES", str(tmp_path / "prices.toml"))
    with FakeServer(Say(calls=(LOOK,)), Say(BLUE)) as server:
        assert main([*ask, "--policy", f"http:m@{server.url}", "--max-cost", "0.15"]) == 0
    out = capsys.readouterr()
    answer = json.loads(out.out)
    assert answer["stop"] == "cost limit"
    assert answer["usage"]["cost_usd"] > 0
    assert answer["limits"]["max_cost_usd"] == 0.15
    assert "usually about $" in out.err
    assert "give your best answer now" in json.dumps(server.requests[1].body["messages"][-1])


def test_the_tokens_run_out_and_the_best_answer_is_asked_for(
    ask: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeServer(Say(calls=(LOOK,)), Say(BLUE)) as server:  # 1,020 tokens each
        assert main([*ask, "--policy", f"http:m@{server.url}", "--max-tokens", "1000"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["answer"], answer["stop"], answer["usage"]["turns"]) == ("blue", "token limit", 2)
    assert answer["limits"]["max_tokens"] == 1000
    assert "give your best answer now" in json.dumps(server.requests[1].body["messages"][-1])


@pytest.mark.clock
def test_the_time_runs_out_and_what_there_is_by_then_is_the_result(
    ask: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeServer(Say(calls=(LOOK,)), silent_for(30)) as server:
        started = time.monotonic()
        status = main([*ask, "--policy", f"http:m@{server.url}", "--max-seconds", "0:03"])
        assert time.monotonic() - started < 20
    answer = json.loads(capsys.readouterr().out)
    assert (status, answer["answer"], answer["stop"]) == (1, None, "time limit")
    assert answer["limits"]["max_seconds"] == 3


def test_a_cost_limit_without_a_price_is_refused_before_anything_is_sent(
    ask: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_API_KEY", "k")
    assert main([*ask, "--policy", "http:m@https://models.example/v1", "--max-cost", "1"]) == 2
    assert "no price is known for m at models.example" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_status_69_and_the_run_is_kept(
    ask: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "run.json"
    with FakeServer(Say(RED)) as server:
        gone = server.url
    monkeypatch.setitem(SERVERS, "mine", Server(gone, start="mine serve"))
    asked = [*ask, "--policy", f"http:m@{gone}", "--save", str(saved), "--report", str(tmp_path / "run.html")]
    assert main(asked) == 69
    told = capsys.readouterr().err
    assert "127.0.0.1" in told
    assert "is it running? `mine serve` starts it" in told
    run = load(saved)
    assert run.stop is not None
    assert run.stop.value == "policy failed"
    assert run.frames_seen
    assert "The policy failed" in (tmp_path / "run.html").read_text(encoding="utf-8")


def test_what_answers_the_same_each_time_is_not_sampled(ask: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ask, "--policy", "lite", "--samples", "3"]) == 2
    assert "--samples is for language models" in capsys.readouterr().err


def test_a_program_is_written_run_and_answered_from(
    ask: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = 'for line in read_speech():\n    print(line["text"], line["start"])'
    called = {"id": "p1", "type": "function", "function": {"name": "run_program", "arguments": ""}}
    called["function"] = {"name": "run_program", "arguments": json.dumps({"program": program})}
    unsure = '<answer>{"answer": "?", "confidence": 0.2}</answer>'
    noon = '<answer>{"answer": "at noon", "evidence": [{"calls": ["t3c1"], "quote": "leaves at noon"}]}</answer>'
    saved = tmp_path / "run.json"
    asked = [*ask, "--strategy", "program", "--save", str(saved)]
    with FakeServer(Say(unsure), Say(calls=(called,)), Say(noon)) as server:
        assert main([*asked, "--policy", f"http:m@{server.url}", "--no-verify"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["answer"] == "at noon"
    assert answer["evidence"][0]["source"] == "speech"
    assert [tool["function"]["name"] for tool in server.requests[0].body["tools"]] == ["run_program"]
    assert "You are not sure of this" in json.dumps(server.requests[1].body["messages"][-1])
    assert "\u00abThe train to Ghent leaves at noon. 1\u00bb" in load(saved).results[-1].observation.text
    assert main(["replay", str(saved), "--encoder", "hashing", *ask[-2:]]) == 0


def test_first_answers_that_agree_are_enough(ask: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with FakeServer(Say(RED), Say(RED), Say(RED)) as server:
        assert main([*ask, "--policy", f"http:m@{server.url}", "--strategy", "uncertain"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["answer"], answer["votes"], answer["stop"]) == ("red", [3, 3], "answered")
    assert [request.body["seed"] for request in server.requests] == [0, 1, 2]
    assert {request.body["temperature"] for request in server.requests} == {0.7}
