"""A run with a model behind a server: many questions at once, what they cost, and a server that goes away."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.policy import PolicyOptions
from agent.trajectory import Limits, Stop
from evals.run import RunConfig, main
from evals.runner.manifest import read_manifest
from evals.runner.run_file import read_stored
from tests.agent.fake_server import FakeServer, Say, call, fail, slowly, when
from tests.evals.sets_drawn import row, write_set

GREEN = Say("<think>seen</think><answer>B</answer>")
PRICES = """
[[price]]
hosts = ["*"]
models = ["m"]
input = 1000
output = 1000
checked = 2026-01-01
source = "made up"
"""
"""A cent for ten tokens: a question of 1,020 tokens is $1.02."""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "prices.toml").write_text(PRICES, encoding="utf-8")
    monkeypatch.setenv("VIDEOSLEUTH_PRICES", str(tmp_path / "prices.toml"))
    data = write_set(tmp_path / "data", [row(question=f"Which is second, {number}?") for number in range(8)])
    options = PolicyOptions(concurrency=4)
    return RunConfig("clips", str(data), tmp_path / "run", encoder="hashing", verify=False, options=options)


def test_so_many_requests_are_there_at_once_and_their_cost_is_told(config: RunConfig) -> None:
    said: list[str] = []
    with FakeServer(slowly(GREEN, 0.3)) as server:
        page = main(replace(config, policy=f"http:m@{server.url}"), say=said.append)
        assert server.most_at_once == 4
        assert len(server.requests) == 8
    assert "8 questions. 8 answered." in page
    assert "| accuracy             | 100.0" in page
    assert sum(row.cost_usd or 0.0 for row in read_stored(config.out)) == pytest.approx(8 * 1.02)
    assert said[-1].startswith("8/8 ")
    assert said[-1].endswith("$8.16 spent")
    assert any(line.startswith("8 rows like the first cost about $") for line in said)


def test_how_the_model_was_asked_in_the_end_is_on_the_record(config: RunConfig) -> None:
    no_tools = fail(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')
    with FakeServer(when(lambda request: "tools" in request.body, no_tools, GREEN)) as server:
        main(replace(config, policy=f"http:m@{server.url}", limit=1))
    manifest = read_manifest(config.out)
    assert manifest is not None
    assert manifest.setup is not None
    assert manifest.setup.form == "text"  # found out from the first reply


def test_what_the_server_refused_is_played_again_and_nothing_else(config: RunConfig) -> None:
    moods = {"is_down": True}

    def third(request: object) -> bool:
        return moods["is_down"] and "second, 3?" in str(request)

    with FakeServer(when(third, fail(401, "no such key"), GREEN)) as server:
        asked = replace(config, policy=f"http:m@{server.url}")
        assert "7 answered, 1 policy failed." in main(asked)
        moods["is_down"] = False
        before = len(server.requests)
        assert "8 answered." in main(replace(asked, retry_failed=True))
        assert len(server.requests) == before + 1
    assert {row.stop for row in read_stored(config.out)} == {Stop.ANSWERED}


def test_a_price_that_is_not_known_under_a_limit_is_said_before_anything_is_asked(config: RunConfig) -> None:
    with pytest.raises(ValueError, match=r"no price is known for other at models\.invalid"):
        main(replace(config, policy="http:other@https://models.invalid/v1", limits=Limits(max_cost_usd=1.0)))
    assert not (config.out / "trajectories.jsonl").exists()


def test_a_second_model_describes_and_is_on_the_record(config: RunConfig) -> None:
    window = call("ask_window", {"start": 0, "stop": 2, "question": "Which colour?"})
    with FakeServer(Say("Red.")) as eyes, FakeServer(Say(calls=(window,)), GREEN) as mind:
        spec = f"http:eyes@{eyes.url}"
        asked = replace(
            config, policy=f"http:m@{mind.url}", captioner=spec, limit=1, options=PolicyOptions(concurrency=1)
        )
        main(asked)
        with pytest.raises(ValueError, match="its captioner is 'http:eyes@"):
            main(replace(asked, captioner=None))
    [played] = read_stored(config.out)
    seen = [result.observation for step in played.steps for result in step.results]
    assert [one.captioner for one in seen if one.captioner] == [spec]
    assert len(eyes.requests) == 1


@pytest.mark.parametrize(
    ("policy", "captioner", "why"),
    [
        ("lite", "http:m@http://127.0.0.1:9/v1", "lite is no language model: --captioner is for models"),
        ("http:m@http://127.0.0.1:9/v1", "lite", "lite is no language model: name one as captioner"),
    ],
)
def test_a_captioner_that_can_t_be_is_refused(config: RunConfig, policy: str, captioner: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        main(replace(config, policy=policy, captioner=captioner))
