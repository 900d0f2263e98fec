"""A video is opened once for all its questions, and closed after the last of them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from evals.runner.shared_toolboxes import SharedToolboxes


class Opened:
    """A toolbox that only remembers whether it is open."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_open = True

    def close(self) -> None:
        assert self.is_open, "closed twice"
        self.is_open = False


class Shelf:
    """Opens, and keeps all that it opened."""

    def __init__(self) -> None:
        self.opened: list[Opened] = []

    def __call__(self, path: str) -> Any:
        self.opened.append(Opened(path))
        return self.opened[-1]


def test_a_video_is_opened_once_and_closed_after_its_last_question() -> None:
    shelf = Shelf()
    toolboxes = SharedToolboxes(["a", "a", "b"], shelf)
    with toolboxes.use("a") as first:
        pass
    assert shelf.opened[0].is_open
    with toolboxes.use("a") as second:
        assert second is first
    assert [(o.path, o.is_open) for o in shelf.opened] == [("a", False)]


def test_threads_that_come_together_share_one_toolbox() -> None:
    shelf, together = Shelf(), threading.Barrier(4, timeout=10)
    toolboxes = SharedToolboxes(["a"] * 4, shelf)

    def use() -> None:
        with toolboxes.use("a") as toolbox:
            together.wait()
            assert toolbox.is_open  # type: ignore[attr-defined]

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(use) for _ in range(4)]:
            done.result()
    assert [o.is_open for o in shelf.opened] == [False]


def test_a_question_that_breaks_off_still_counts_as_asked() -> None:
    shelf = Shelf()
    toolboxes = SharedToolboxes(["a"], shelf)
    with pytest.raises(KeyboardInterrupt), toolboxes.use("a"):
        raise KeyboardInterrupt
    assert not shelf.opened[0].is_open


def test_close_closes_what_was_never_used_to_the_end() -> None:
    shelf = Shelf()
    toolboxes = SharedToolboxes(["a", "a"], shelf)
    with toolboxes.use("a"):
        pass
    toolboxes.close()
    assert not shelf.opened[0].is_open
