"""Rollouts of the next step, sampled in the background while the current step is trained on."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from evals.runner.run_file import Key
from rl.sampling.sampler import Rollout


class EarlyRollouts:
    """The rollouts of at most one coming step."""

    def __init__(self, play: Callable[[Sequence[Key]], list[Rollout]]) -> None:
        """Starts nothing yet.

        Args:
            play: samples rollouts by an engine that needs nothing of the model in training.
        """
        self._play = play
        self._pool = ThreadPoolExecutor(1, "rollouts")
        self._started: tuple[tuple[Key, ...], int, Future[list[Rollout]]] | None = None

    def start(self, keys: Sequence[Key], step: int) -> None:
        """Begins to sample.

        Args:
            keys: the rollouts that the next step will ask for.
            step: step of the weights that sample.
        """
        self._started = (tuple(keys), step, self._pool.submit(self._play, tuple(keys)))

    def wait(self) -> float:
        """Waits for the end of what was begun, since weights may change only then; gives the seconds."""
        begun = time.perf_counter()
        if self._started is not None:
            self._started[2].exception()
        return time.perf_counter() - begun

    def take(self, keys: Sequence[Key]) -> tuple[list[Rollout], int] | None:
        """The rollouts that were begun, and the step of their weights; None where others were foreseen, or none.

        Raises:
            PolicyError: the engine failed.
        """
        if self._started is None or self._started[0] != tuple(keys):
            return None
        (_, step, played), self._started = self._started, None
        return played.result(), step
