"""The Python door: one call gives the answer, its events, and the very trajectory of the command line."""

import asyncio
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent import Sleuth
from agent.cli.main import main
from agent.events import AnswerProposed, RunFinished, RunStarted, ToolCalled, ToolReturned, TurnTaken
from agent.policies.scripted import ScriptedPolicy
from agent.policy import ToolAccess
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Limits,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    from_json,
    load,
    to_json,
)
from tests.clips import write_clip
from tools.encoders.hashing import HashingEncoder
from tools.observation import Finding

LOOK = Turn("a look", Calls((ToolCall("t1c1", "select_frames", {"start": 0.0, "stop": 1.0, "count": 2}),)))
TURNS = (LOOK, Turn("enough", Answer("four", confidence=0.8, evidence=(Evidence(0.0, 1.0, ("t1c1",)),))))


class WaitingPolicy:
    """Looks once, then waits until it is let go on."""

    spec = "waiting"
    setup = None

    def __init__(self) -> None:
        self.is_waiting, self.go_on = threading.Event(), threading.Event()

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        if not trajectory.steps:
            return TURNS[0]
        self.is_waiting.set()
        self.go_on.wait(30)
        return TURNS[1]


class MeetingPolicy:
    """Answers when so many runs have come together."""

    spec = "meeting"
    setup = None

    def __init__(self, runs: int) -> None:
        self._barrier = threading.Barrier(runs, timeout=30)

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self._barrier.wait()
        return Turn("", Answer(trajectory.question.text))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("video") / "clip.mp4", frames=40)


@pytest.fixture
def waiting() -> Iterator[WaitingPolicy]:
    policy = WaitingPolicy()
    yield policy
    policy.go_on.set()


def sleuth(clip: Path, policy: Any = None, **more: Any) -> Sleuth:
    return Sleuth(policy or ScriptedPolicy(TURNS), encoder="hashing", cache=clip.parent / "cache", **more)


def test_one_call_gives_the_answer_and_what_it_rests_on(clip: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with sleuth(clip) as asked:
        result = asked.ask(clip, "How many?", max_turns=5)
    assert (result.text, result.status, result.confidence) == ("four", "answered", 0.8)
    assert result.evidence[0].call_ids == ("t1c1",)
    assert result.coverage.frame_count == 2
    assert result.trajectory.limits == Limits(max_turns=5)
    assert str(result) == "four"
    assert capfd.readouterr() == ("", "")


def timeless(trajectory: Trajectory) -> Trajectory:
    """The record without what the clock says."""
    steps = tuple(
        replace(
            step,
            turn=replace(step.turn, usage=replace(step.turn.usage, seconds=0.0)),
            results=tuple(replace(result, seconds=0.0) for result in step.results),
            seconds=0.0,
        )
        for step in trajectory.steps
    )
    return replace(trajectory, steps=steps, opening_seconds=0.0)


def test_the_trajectory_of_lite_is_that_of_the_command_line(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(clip.parent / "cache"))
    saved = tmp_path / "saved.json"
    command = ["ask", str(clip), "How many?", "--encoder", "hashing", "--policy", "lite", "--max-turns", "5"]
    main(["index", str(clip), "--encoder", "hashing"])  # a search of half an index finds other frames
    capsys.readouterr()
    main([*command, "--save", str(saved), "--json"])
    with sleuth(clip, "lite") as asked:
        result = asked.ask(clip, "How many?", max_turns=5)
    assert timeless(result.trajectory) == timeless(load(saved))
    told, printed = result.as_data(), json.loads(capsys.readouterr().out)
    assert told.keys() == {"status", "error", *printed}
    assert {name: told[name] for name in printed if name != "usage"} | {"usage": printed["usage"]} == printed


def test_events_are_told_in_order_and_are_plain_json(clip: Path) -> None:
    with sleuth(clip) as asked:
        events = list(asked.stream(clip, "How many?"))
    kinds = [type(event) for event in events]
    assert kinds == [RunStarted, TurnTaken, ToolCalled, ToolReturned, TurnTaken, AnswerProposed, RunFinished]
    assert len({event.run_id for event in events}) == 1
    finished = events[-1]
    assert isinstance(finished, RunFinished)
    assert finished.result.text == "four"
    data = [event.as_data() for event in events]
    assert json.loads(json.dumps(data)) == data
    assert [one["event"] for one in data] == [
        "run_started", "turn_taken", "tool_called", "tool_returned", "turn_taken", "answer_proposed", "run_finished"
    ]  # fmt: skip
    assert data[2]["arguments"] == {"start": 0.0, "stop": 1.0, "count": 2}
    assert data[-1]["result"]["answer"] == "four"


def test_a_run_that_is_cancelled_ends_at_once_with_what_there_is(clip: Path, waiting: WaitingPolicy) -> None:
    with sleuth(clip, waiting) as asked:
        run = asked.start(clip, "How many?")
        assert waiting.is_waiting.wait(20)
        begun = time.monotonic()
        run.cancel()
        result = run.result(10)
        assert time.monotonic() - begun < 1.0
        assert (result.status, result.text, result.trajectory.stop) == ("cancelled", "", Stop.INTERRUPTED)
        assert len(result.trajectory.steps) == 1
        assert isinstance(list(run)[-1], RunFinished)


def test_a_run_that_is_cancelled_before_its_video_is_open_is_on_record_too(clip: Path) -> None:
    with sleuth(clip, MeetingPolicy(2), max_concurrent=1) as asked:
        first, second = asked.start(clip, "one?"), asked.start(clip, "two?")
        second.cancel()
        first.cancel()
        assert second.result(10).status == "cancelled"
        assert [type(event) for event in second] == [RunStarted, RunFinished]
        assert from_json(to_json(second.result().trajectory)) == second.result().trajectory


def test_whoever_stops_reading_or_waiting_ends_the_run(clip: Path, waiting: WaitingPolicy) -> None:
    async def wait_a_little(asked: Sleuth) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asked.aask(clip, "How many?"), 3.0)

    with sleuth(clip, waiting) as asked:
        events = asked.stream(clip, "How many?")
        assert isinstance(next(events), RunStarted)
        events.close()
        asyncio.run(wait_a_little(asked))
        begun = time.monotonic()
    assert time.monotonic() - begun < 2.0  # nothing is left to be waited for


def test_asyncio_has_the_same_answer_and_events(clip: Path) -> None:
    async def ask_twice(asked: Sleuth) -> tuple[str, list[str]]:
        kinds = [event.name async for event in asked.astream(clip, "How many?")]
        return (await asked.aask(clip, "How many?")).text, kinds

    with sleuth(clip) as asked:
        text, kinds = asyncio.run(ask_twice(asked))
        assert kinds == [event.name for event in asked.stream(clip, "How many?")]
    assert text == "four"


def test_more_questions_are_played_at_once_than_asyncio_has_threads(clip: Path) -> None:
    async def ask_all(asked: Sleuth) -> list[str]:
        results = await asyncio.gather(*(asked.aask(clip, f"{number}?") for number in range(16)))
        return [result.text for result in results]

    with sleuth(clip, MeetingPolicy(16)) as asked:
        assert asyncio.run(ask_all(asked)) == [f"{number}?" for number in range(16)]
        assert [r.text for r in asked.ask_many(clip, [f"{n}!" for n in range(16)])] == [f"{n}!" for n in range(16)]


def test_many_threads_may_ask_one_sleuth(clip: Path) -> None:
    texts: list[str] = []
    with sleuth(clip, MeetingPolicy(8)) as asked:
        threads = [threading.Thread(target=lambda n=n: texts.append(asked.ask(clip, f"{n}?").text)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(texts) == [f"{number}?" for number in range(8)]


def test_a_bad_input_is_a_value_error_wherever_it_is_asked(clip: Path, tmp_path: Path) -> None:
    with sleuth(clip) as asked:
        with pytest.raises(ValueError, match="no such file"):
            asked.ask(tmp_path / "none.mp4", "How many?")
        with pytest.raises(ValueError, match="no such file"):
            list(asked.stream(tmp_path / "none.mp4", "How many?"))
        with pytest.raises(ValueError, match="no such file"):
            asyncio.run(asked.aask(tmp_path / "none.mp4", "How many?"))
        with pytest.raises(ValueError, match="the question is empty"):
            asked.ask(clip, " ")
        with pytest.raises(ValueError, match="past the end of the video"):
            asked.ask(clip, "What happens next?", task="predict", until_seconds=80.0)
        with pytest.raises(TypeError, match="unknown: max_second; what can be said"):
            asked.ask(clip, "How many?", max_second=3)  # type: ignore[call-arg]
        assert asked.ask(clip, "How many?").text == "four"


def test_what_breaks_a_run_is_on_record(clip: Path) -> None:
    class BrokenPolicy(MeetingPolicy):
        def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
            raise KeyError("a slip")

    with sleuth(clip, BrokenPolicy(1)) as asked:
        result = asked.ask(clip, "How many?")
    assert result.status == "crashed"
    assert "a slip" in result.error


def test_encoder_and_captioner_may_be_ones_own(clip: Path) -> None:
    class OwnCaptioner:
        def describe(self, frames: Any, focus: str = "") -> tuple[Finding, ...]:
            return (Finding("caption", 0.0, 1.0, f"{len(frames)} frames of my own"),)

    encoded: list[str] = []

    class OwnEncoder(HashingEncoder):
        def encode_texts(self, texts: Any) -> Any:
            encoded.extend(texts)
            return super().encode_texts(texts)

    looks = Calls((ToolCall("t1c1", "caption", {}), ToolCall("t1c2", "search_frames", {"query": "a ball"})))
    policy = ScriptedPolicy([Turn("", looks), Turn("", Answer("done"))])
    with Sleuth(policy, encoder=OwnEncoder(), captioner=OwnCaptioner(), cache=clip.parent / "cache") as asked:
        result = asked.ask(clip, "What is there?")
    assert "frames of my own" in result.trajectory.results[0].observation.text
    assert encoded == ["a ball"]


def test_it_shows_itself_on_a_terminal_and_in_a_notebook_after_it_is_closed(clip: Path) -> None:
    with sleuth(clip) as asked:
        result = asked.ask(clip, "How many?")
    console = Console(width=60, record=True, file=io.StringIO())
    console.print(result)
    assert console.export_text().startswith("four\nconfidence 80 %")
    page = result._repr_html_()
    assert page.startswith("<iframe srcdoc=")
    assert page.count("data:image/jpeg") >= 2
    assert "<script" not in page


def test_a_closed_sleuth_says_so(clip: Path) -> None:
    asked = sleuth(clip)
    asked.close()
    with pytest.raises(RuntimeError, match="this Sleuth is closed"):
        asked.ask(clip, "How many?")


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys; from agent import Sleuth; Sleuth('lite')\n"
        "print([name for name in ('numpy', 'torch', 'pydantic', 'langgraph', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
