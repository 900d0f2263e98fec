"""Opens the videos of the next step's questions during the update, so that their index is in the cache by then.

Cold, a composed video of level 1 takes 8 CPU seconds with the default encoder, one of level 3 22; from the cache 0.1
(`make_toolbox`, `index.wait_tiled()`; one thread). Where the model is on a GPU, CPUs have that time to spare while it
is updated; where it is on the CPU, none is idle, and nothing is prefetched.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress


class VideoPrefetcher:
    """Opens videos in one background thread, in the order in which their questions come."""

    def __init__(self, open_: Callable[[str], None], order: Sequence[str], at_once: int) -> None:
        """Starts the thread; nothing is opened before `played`.

        Args:
            open_: opens the video of a question, and leaves in the cache what it found.
            order: the questions, as they will come.
            at_once: questions of a step.
        """
        self._open, self._order, self._at_once = open_, tuple(order), at_once
        self._begun = 0
        self._pool = ThreadPoolExecutor(1, "ahead")
        self.opening: list[Future[None]] = []
        """Videos of the next step that are being opened."""

    def played(self, steps: int) -> None:
        """Opens the videos of the next step, now that `steps` have been sampled; those of passed steps are skipped."""
        self._begun = max(self._begun, steps * self._at_once)
        wanted = self._order[self._begun : (steps + 1) * self._at_once]
        self._begun += len(wanted)
        self.opening = [self._pool.submit(self._try, question) for question in wanted]

    def close(self) -> None:
        """Stops after the video that is being opened."""
        self._pool.shutdown(cancel_futures=True)

    def _try(self, question: str) -> None:
        with suppress(Exception):  # an error of a video comes again at its rollout, and is reported there
            self._open(question)
