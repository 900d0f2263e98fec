"""The graph around `step`: same record with and without it, kept, resumed, interrupted, crashed."""

import re
from pathlib import Path
from typing import Any

import pytest

from agent.checkpoint import sqlite_checkpointer
from agent.graph import Players, build_graph, run
from agent.policy import ScriptedPolicy, Sight, open_policy, recorded_turns
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Limits,
    Question,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    VideoFacts,
    to_json,
)
from agent.transition import step
from evals.loop_cost import measure
from tools.observation import Finding, FrameRef, Observation

START = Trajectory(Question("v.mp4", "what?"), VideoFacts("0" * 32, 60.0, 640, 360), limits=Limits(max_turns=6))
LOOKS = tuple(Turn(f"look at {n}", Calls((ToolCall(f"t{n}c1", "look", {"seconds": n}),))) for n in (1, 2, 3))
CITED = Answer("three", confidence=0.8, evidence=(Evidence(3.0, 4.0, ("t3c1",)),))
TURNS = (*LOOKS, Turn("enough", CITED))


class Looker:
    """One tool, which raises whatever was put in for a second."""

    def __init__(self, raises: dict[int, BaseException] | None = None) -> None:
        self.raises = raises or {}
        self.ran: list[int] = []

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        second = arguments["seconds"]
        if second in self.raises:
            raise self.raises.pop(second)
        self.ran.append(second)
        found = (Finding("text", second, second + 1, f"number {second}"),)
        return Observation(f"number {second}", (FrameRef(float(second), 360, 640),), found)


def without_seconds(trajectory: Trajectory) -> str:
    return re.sub(r'"seconds":\d+\.\d+(e-?\d+)?', "", to_json(trajectory))


def test_the_graph_plays_exactly_what_step_alone_plays() -> None:
    by_hand = START
    for turn in TURNS:
        by_hand = step(by_hand, turn, Looker())
    in_graph = run(START, Players(ScriptedPolicy(TURNS), Looker(), verify=False))
    assert without_seconds(in_graph) == without_seconds(by_hand)
    assert in_graph.stop is Stop.ANSWERED


def test_every_turn_and_every_step_is_streamed_in_order() -> None:
    events: list[str] = []
    players = Players(ScriptedPolicy(TURNS), Looker(), verify=False)
    run(START, players, on_event=lambda e: events.append(type(e).__name__))
    assert events == ["Turn", "Trajectory"] * 4


def test_a_bug_ends_it_as_crashed_with_what_was_reached() -> None:
    ended = run(START, Players(ScriptedPolicy(TURNS), Looker({2: ZeroDivisionError("ours")})))
    assert ended.stop is Stop.CRASHED
    assert len(ended.steps) == 1
    assert "ZeroDivisionError: ours" in ended.error


def test_ctrl_c_gives_back_what_was_reached() -> None:
    ended = run(START, Players(ScriptedPolicy(TURNS), Looker({3: KeyboardInterrupt()})))
    assert (ended.stop, len(ended.steps)) == (Stop.INTERRUPTED, 2)


def test_a_run_resumes_from_its_checkpoint_and_no_tool_runs_again(tmp_path: Path) -> None:
    with sqlite_checkpointer(tmp_path / "runs.sqlite") as saver:
        graph = build_graph(saver)
        first = Looker({3: KeyboardInterrupt()})
        run(START, Players(ScriptedPolicy(TURNS), first), graph=graph, thread_id="q1")
    with sqlite_checkpointer(tmp_path / "runs.sqlite") as saver:
        graph = build_graph(saver)
        second = Looker()
        players = Players(ScriptedPolicy(TURNS), second, verify=False)
        ended = run(START, players, graph=graph, thread_id="q1", resume=True)
    straight = run(START, Players(ScriptedPolicy(TURNS), Looker(), verify=False))
    assert (first.ran, second.ran) == ([1, 2], [3])
    assert without_seconds(ended) == without_seconds(straight)


def test_without_resume_the_same_run_starts_again(tmp_path: Path) -> None:
    with sqlite_checkpointer(tmp_path / "runs.sqlite") as saver:
        graph = build_graph(saver)
        run(START, Players(ScriptedPolicy(TURNS), Looker({2: KeyboardInterrupt()})), graph=graph, thread_id="q1")
        again = Looker()
        run(START, Players(ScriptedPolicy(TURNS), again, verify=False), graph=graph, thread_id="q1")
    assert again.ran == [1, 2, 3]


class EvidenceReader:
    """Answers from the last finding it is shown, and keeps what it was shown."""

    spec = "reader"

    def __init__(self) -> None:
        self.seen: list[Trajectory] = []

    def __call__(self, trajectory: Trajectory, sight: Sight) -> Turn:
        self.seen.append(trajectory)
        if len(trajectory.steps) < 3 and trajectory.limits.max_turns > 1:
            return LOOKS[len(trajectory.steps)]
        words = [f.text for f in trajectory.findings()]
        evidence = (Evidence(3.0, 4.0, ("t3c1",)),)
        return Turn("", Answer(words[0], confidence=0.8, evidence=evidence))


def test_the_second_look_sees_the_evidence_alone_and_disagreement_lowers_the_confidence() -> None:
    reader = EvidenceReader()
    ended = run(START, Players(reader, Looker()))
    last = reader.seen[-1]
    # it answered "number 1", but the evidence it named is second 3
    assert [f.text for f in last.findings()] == ["number 3"]
    assert ended.verification is not None
    assert not ended.verification.agrees
    # (2 * 0.8 + 1 of 2) / (2 + 2)
    assert ended.confidence == pytest.approx(0.65)


def test_a_replay_of_the_recorded_turns_gives_the_same_observations() -> None:
    first = run(START, Players(ScriptedPolicy(TURNS), Looker(), verify=False))
    again = run(START, Players(ScriptedPolicy(recorded_turns(first)), Looker(), verify=False))
    assert [r.observation for r in again.results] == [r.observation for r in first.results]


def test_an_unknown_policy_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"known are .*lite, scripted"):
        open_policy("gpt-12")


def test_checkpoints_hold_references_and_no_pictures() -> None:
    cost = measure(repeats=1)
    assert 0 < cost.stored_bytes <= 1.2 * cost.frame_bytes


def test_a_finished_run_leaves_nothing_in_the_checkpoint_file(tmp_path: Path) -> None:
    with sqlite_checkpointer(tmp_path / "runs.sqlite") as saver:
        run(START, Players(ScriptedPolicy(TURNS), Looker(), verify=False), graph=build_graph(saver), thread_id="q1")
        assert list(saver.list(None)) == []
