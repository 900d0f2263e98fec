"""The table of time limits: what was asked, what was taken, what came of it."""

from pathlib import Path

import pytest

from evals.perf.time_limits import Taken, main
from tests.drawn import write_drawn


@pytest.mark.clock
def test_a_limit_is_measured_on_a_video_that_nothing_is_known_of(tmp_path: Path) -> None:
    clip = write_drawn(tmp_path / "clip.mp4")
    (taken,) = main([str(clip), "Which sign is shown?", "--limits", "8", "--encoder", "hashing"])
    assert taken.limit_seconds == 8.0
    assert taken.inside_seconds is not None
    assert taken.inside_seconds < 9.0 < taken.seconds + 9.0
    assert taken.stop in ("answered", "time limit")


def test_a_bar_in_an_answer_does_not_break_the_table() -> None:
    taken = Taken(5.0, 5.25, 4.9, "a | b\nc", "answered", 2)
    assert taken.line == "| 5 | 5.2 | 4.9 | a \\| b c | answered | 2 |"
