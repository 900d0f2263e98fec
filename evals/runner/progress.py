"""Progress of a run: rows done, time and cost of the rest, estimated from the rows so far."""

import threading
import time
from collections.abc import Callable

from agent.trajectory import Estimate, Trajectory
from evals.scoring.scoring import BROKEN_OFF, Score

_MARKS = {1.0: "right", 0.0: "wrong", None: "not scored"}


class RowProgress:
    """Counts rows and words the progress. Threads may share it."""

    def __init__(self, done: int, total: int, now: Callable[[], float] = time.monotonic) -> None:
        """Starts the clock.

        Args:
            done: rows that are there already.
            total: rows of the whole run.
            now: clock in seconds.
        """
        self._done = done
        self._total = total
        self._now = now
        self._started = now()
        self._played = 0
        self._costs: list[float] = []
        self._lock = threading.Lock()

    def row(self, trajectory: Trajectory, score: Score) -> str:
        """The progress line for a row that has just ended."""
        with self._lock:
            self._done += 1
            self._played += 1
            if (cost := trajectory.spent.cost_usd) is not None:
                self._costs.append(cost)
            parts = [
                f"{self._done}/{self._total} {trajectory.question.id}: {_outcome(trajectory, score)}",
                f"{trajectory.seconds:.1f} s",
                *self._rest(),
            ]
        return ", ".join(parts)

    def _rest(self) -> list[str]:
        left = self._total - self._done
        elapsed = self._now() - self._started
        said = [f"about {format_duration(elapsed / self._played * left)} left"] if left else []
        if any(self._costs):
            spent, each = sum(self._costs), sum(self._costs) / len(self._costs)
            said.append(f"${spent:.2f} spent" + (f", about ${each * left:.2f} to come" if left else ""))
        return said


def forecast_cost(estimate: Estimate | None, rows: int, samples: int) -> str | None:
    """A line on the cost of all rows, by the estimate for the first of them; None where nothing is paid for.

    Args:
        estimate: cost of one run of one question; None where no price is known.
        rows: number of rows to run.
        samples: samples that vote on each.
    """
    if estimate is None:
        return "what it costs is not known: no price is known for this model"
    if estimate.usual_usd == 0 and not estimate.most_usd:
        return None
    times = rows * samples
    most = "" if estimate.most_usd is None else f", ${estimate.most_usd * times:.2f} at most"
    return f"{rows} rows like the first cost about ${estimate.usual_usd * times:.2f}{most}"


def format_duration(seconds: float) -> str:
    """A duration as text: `45 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _outcome(trajectory: Trajectory, score: Score) -> str:
    if trajectory.answer is None and trajectory.stop in BROKEN_OFF:
        last = trajectory.error.strip().splitlines()[-1:] or [""]
        return f"{trajectory.stop}: {last[0]}"
    mark = _MARKS.get(score.value, f"{score.value:.2f}" if score.value is not None else "")
    return f"{mark}, {score.why}"
