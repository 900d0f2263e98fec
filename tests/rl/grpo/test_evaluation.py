"""Held-out questions are played every few steps, shared among processes, and never those that are trained on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.trajectory import Answer, Calls, Question, Step, Stop, Trajectory, Turn, VideoFacts
from evals.example import Example
from evals.runner.run_file import Key
from rl.data.questions import open_questions
from rl.grpo.config import Training
from rl.grpo.evaluation import Evaluator
from rl.train import _open_held_out

EXAMPLES = {key: Example(Question("v.mp4", f"Which city is {key}?", id=key), "Paris") for key in "abcde"}
ANSWERS = {"a": "Paris", "b": "Rome", "c": "Paris", "d": None, "e": "Paris"}


def play(keys: Sequence[Key]) -> list[Trajectory]:
    """One crashes, all others answer in their second turn."""
    played = []
    for key, _ in keys:
        run = Trajectory(EXAMPLES[key].question, VideoFacts("", 1.0, 1, 1))
        answer = ANSWERS[key]
        if answer is None:
            played.append(run.ended(Stop.CRASHED, "a bug"))
            continue
        steps = (Step(Turn("", Calls(()))), Step(Turn("", Answer(answer))))
        played.append(replace(run, steps=steps).ended(Stop.ANSWERED))
    return played


def evaluator(place: tuple[int, int] = (0, 1), every: int = 2) -> tuple[Evaluator, dict[str, float]]:
    recorded: dict[str, float] = {}
    return Evaluator(EXAMPLES, every, play, list, recorded.__setitem__, place), recorded


def test_right_answers_are_counted_among_those_that_can_be_scored() -> None:
    one, _ = evaluator()
    assert one.measure() == {"evaluation/scored": 4 / 5, "evaluation/right": 3 / 4, "evaluation/turns": 2.0}


def test_processes_share_the_questions_and_all_know_the_whole() -> None:
    told: list[Any] = []
    for rank in (0, 1):
        Evaluator(EXAMPLES, 1, play, lambda items: told.extend(items) or items, print, (rank, 2)).measure()
    assert len(told) == len(EXAMPLES)


@pytest.mark.parametrize(("step", "is_due"), [(1, False), (2, True), (3, False), (5, True)])
def test_it_is_due_every_few_steps_and_after_the_last(step: int, is_due: bool) -> None:
    one, recorded = evaluator()
    one.on_step_end(None, SimpleNamespace(global_step=step, max_steps=5), None)
    assert bool(recorded) == is_due


def test_questions_that_are_trained_on_are_refused(tmp_path: Path) -> None:
    data = "drawn,level=1,count=2"
    wanted = Training.model_validate({"model": "m", "out": tmp_path, "data": data, "evaluation": {"data": data}})
    sampler: Any = SimpleNamespace(options=SimpleNamespace(concurrency=1), setup=None)
    with pytest.raises(ValueError, match=r"has \d+ questions that are trained on: take held-out ones"):
        _open_held_out(wanted, open_questions(data, 2), sampler, print)
