"""One video of two minutes whose answer is at 40 to 50 s, and what a model may write about it."""

from dataclasses import replace

from agent.trajectory import Question, Stop, Trajectory
from evals.example import Example
from rl.attacks import DURATION_SECONDS, write_answer, write_look
from rl.rewards.aids import Aids
from rl.rewards.catalogue import get_reward
from rl.rewards.scripted_runs import run_script

QUESTION = Question("/videos/clip_0412.mp4", "Which city does the sign name at 00:45?")
OPEN = Example(QUESTION, "Paris", evidence_seconds=(40.0, 50.0))
UNPLACED = replace(OPEN, evidence_seconds=None)
CHOICE = Example(replace(QUESTION, options=("Rome", "Paris", "Oslo")), "Paris", evidence_seconds=(40.0, 50.0))
COUNT = Example(Question("/videos/clip_0412.mp4", "How many dogs are there?"), "5")
UNSHOWN = Example(QUESTION, None)

RIGHT = (write_look(41, 49), write_answer("Paris", (41, 49)))
"""Looks in the right place, cites it, says Paris."""
WRONG = (write_look(71, 79), write_answer("Berlin", (71, 79)))
BLIND = (write_answer("Paris"),)
MESSY = ("The answer is Paris.",) * 3
"""No tags at all, three times: the game gives up."""


def run(*replies: str, example: Example = OPEN, second: str | None = None) -> Trajectory:
    return run_script(example, replies, duration_seconds=DURATION_SECONDS, second_answer=second)


def broken(stop: Stop | None) -> Trajectory:
    return replace(run(*RIGHT), stop=stop)


def value(
    name: str, trajectory: Trajectory, example: Example = OPEN, aids: Aids | None = None, **settings: object
) -> float | None:
    return get_reward(name, settings, aids)(example, trajectory)
