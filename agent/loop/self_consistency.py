"""Self-consistency: the answer that most of several runs give, with more frames while they disagree.

Sparse to dense (Video-RTS, section 3.3): every round makes N runs with seeds of their own; if all give one answer it is
taken, else the next round shows twice as many frames, up to three rounds.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.trajectory import Answer, Limits, Sample, Stop, Trajectory, is_same_answer

MAX_ROUNDS = 3
"""Rounds at most; each doubles the number of frames (see above)."""

_BROKEN_OFF = (Stop.CRASHED, Stop.POLICY_FAILED, Stop.INTERRUPTED)
"""Ends after which no other run is started: what broke one would break the next, or the user wants out."""

Play = Callable[[int, int, Limits], Trajectory]
"""A function (sample, density, limits) -> one run; the samples of all rounds are numbered through."""


def ask_with_voting(play: Play, samples: int, limits: Limits, max_rounds: int = MAX_ROUNDS) -> Trajectory:
    """The first run that gives the answer of most runs of the last round, with all runs among its samples.

    A run without an answer votes for none; one that was broken off ends the voting and is given back. Of answers with
    equally many votes the first wins. The limits of cost and time hold for all runs together: where one is used up, no
    other run is started.

    Args:
        play: makes one run.
        samples: runs a round, at least 2.
        limits: bounds of each run; `max_cost_usd` and `max_seconds` bound all together.
        max_rounds: how often at most the density is doubled, plus one.

    Raises:
        ValueError: fewer than two samples.
    """
    if samples < 2:
        raise ValueError(f"need at least 2 samples to compare, got {samples}")
    played: list[tuple[int, Trajectory]] = []
    for number in range(max_rounds):
        for _ in range(samples):
            left = _compute_limits_left(limits, [run for _, run in played])
            if left is None:
                break
            run = play(len(played), 2**number, left)
            played.append((number + 1, run))
            if run.stop in _BROKEN_OFF:
                return replace(run, samples=tuple(_make_sample(r, round_) for round_, r in played), limits=limits)
        last = [run for round_, run in played if round_ == number + 1]
        if len(last) < samples or _is_unanimous(last):
            break
    final = played[-1][0]
    chosen = _choose_majority([run for round_, run in played if round_ == final])
    return replace(chosen, samples=tuple(_make_sample(run, round_) for round_, run in played), limits=limits)


def _compute_limits_left(limits: Limits, played: Sequence[Trajectory]) -> Limits | None:
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


def _choose_majority(runs: Sequence[Trajectory]) -> Trajectory:
    def votes(answer: Answer | None) -> int:
        if answer is None:
            return 0
        return sum(run.answer is not None and is_same_answer(answer, run.answer) for run in runs)

    return max(runs, key=lambda run: votes(run.answer))  # the first of equals


def _make_sample(run: Trajectory, number: int) -> Sample:
    return Sample(run.answer, len(run.frames_seen), run.usage, number)
