"""Self-consistency: the answer that most of several runs give, with more frames while they disagree.

Sparse to dense (Video-RTS, section 3.3): every round makes N runs with seeds of their own; if all give one answer it is
taken, else the next round shows twice as many frames, up to three rounds. The strategy `uncertain` puts a round before
that has the first look alone, and looks with tools only where its answers disagree.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from agent.rendering.sanitize import quote_said
from agent.trajectory import VOTES, Answer, Limits, Sample, Stop, Strategy, Trajectory, Vote, is_same_answer

MAX_ROUNDS = 3
"""Rounds at most; each doubles the number of frames (see above)."""

BROKEN_OFF = (Stop.CRASHED, Stop.POLICY_FAILED, Stop.INTERRUPTED)
"""Ends after which no other run is started: what broke one would break the next, or the user wants out."""

GLANCES = 3
"""Answers from the first look alone, of which all must be one; as many as make a disagreement likely to be seen."""
AT_ONCE = "Answer at once, from this alone."

Play = Callable[[int, int, Limits], Trajectory]
"""A function (sample, density, limits) -> one run; the samples of all rounds are numbered through."""


class PlayTold(Protocol):
    """A function that makes one run whose policy is told something behind the first look."""

    def __call__(self, number: int, density: int, left: Limits, notice: str = "") -> Trajectory:
        """The run.

        Args:
            number: index of the run, from 0.
            density: factor on the number of frames of the first look.
            left: bounds of the run.
            notice: what the policy is told.
        """
        ...


def count_most_runs(strategy: Strategy, samples: int) -> int:
    """The number of runs that one question may take, each of which has a seed of its own."""
    looks = 1 if samples == 1 else samples * MAX_ROUNDS
    return GLANCES + looks if strategy == "uncertain" else looks


def ask_where_unsure(play: PlayTold, samples: int, limits: Limits, vote: Vote = "majority") -> Trajectory:
    """The answer of several runs that have the first look alone, or of runs with all tools where these disagree.

    Args:
        play: makes one run.
        samples: runs a round where they disagree; 1 is one run without a vote.
        limits: bounds of each run; `max_cost_usd` and `max_seconds` bound all together.
        vote: what a run's vote weighs.
    """
    glances: list[Trajectory] = []

    def glance(number: int, density: int, left: Limits) -> Trajectory:
        glances.append(play(number, density, replace(left, max_turns=1), AT_ONCE))
        return glances[-1]

    first = ask_with_voting(glance, GLANCES, limits, 1, vote)
    if first.stop in BROKEN_OFF:
        return first
    if len(glances) == GLANCES and _is_unanimous(glances):
        return replace(first, stop=Stop.ANSWERED)
    left = compute_limits_left(limits, glances)
    if left is None:
        return first

    def look(number: int, density: int, left: Limits) -> Trajectory:
        return play(GLANCES + number, density, left, _tell_answers(glances))

    second = look(0, 1, left) if samples == 1 else ask_with_voting(look, samples, left, vote=vote)
    looks = [replace(one, round=one.round + 1) for one in second.samples] or [make_sample(second, 2)]
    chosen = first if second.answer is None and second.stop not in BROKEN_OFF else second
    return replace(chosen, samples=(*first.samples, *looks), limits=limits)


def _tell_answers(runs: Sequence[Trajectory]) -> str:
    """What the policy is told of answers that disagree."""
    counted = Counter(run.answer.text for run in runs if run.answer is not None)
    told = ", ".join(f"{quote_said(text)} ({count})" for text, count in counted.most_common())
    answers = f"the answers were: {told}" if told else "there was no answer"
    return (
        f"Asked {len(runs)} times from this first look alone, {answers}. Look where that can be decided, then answer."
    )


def ask_with_voting(
    play: Play, samples: int, limits: Limits, max_rounds: int = MAX_ROUNDS, vote: Vote = "majority"
) -> Trajectory:
    """The first run that gives the answer of most runs of the last round, with all runs among its samples.

    A run without an answer votes for none; one that was broken off ends the voting and is given back. Of answers with
    equally many votes the first wins. The limits of cost and time hold for all runs together: where one is used up, no
    other run is started.

    Args:
        play: makes one run.
        samples: runs a round, at least 2.
        limits: bounds of each run; `max_cost_usd` and `max_seconds` bound all together.
        max_rounds: how often at most the density is doubled, plus one.
        vote: what a run's vote weighs.

    Raises:
        ValueError: fewer than two samples, or no such vote.
    """
    if vote not in VOTES:
        raise ValueError(f"there is no vote by {vote!r}: need one of {', '.join(VOTES)}")
    if samples < 2:
        raise ValueError(f"need at least 2 samples to compare, got {samples}")
    played: list[tuple[int, Trajectory]] = []
    for number in range(max_rounds):
        for _ in range(samples):
            left = compute_limits_left(limits, [run for _, run in played])
            if left is None:
                break
            run = play(len(played), 2**number, left)
            played.append((number + 1, run))
            if run.stop in BROKEN_OFF:
                return replace(run, samples=tuple(make_sample(r, round_) for round_, r in played), limits=limits)
        last = [run for round_, run in played if round_ == number + 1]
        if len(last) < samples or _is_unanimous(last):
            break
    final = played[-1][0]
    chosen = _choose_majority([run for round_, run in played if round_ == final], vote)
    return replace(chosen, samples=tuple(make_sample(run, round_) for round_, run in played), limits=limits)


def compute_limits_left(limits: Limits, played: Sequence[Trajectory]) -> Limits | None:
    """The limits of the next run; None if there is no money or no time left for another."""
    if not played:
        return limits
    cost_usd = _subtract(limits.max_cost_usd, [run.cost_usd or 0.0 for run in played])
    seconds = _subtract(limits.max_seconds, [run.seconds for run in played])
    is_used_up = any(left is not None and left <= 0 for left in (cost_usd, seconds))
    return None if is_used_up else replace(limits, max_cost_usd=cost_usd, max_seconds=seconds)


def _subtract(limit: float | None, spent: Sequence[float]) -> float | None:
    return None if limit is None else limit - sum(spent)


def _is_unanimous(runs: Sequence[Trajectory]) -> bool:
    answers = [run.answer for run in runs]
    return all(a is not None and answers[0] is not None and is_same_answer(answers[0], a) for a in answers)


def _choose_majority(runs: Sequence[Trajectory], vote: Vote) -> Trajectory:
    def votes(answer: Answer | None) -> float:
        if answer is None:
            return 0
        agreeing = (run.answer for run in runs if run.answer is not None and is_same_answer(answer, run.answer))
        return sum(1.0 if vote == "majority" else _read_confidence(one) for one in agreeing)

    return max(runs, key=lambda run: votes(run.answer))  # the first of equals


def _read_confidence(answer: Answer) -> float:
    """The stated confidence; 1/2 where none is stated, and 0 for what claims nothing."""
    if answer.cannot_tell:
        return 0.0
    return 0.5 if answer.confidence is None else answer.confidence


def make_sample(run: Trajectory, number: int) -> Sample:
    """The summary of a run of a round."""
    return Sample(run.answer, len(run.frames_seen), run.usage, number)
