"""`agent explain` and `agent predict` as a user types them: text, JSON by schema, the page, no look past a second."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from pydantic import TypeAdapter

from agent.cli.main import main
from agent.report.html import render
from agent.report.json_output import Checked, Explanation, Forecast, build_schema
from agent.trajectory import (
    Answer,
    Evidence,
    Link,
    Prediction,
    Question,
    Step,
    Stop,
    Trajectory,
    Turn,
    VideoFacts,
    load,
    to_json,
)
from tests.agent.fake_server import FakeServer, Say, call
from tests.drawn import COLOURS, SUBTITLES, write_drawn
from tools.observation import FrameRef


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The drawn clip, its subtitles and a cache of its own."""
    folder = tmp_path_factory.mktemp("tasks")
    write_drawn(folder / "clip.mp4")
    (folder / "said.srt").write_text(SUBTITLES, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield folder


def asked(folder: Path, command: str, *more: str) -> list[str]:
    said = str(folder / "said.srt")
    return [command, str(folder / "clip.mp4"), *more, "--subtitles", said, "--encoder", "hashing"]


def test_an_explanation_is_readable_step_by_step(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(folder, "explain")) == 0
    out = capsys.readouterr().out
    assert " 1. The video begins" in out
    assert "Somebody says “The train to Ghent leaves at noon.”" in out
    assert "speech “The train to Ghent leaves at noon.” [t1c" in out
    assert "no cause is on record" in out


def test_an_explanation_as_json_fits_its_published_schema(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(folder, "explain", "why the train leaves", "--json")) == 0
    printed = capsys.readouterr().out
    told = TypeAdapter(Explanation).validate_json(printed, strict=True)
    assert told.question == "why the train leaves"
    assert told.chain
    assert all(link.evidence for link in told.chain)
    assert_fits(json.loads(printed), build_schema("explain"))


def test_predictions_as_json_fit_their_published_schema(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(folder, "predict", "--at", "3.9", "--json")) == 0
    printed = capsys.readouterr().out
    told = TypeAdapter(Forecast).validate_json(printed, strict=True)
    assert 1 <= len(told.predictions) <= 3
    assert all(0 <= p.confidence <= 1 and p.justification and p.evidence for p in told.predictions)
    assert told.video.until_seconds == told.video.duration_seconds == 3.9
    assert bool(told.note) is (len(told.predictions) < 3)
    assert_fits(json.loads(printed), build_schema("predict"))


def test_nothing_after_the_second_is_in_the_record_and_it_replays(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved, page = folder / "cut.json", folder / "cut.html"
    assert main(asked(folder, "predict", "--at", "3.9", "--save", str(saved), "--report", str(page))) == 0
    out = capsys.readouterr().out
    assert "Nothing after 3.90 s was looked at." in out
    run = load(saved)
    assert run.facts.duration_seconds == 3.9
    assert all(frame.seconds < 3.9 for frame in run.frames_seen)
    assert all(finding.stop_seconds <= 3.9 for finding in run.findings())
    text = saved.read_text(encoding="utf-8")
    assert "platform nine" not in text  # is said at 4.5 s
    assert "GATE 12" not in text  # is shown from 4.0 s on
    assert "seen only up to 3.90 s" in page.read_text(encoding="utf-8")
    said = ["--subtitles", str(folder / "said.srt"), "--encoder", "hashing"]
    assert main(["replay", str(saved), *said]) == 0
    assert "observations are the same" in capsys.readouterr().err


@pytest.mark.parametrize("at", ["0", "-3", "nan"])
def test_an_end_that_leaves_nothing_is_refused_in_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], at: str
) -> None:
    assert main(["predict", str(folder / "clip.mp4"), f"--at={at}"]) == 2
    err = capsys.readouterr().err
    assert len(err.strip().splitlines()) == 1
    assert "need until_seconds > 0" in err


@pytest.mark.parametrize("command", ["explain", "predict"])
def test_the_schema_is_printed_without_a_video(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--schema"])
    assert ended.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["$schema"].endswith("2020-12/schema")
    assert printed["properties"]["task"]["const"] == command


PREDICTED = """<think>enough</think><answer>{"predictions": [
{"event": "it turns blue", "justification": "red, green", "confidence": 0.8, "start": 2, "stop": 3, "calls": ["t1c1"]},
{"event": "it stays green", "justification": "it is green now", "confidence": 0.3},
{"event": "it ends", "justification": "all clips do", "confidence": 0.1}]}</answer>"""


def test_a_model_is_sent_nothing_from_after_the_second_whatever_it_asks_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    greedy = Say(
        calls=(
            call("select_frames", {"start": 0, "stop": 60, "count": 32}, "a"),
            call("zoom", {"seconds": 5.0, "box": [0, 0, 1, 1]}, "b"),
            call("read_speech", {"start": 0, "stop": 60}, "c"),
        )
    )
    with FakeServer(greedy, Say(PREDICTED)) as server:
        policy = f"http:a-model@{server.url}"
        assert main(asked(folder, "predict", "--at", "3.9", "--policy", policy, "--json")) == 0
        told = TypeAdapter(Forecast).validate_json(capsys.readouterr().out, strict=True)
        sent = server.requests
    assert [p.event for p in told.predictions] == ["it turns blue", "it stays green", "it ends"]
    assert [len(request.images) >= 32 for request in sent] == [False, True, False]  # the last one is the second look
    for request in sent:
        for _, uri in request.images:
            mean = simplejpeg.decode_jpeg(base64.b64decode(uri.partition(",")[2])).mean((0, 1))
            assert min(COLOURS, key=lambda name: float(np.abs(mean - COLOURS[name]).sum())) != "blue"
        words = json.dumps(request.body["messages"])
        assert "platform nine" not in words
        assert "6.00 s" not in words
    assert "need 0 <= seconds < 3.90 (the duration), got 5" in json.dumps(sent[1].body["messages"])
    assert "Does the evidence show every one of these?" in words
    assert told.verification == Checked(None, "")  # predictions are no answer to that


def predicted(*predictions: Prediction, until: float | None = 10.0) -> Trajectory:
    question = Question("v.mp4", "What happens next?", task="predict", until_seconds=until)
    answer = Answer(predictions[0].event, None, predictions[0].confidence, predictions=predictions)
    return Trajectory(question, VideoFacts("h", 10.0, 64, 36), "p", steps=(Step(Turn("", answer)),), stop=Stop.ANSWERED)


SEEN = Evidence(2.0, 3.0, ("t1c1",), (FrameRef(2.0, 36, 64),))


def test_fewer_than_three_predictions_are_said_to_be_fewer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = folder / "one.json"
    script.write_text(to_json(predicted(Prediction("it rains", "clouds", 0.7, (SEEN,)))), encoding="utf-8")
    assert main(asked(folder, "predict", "--policy", f"scripted:{script}")) == 0
    assert "Three predictions were asked for, and 1 came" in capsys.readouterr().out


def test_the_page_shows_each_prediction_with_why_how_sure_and_on_what() -> None:
    page = render(predicted(Prediction("it <b>rains</b>", "dark clouds", 0.7, (SEEN,))), lambda _: None)
    assert 'id="event-1"' in page
    assert "it &lt;b&gt;rains&lt;/b&gt;" in page
    assert "dark clouds" in page
    assert "<b>70 %</b>" in page
    # the answer names no evidence itself: that of its predictions is shown all the same
    assert '<a href="#exhibit-1">Exhibit 1</a>' in page
    assert 'id="exhibit-1"' in page
    assert "seen only up to 10.00 s" in page


def test_the_page_shows_each_step_of_a_chain_and_one_exhibit_for_evidence_that_two_steps_share() -> None:
    links = (Link("it is wet", "", (SEEN,)), Link("he falls", "because it is wet", (SEEN,)), Link("he is up"))
    answer = Answer("he falls since it is wet", None, 0.5, (SEEN,), chain=links)
    run = Trajectory(
        Question("v.mp4", "why?", task="explain"), VideoFacts("h", 10.0, 64, 36), steps=(Step(Turn("", answer)),)
    )
    page = render(run, lambda _: None)
    assert page.count('<a href="#exhibit-1">Exhibit 1</a>') == 2
    assert "exhibit-2" not in page
    assert "because it is wet" in page
    assert "No evidence is named." in page
    assert "seen only up to" not in page


def assert_fits(value: Any, rule: dict[str, Any], root: dict[str, Any] | None = None) -> None:
    """The few words of JSON Schema that ours uses, written again by hand: types, properties, items, references."""
    root = rule if root is None else root
    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in rule:
        assert any(_fits(value, choice, root) for choice in rule["anyOf"]), (value, rule)
        return
    kinds: dict[str, Any] = {"object": dict, "array": list, "string": str, "integer": int, "null": type(None)}
    kinds |= {"number": (int, float), "boolean": bool}
    if "type" in rule:
        assert isinstance(value, kinds[rule["type"]]), (value, rule)
    assert value in rule.get("enum", [value])
    assert value == rule.get("const", value)
    if isinstance(value, dict):
        assert set(rule.get("required", ())) <= set(value) <= set(rule["properties"]), (sorted(value), rule["title"])
        for name, inner in value.items():
            assert_fits(inner, rule["properties"][name], root)
    if isinstance(value, list):
        for i, inner in enumerate(value):
            assert_fits(inner, rule["prefixItems"][i] if "prefixItems" in rule else rule["items"], root)


def _fits(value: Any, rule: dict[str, Any], root: dict[str, Any]) -> bool:
    try:
        assert_fits(value, rule, root)
    except AssertionError:
        return False
    return True
