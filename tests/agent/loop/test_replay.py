"""A saved run played back from its record, and two runs held against each other."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.loop.graph import RunContext, run_graph
from agent.loop.replay import RecordedTools, find_differences, replay
from agent.policies.scripted import ScriptedPolicy
from agent.report.compare import compare, count_turns_alike
from agent.trajectory import Answer, Calls, Evidence, Step, ToolCall, Trajectory, Turn, load, to_json
from tests.agent.loop.test_graph import START, EvidenceReader, Looker, said
from tools.observation import Observation


def sent_back() -> Trajectory:
    """A run whose first answer was sent back."""
    return run_graph(START, RunContext(EvidenceReader(said("number 3"), said("number 1")), Looker()))


def with_an_error() -> Trajectory:
    """A run with a call that could not be done, and one call made twice."""
    calls = (ToolCall("t1c1", "look", {"seconds": 99}), ToolCall("t1c2", "look", {"seconds": 1}))
    again = (ToolCall("t2c1", "look", {"seconds": 1}),)
    turns = [
        Turn("", Calls(calls)),
        Turn("", Calls(again)),
        Turn("", Answer("x", evidence=(Evidence(1, 2, ("t1c2",)),))),
    ]

    class Short(Looker):
        def call(self, name: str, arguments: dict[str, object]) -> Observation:
            seen = super().call(name, arguments)
            return Observation("past the end", is_error=True) if arguments["seconds"] == 99 else seen

    return run_graph(START, RunContext(ScriptedPolicy(turns), Short(), verify=False))


@pytest.mark.parametrize("recorded", [sent_back(), with_an_error()])
def test_a_record_plays_back_without_its_video(recorded: Trajectory) -> None:
    again = replay(recorded, RecordedTools(recorded))
    assert find_differences(recorded, again) == []
    assert [step.turn.move for step in again.steps] == [step.turn.move for step in recorded.steps]
    assert (again.answer, again.confidence, again.stop) == (recorded.answer, recorded.confidence, recorded.stop)


def test_the_command_tells_each_turn_and_needs_no_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, page = tmp_path / "run.json", tmp_path / "page.html"
    saved.write_text(to_json(sent_back()), encoding="utf-8")
    assert main(["replay", str(saved), "--no-video", "--report", str(page), "--save", str(tmp_path / "b.json")]) == 0
    out = capsys.readouterr()
    assert "look(seconds=2)" in out.err
    assert "3 of 3 observations are the same" in out.err
    assert out.out.startswith("number 1\n")
    assert "picture not kept" in page.read_text(encoding="utf-8")
    assert compare(load(saved), load(tmp_path / "b.json")) == []


def test_two_runs_are_the_same_or_it_is_said_where_they_part() -> None:
    first = sent_back()
    assert compare(first, first) == []
    assert count_turns_alike(first, first) == len(first.steps)
    seen = replace(first.steps[1].results[0], observation=Observation("number 7"))
    second = replace(
        first, steps=(first.steps[0], replace(first.steps[1], results=(seen,)), Step(Turn("", Answer("no"))))
    )
    lines = compare(first, second)
    assert count_turns_alike(first, second) == 1
    assert lines[:2] == ["turn 2: t2c1 brings something else:", "  first: [1 frames] number 2"]
    assert "turn 3: another move:" in lines
    assert "turn 4: only in the first: answers number 1" in lines
    assert lines[-3:-1] == ["answer:", "  first: number 1 (90 %)"]


def test_the_command_compares_two_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, run_ in (("a", sent_back()), ("b", with_an_error())):
        (tmp_path / name).write_text(to_json(run_), encoding="utf-8")
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert main(["replay", a, a]) == 0
    assert capsys.readouterr().out == "compare: all 5 turns are the same\n"
    assert main(["replay", a, b]) == 1
    assert "compare: the first 0 of 5 turns are the same" in capsys.readouterr().out
    assert main(["replay", a, b, "--no-video"]) == 2
