"""Stored runs written by hand: no policy, no tool, so that every figure of a report can be worked out on paper."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agent.policy import PolicyOptions
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Limits,
    Question,
    Result,
    Step,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    Usage,
    VideoFacts,
    to_json,
)
from evals.datasets.dataset import QuestionSet
from evals.runner.manifest import RunManifest, make_terms, write_manifest
from evals.runner.run_file import TRAJECTORIES
from evals.runner.run_folder import plan_control
from tools.observation import FrameRef, Observation

FRAME = FrameRef(2.5, 90, 160)
RIGHT = Answer("green", 1, 0.9, (Evidence(2.0, 4.0, ("t1c1",), (FRAME,)),))
WRONG = Answer("red", 0, 0.6, (Evidence(0.0, 1.0, ("t1c1",), (FRAME,)),))
PASSED = Answer("", not_shown=True, confidence=0.5)
A_SECOND = Usage(1.0)


def played(
    question: Question, answer: Answer | None, *, sample: int = 0, seconds: float = 10.0, usage: Usage = A_SECOND
) -> Trajectory:
    """A trajectory of two turns that cost `usage` each; without an answer it crashed in the second."""
    look = Step(
        Turn("", Calls((ToolCall("t1c1", "look", {}),)), usage), (Result("t1c1", Observation("seen", (FRAME,))),)
    )
    begun = Trajectory(question, VideoFacts("h", seconds, 160, 90), "lite", steps=(look,), sample=sample)
    if answer is None:
        return begun.ended(Stop.CRASHED, "a bug")
    return replace(begun, steps=(look, Step(Turn("", answer, usage))), stop=Stop.ANSWERED)


def asked_by(questions: QuestionSet, control: str | None = None) -> tuple[Question, ...]:
    """What a run asks."""
    return tuple(one.question for one in plan_control(questions, control).asked)


def write_run(
    folder: Path,
    questions: QuestionSet,
    data: Path,
    rows: Sequence[Trajectory],
    *,
    control: str | None = None,
    policy: str = "lite",
) -> Path:
    """A run's folder."""
    folder.mkdir(parents=True)
    lines = "".join(to_json(row) + "\n" for row in rows)
    (folder / TRAJECTORIES).write_text(lines, encoding="utf-8")
    under = make_terms(questions.name, questions.asking.entries, policy, PolicyOptions(), Limits())
    manifest = RunManifest(replace(under, control=control), str(data), None, {}, len(questions.asking.entries), 1, None)
    write_manifest(folder, manifest)
    return folder
