"""Time limits: who looks at the clock stops by itself, who does not is left behind, and nobody waits for either."""

import threading
import time
from functools import partial

import pytest

from tools.deadline import (
    Cancellation,
    OutOfTime,
    WorkCancelledError,
    acquire_in_time,
    cancellable,
    get_seconds_left,
    get_timeout_left,
    is_anyone_left_behind,
    is_time_up,
    run_in_time,
    set_deadline,
    take_until_deadline,
)


def late(gate: threading.Event, name: str) -> str:
    gate.wait(20)
    return name


def test_without_a_deadline_there_is_time_without_end() -> None:
    assert get_seconds_left() == float("inf")
    assert get_timeout_left() is None
    assert not is_time_up()


def test_a_deadline_inside_another_is_never_later() -> None:
    with set_deadline(0.2):
        with set_deadline(60.0):
            assert get_seconds_left() <= 0.2
        with set_deadline(0.0):
            assert is_time_up()
        assert not is_time_up()


@pytest.mark.clock
def test_what_was_done_in_time_comes_in_order_and_the_rest_is_left_behind() -> None:
    gate = threading.Event()
    begun = time.monotonic()
    with set_deadline(0.3):
        done = run_in_time([partial(late, gate, "slow"), lambda: "quick"], grace_seconds=0.2)
    assert time.monotonic() - begun < 2.0
    assert isinstance(done[0], OutOfTime)
    assert done[1] == "quick"
    assert is_anyone_left_behind()
    gate.set()
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(5)
    assert not is_anyone_left_behind()


def test_work_knows_its_deadline_and_shares_the_time_with_what_waits_behind_it() -> None:
    with set_deadline(9.0):
        lefts = run_in_time([get_seconds_left] * 3, workers=1)
    # three rounds are to come, then two, then one: the first may take a third
    assert [round(left) for left in lefts if isinstance(left, float)] == [3, 4, 9]


def test_what_has_not_begun_when_the_time_is_up_never_does() -> None:
    gate = threading.Event()
    begun: list[str] = []
    with set_deadline(0.1):
        done = run_in_time([partial(late, gate, "slow"), partial(begun.append, "late")], workers=1, grace_seconds=0.1)
    gate.set()
    time.sleep(0.2)
    assert [type(one) for one in done] == [OutOfTime, OutOfTime]
    assert begun == []


def test_what_work_raises_is_raised() -> None:
    def fails() -> None:
        raise ZeroDivisionError

    with set_deadline(5.0), pytest.raises(ZeroDivisionError):
        run_in_time([fails])


def test_a_lock_is_waited_for_no_longer_than_there_is_time() -> None:
    lock = threading.Lock()
    with lock, set_deadline(0.05), acquire_in_time(lock) as is_held:
        assert not is_held
    with set_deadline(0.05), acquire_in_time(lock) as is_held:
        assert is_held
    assert not lock.locked()


def test_items_end_with_the_time() -> None:
    with set_deadline(0.0):
        assert list(take_until_deadline([1, 2, 3])) == [1]
    assert list(take_until_deadline([1, 2, 3])) == [1, 2, 3]


def test_work_that_is_cancelled_is_left_behind_at_once_and_has_no_time_left() -> None:
    gate, ended, cancellation = threading.Event(), threading.Event(), Cancellation()
    left: list[float] = []

    def work() -> None:
        gate.wait(20)
        left.append(get_seconds_left())
        ended.set()

    threading.Timer(0.1, cancellation.cancel).start()
    begun = time.monotonic()
    with cancellable(cancellation):
        assert get_seconds_left() == float("inf")
        with pytest.raises(WorkCancelledError):
            run_in_time([work])
        assert time.monotonic() - begun < 10.0
        with pytest.raises(WorkCancelledError):  # and nothing else is begun
            run_in_time([lambda: left.append(-1.0)])
    gate.set()
    assert ended.wait(20)
    assert left == [0.0]
    assert get_seconds_left() == float("inf")


def test_work_that_can_be_cancelled_and_is_not_brings_what_it_brings() -> None:
    with cancellable(Cancellation()):
        assert run_in_time([lambda: 1, lambda: 2]) == [1, 2]
        with pytest.raises(KeyError):
            run_in_time([partial(dict[str, int]().__getitem__, "none")])
