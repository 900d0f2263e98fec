"""What the seconds of runs that are played at once went into, on a clock that is moved by hand."""

from contextlib import ExitStack

from rl.monitor.stopwatch import StageSeconds, Stopwatch


class HandClock:
    """Shows what it was set to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_every_moment_goes_to_one_part_and_none_is_lost() -> None:
    clock = HandClock()
    watch = Stopwatch(clock)
    first, second = ExitStack(), ExitStack()
    with watch.playing(runs=2, at_once=2):
        clock.seconds += 3  # both are with us: the video is opened
        first.enter_context(watch.waiting())
        clock.seconds += 2  # one waits, the other one still has a tool at work
        second.enter_context(watch.waiting())
        clock.seconds += 0.5  # all wait, the model does not work yet
        with watch.generating():
            clock.seconds += 7
            first.close()  # it got its reply; the model goes on for the second
            clock.seconds += 1
        clock.seconds += 0.25  # the first one is with us
        watch.ended()
        clock.seconds += 0.125  # only the second is in play, and it waits
        second.close()
        watch.ended()
        clock.seconds += 4  # the toolbox is closed
    clock.seconds += 50  # not a matter of runs
    assert watch.taken() == StageSeconds(generate=8.0, tools=3 + 2 + 0.25 + 4, idle=0.5 + 0.125)
    assert watch.taken() == StageSeconds()


def test_a_run_that_has_not_begun_keeps_nobody_busy() -> None:
    """Three runs, one at a time: while it waits, all that are in play wait."""
    clock = HandClock()
    watch = Stopwatch(clock)
    with watch.playing(runs=3, at_once=1), watch.waiting():
        clock.seconds += 2
    assert watch.taken() == StageSeconds(idle=2.0)


def test_the_model_at_work_twice_at_once_counts_once() -> None:
    clock = HandClock()
    watch = Stopwatch(clock)
    with watch.playing(runs=2, at_once=2), watch.waiting(), watch.waiting(), watch.generating():
        clock.seconds += 1
        with watch.generating():
            clock.seconds += 1
    assert watch.taken() == StageSeconds(generate=2.0)
