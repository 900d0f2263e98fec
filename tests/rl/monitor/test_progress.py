"""Lines within a step, by a clock that is set by hand."""

from rl.monitor.progress import StepProgress


def test_a_line_comes_in_ten_seconds_and_not_sooner() -> None:
    said: list[str] = []
    now = [0.0]
    progress = StepProgress(said.append, lambda: now[0])
    for seconds, done in ((4.0, 1), (9.9, 2), (10.0, 3), (19.0, 4), (20.5, 5)):
        now[0] = seconds
        progress(7, "runs played", done, 8)
    assert said == ["step 7: runs played 3 of 8", "step 7: runs played 5 of 8"]
