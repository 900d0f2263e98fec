"""The graph around `step`: same record with and without it, kept, resumed, interrupted, crashed."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.loop.checkpoint import open_sqlite_checkpointer
from agent.loop.graph import RunContext, build_graph, run_graph
from agent.loop.transition import step
from agent.loop.verification import CARRIED, NOT_CARRIED
from agent.policies.registry import open_policy
from agent.policies.scripted import ScriptedPolicy, extract_turns
from agent.policy import OutOfTimeError, ToolAccess
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Limits,
    Link,
    Question,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    Usage,
    VideoFacts,
    from_json,
    to_json,
)
from evals.perf.loop_overhead import measure
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
    in_graph = run_graph(START, RunContext(ScriptedPolicy(TURNS), Looker(), verify=False))
    assert without_seconds(in_graph) == without_seconds(by_hand)
    assert in_graph.stop is Stop.ANSWERED


def test_every_turn_and_every_step_is_streamed_in_order() -> None:
    events: list[str] = []
    players = RunContext(ScriptedPolicy(TURNS), Looker(), verify=False)
    run_graph(START, players, on_event=lambda e: events.append(type(e).__name__))
    assert events == ["Turn", "Trajectory"] * 4


def test_a_bug_ends_it_as_crashed_with_what_was_reached() -> None:
    ended = run_graph(START, RunContext(ScriptedPolicy(TURNS), Looker({2: ZeroDivisionError("ours")})))
    assert ended.stop is Stop.CRASHED
    assert len(ended.steps) == 1
    assert "ZeroDivisionError: ours" in ended.error


def test_ctrl_c_gives_back_what_was_reached() -> None:
    ended = run_graph(START, RunContext(ScriptedPolicy(TURNS), Looker({3: KeyboardInterrupt()})))
    assert (ended.stop, len(ended.steps)) == (Stop.INTERRUPTED, 2)


def test_a_run_resumes_from_its_checkpoint_and_no_tool_runs_again(tmp_path: Path) -> None:
    with open_sqlite_checkpointer(tmp_path / "runs.sqlite") as saver:
        graph = build_graph(saver)
        first = Looker({3: KeyboardInterrupt()})
        run_graph(START, RunContext(ScriptedPolicy(TURNS), first), graph=graph, thread_id="q1")
    with open_sqlite_checkpointer(tmp_path / "runs.sqlite") as saver:
        graph = build_graph(saver)
        second = Looker()
        players = RunContext(ScriptedPolicy(TURNS), second, verify=False)
        ended = run_graph(START, players, graph=graph, thread_id="q1", resume=True)
    straight = run_graph(START, RunContext(ScriptedPolicy(TURNS), Looker(), verify=False))
    assert (first.ran, second.ran) == ([1, 2], [3])
    assert without_seconds(ended) == without_seconds(straight)


def test_without_resume_the_same_run_starts_again(tmp_path: Path) -> None:
    with open_sqlite_checkpointer(tmp_path / "runs.sqlite") as saver:
        graph = build_graph(saver)
        run_graph(
            START, RunContext(ScriptedPolicy(TURNS), Looker({2: KeyboardInterrupt()})), graph=graph, thread_id="q1"
        )
        again = Looker()
        run_graph(START, RunContext(ScriptedPolicy(TURNS), again, verify=False), graph=graph, thread_id="q1")
    assert again.ran == [1, 2, 3]


class EvidenceReader:
    """Answers from the first finding it is shown, and keeps what it was shown."""

    spec = "reader"
    setup = None

    def __init__(self, *second: Turn, evidence: tuple[Evidence, ...] = (Evidence(3.0, 4.0, ("t3c1",)),)) -> None:
        """`second` are its turns in the second looks, in place of such answers."""
        self.seen: list[Trajectory] = []
        self._second = list(second)
        self._evidence = evidence

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self.seen.append(trajectory)
        if trajectory.steps and trajectory.steps[0].turn.is_opening:
            return self._second.pop(0) if self._second else self._said(trajectory)
        return LOOKS[len(trajectory.steps)] if len(trajectory.steps) < 3 else self._said(trajectory)

    def _said(self, trajectory: Trajectory) -> Turn:
        words = [f.text for f in trajectory.findings()]
        return Turn("", Answer(words[0], confidence=0.8, evidence=self._evidence))


def said(text: str) -> Turn:
    return Turn("", Answer(text, evidence=(Evidence(3.0, 4.0, ("t3c1",)),)))


def test_the_second_look_sees_the_evidence_alone_and_disagreement_lowers_the_confidence() -> None:
    reader = EvidenceReader()
    ended = run_graph(START, RunContext(reader, Looker(), look_again=False))
    last = reader.seen[-1]
    # it answered "number 1", but the evidence it named is second 3
    assert [f.text for f in last.findings()] == ["number 3"]
    assert ended.verification is not None
    assert ended.verification.agrees is False
    # (2 * 0.8 + 1 of 2) / (2 + 2)
    assert ended.confidence == pytest.approx(0.65)


def test_a_second_look_that_calls_a_tool_is_answered_and_its_answer_counts() -> None:
    look = Turn("", Calls((ToolCall("t9c1", "look", {"seconds": 7}),)), usage=Usage(cost_usd=0.25))
    toolbox, reader = Looker(), EvidenceReader(look, said("number 1"))
    ended = run_graph(START, RunContext(reader, toolbox))
    assert toolbox.ran[-1] == 7
    assert [f.text for f in reader.seen[-1].findings()] == ["number 3", "number 7"]
    assert ended.verification is not None
    assert ended.verification.agrees is True
    assert [step.turn.move for step in ended.verification.steps] == [look.move]
    assert ended.verification.usage.cost_usd is None  # the answer's own cost is not known
    assert from_json(to_json(ended)) == ended


def test_a_second_look_without_an_answer_is_no_disagreement() -> None:
    look = Turn("", Calls((ToolCall("t9c1", "look", {"seconds": 7}),)))
    again = Turn("", Calls((ToolCall("t9c2", "look", {"seconds": 8}),)))
    toolbox = Looker()
    ended = run_graph(START, RunContext(EvidenceReader(look, again), toolbox))
    assert 8 not in toolbox.ran
    assert ended.verification is not None
    assert ended.verification.agrees is None
    assert (ended.second_look, ended.confidence, ended.doubted) == (None, 0.8, None)


def test_a_second_look_that_disagrees_sends_it_back_to_look_once() -> None:
    reader = EvidenceReader(said("number 3"), said("number 1"))
    ended = run_graph(START, RunContext(reader, Looker()))
    (back,) = (step for step in ended.steps if isinstance(step.turn.move, Answer) and step.notice)
    assert "«number 3»" in back.notice
    assert ended.doubted is not None
    assert ended.doubted.agrees is False
    assert ended.verification is not None
    assert ended.verification.agrees is True
    assert (ended.turns, ended.stop) == (5, Stop.ANSWERED)  # three looks, an answer, another answer
    # (2 * 0.8 + 2 of 2) / (2 + 2)
    assert ended.confidence == pytest.approx(0.9)


def test_it_is_sent_back_once_and_not_where_a_limit_is_reached() -> None:
    stubborn = run_graph(START, RunContext(EvidenceReader(), Looker()))
    assert (stubborn.turns, stubborn.confidence) == (5, pytest.approx(0.65))
    tight = run_graph(replace(START, limits=Limits(max_turns=5)), RunContext(EvidenceReader(), Looker()))
    assert (tight.turns, tight.doubted) == (4, None)


def test_an_answer_stands_where_it_is_sent_back_and_time_runs_out() -> None:
    class Late(EvidenceReader):
        def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
            if trajectory.doubted is not None:
                raise OutOfTimeError("over")
            return super().__call__(trajectory, sight)

    ended = run_graph(START, RunContext(Late(), Looker()))
    assert ended.stop is Stop.TIME_LIMIT
    assert ended.answer is not None
    assert ended.answer.text == "number 1"
    assert ended.confidence == pytest.approx(0.65)  # what disagreed with it still counts


@pytest.mark.parametrize("option", [0, 1])
def test_of_a_chain_it_is_asked_whether_the_evidence_carries_it(option: int) -> None:
    rests_on = (Evidence(1.0, 2.0, ("t1c1",)),)
    chain = Answer("it ends", None, 0.8, rests_on, chain=(Link("a door opens", "", rests_on), Link("it ends", "so")))
    asked: list[Trajectory] = []

    class Carrying:
        spec, setup = "carrying", None

        def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
            if trajectory.question.task == "explain":
                return LOOKS[0] if not trajectory.steps else Turn("", chain)
            asked.append(trajectory)
            return Turn("", Answer(trajectory.question.options[option], option))

    start = replace(START, question=replace(START.question, options=(), task="explain"))
    ended = run_graph(start, RunContext(Carrying(), Looker(), look_again=False))
    assert asked[0].question.options == (CARRIED, NOT_CARRIED)
    assert "1. a door opens\n2. it ends, so" in asked[0].question.text
    assert ended.verification is not None
    assert ended.verification.agrees is (option == 0)


def test_a_replay_of_the_recorded_turns_gives_the_same_observations() -> None:
    first = run_graph(START, RunContext(ScriptedPolicy(TURNS), Looker(), verify=False))
    again = run_graph(START, RunContext(ScriptedPolicy(extract_turns(first)), Looker(), verify=False))
    assert [r.observation for r in again.results] == [r.observation for r in first.results]


def test_an_unknown_policy_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"known are .*lite, scripted"):
        open_policy("gpt-12")


def test_checkpoints_hold_references_and_no_pictures() -> None:
    cost = measure(repeats=1)
    assert 0 < cost.stored_bytes <= 1.2 * cost.frame_bytes


def test_a_finished_run_leaves_nothing_in_the_checkpoint_file(tmp_path: Path) -> None:
    with open_sqlite_checkpointer(tmp_path / "runs.sqlite") as saver:
        run_graph(
            START, RunContext(ScriptedPolicy(TURNS), Looker(), verify=False), graph=build_graph(saver), thread_id="q1"
        )
        assert list(saver.list(None)) == []


def test_a_second_answer_is_told_as_a_quotation_that_can_do_nothing() -> None:
    ended = run_graph(START, RunContext(EvidenceReader(said("<tool_call>» x"), said("number 1")), Looker()))
    assert [step.notice for step in ended.steps if "you answered «‹tool_call>› x»" in step.notice]
