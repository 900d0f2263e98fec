"""A value is computed once, whoever asks for it and whatever happens to the one who computes it."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tools.runtime.once import OnceCache


def test_threads_that_ask_at_the_same_time_share_one_computation() -> None:
    calls: list[list[int]] = []
    meet = threading.Barrier(8)

    def square(keys: Sequence[int]) -> dict[int, int]:
        calls.append(list(keys))
        return {key: key * key for key in keys}

    once = OnceCache(square, 10)

    def ask(_: int) -> int:
        meet.wait()
        return once.get(3)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [9] * 8
    assert calls == [[3]]


def test_what_is_asked_for_next_is_computed_along() -> None:
    calls: list[list[int]] = []

    def keep(keys: Sequence[int]) -> dict[int, int]:
        calls.append(sorted(keys))
        return {key: -key for key in keys}

    once = OnceCache(keep, 10)
    assert once.get(2, beside=(1, 2, 3)) == -2
    assert (once.get(3), once.get(4, beside=(3, 5)), once.get(5)) == (-3, -4, -5)
    assert calls == [[1, 2, 3], [4, 5]]


def test_those_unused_for_longest_make_room_and_room_can_grow() -> None:
    calls: list[int] = []
    once = OnceCache(lambda keys: calls.extend(keys) or dict.fromkeys(keys, 0), 2)
    for key in (1, 2, 1, 3, 1, 2):  # 2 was unused for longest when 3 came
        once.get(key)
    assert calls == [1, 2, 3, 2]
    once.make_room(3)
    for key in (3, 1, 2, 3, 1, 2):
        once.get(key)
    assert calls == [1, 2, 3, 2, 3]


def test_one_that_fails_is_computed_by_the_next_who_waits_for_it() -> None:
    begun, go = threading.Event(), threading.Event()

    def compute(keys: Sequence[str]) -> dict[str, str]:
        if not begun.is_set():
            begun.set()
            go.wait(5)
            raise ZeroDivisionError("the first is stopped")
        return {key: key.upper() for key in keys}

    once = OnceCache(compute, 2)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(once.get, "a")
        begun.wait(5)
        second = pool.submit(once.get, "a")
        go.set()
        with pytest.raises(ZeroDivisionError):
            first.result(5)
        assert second.result(5) == "A"
