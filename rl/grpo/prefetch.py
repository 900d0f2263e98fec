"""Videos of the next questions, opened while the model learns from these, so that their index waits in the cache.

Cold, a composed video of level 1 takes 8 CPU seconds with the default encoder, one of level 3 22; from the cache 0.1
(`toolbox_over`, `index.wait_tiled()`; one thread). Where the model is on a GPU, CPUs have that time to spare while it
learns; where it is on the CPU, nothing has, and nothing is opened ahead.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress


class VideoPrefetcher:
    """Opens in a thread of its own, in the order in which questions come."""

    def __init__(self, open_: Callable[[str], None], order: Sequence[str], at_once: int) -> None:
        """Opens nothing yet.

        Args:
            open_: opens the video of a question, and leaves in the cache what it found.
            order: the questions, as they will come.
            at_once: of a step.
        """
        self._open, self._order, self._at_once = open_, tuple(order), at_once
        self._begun = 0
        self._pool = ThreadPoolExecutor(1, "ahead")
        self.opening: list[Future[None]] = []
        """Of the next step."""

    def played(self, steps: int) -> None:
        """So many steps have been played: the questions of the next one are opened; those that were passed are not."""
        self._begun = max(self._begun, steps * self._at_once)
        wanted = self._order[self._begun : (steps + 1) * self._at_once]
        self._begun += len(wanted)
        self.opening = [self._pool.submit(self._try, question) for question in wanted]

    def close(self) -> None:
        """What is being opened is opened to its end, and nothing more."""
        self._pool.shutdown(cancel_futures=True)

    def _try(self, question: str) -> None:
        with suppress(Exception):  # what is wrong with a video is wrong again where it is played, and told there
            self._open(question)
