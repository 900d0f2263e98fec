"""What is told of a run while it goes on."""

from agent.trajectory import Answer, Estimate, Question, Step, Stop, Trajectory, Turn, Usage, VideoFacts
from evals.runner.progress import RowProgress, forecast_cost, format_duration
from evals.scoring.scoring import Score


def played(cost: float | None = None) -> Trajectory:
    step = Step(Turn("", Answer("x"), Usage(seconds=2.0, cost_usd=cost)))
    return Trajectory(Question("v", "q", id="v#1"), VideoFacts("h", 1.0, 1, 1), steps=(step,), stop=Stop.ANSWERED)


def test_the_time_left_is_that_of_the_rows_played_here() -> None:
    clock = iter([0.0, 10.0, 40.0])
    progress = RowProgress(90, 100, lambda: next(clock))
    right = Score(1.0, "x", "the right option")
    assert progress.row(played(), right) == "91/100 v#1: right, the right option, 2.0 s, about 90 s left".replace(
        "90 s", format_duration(90)
    )
    assert progress.row(played(), right).endswith("about 3 min left")  # two in 40 s, eight to come: 160 s


def test_money_is_told_where_some_is_spent() -> None:
    clock = iter([0.0, 1.0, 2.0])
    progress = RowProgress(0, 4, lambda: next(clock))
    assert "$" not in progress.row(played(0.0), Score(0.0, "", "another option"))
    assert "$0.50 spent, about $0.50 to come" in progress.row(played(0.5), Score(1.0, "x", "says 'x'"))


def test_a_row_that_failed_says_why() -> None:
    crashed = Trajectory(Question("v", "q", id="v#1"), VideoFacts("h", 1.0, 1, 1)).ended(
        Stop.CRASHED, "Traceback\nKeyError: 'x'\n"
    )
    line = RowProgress(0, 1, lambda: 0.0).row(crashed, Score(0.0, "", "no answer"))
    assert line.startswith("1/1 v#1: crashed: KeyError: 'x'")


def test_what_it_may_cost_is_told_before() -> None:
    assert forecast_cost(Estimate(0.01, 0.1), 300, 2) == "300 rows like the first cost about $6.00, $60.00 at most"
    assert forecast_cost(Estimate(0.0, 0.0), 300, 1) is None
    assert "not known" in (forecast_cost(None, 1, 1) or "")


def test_durations_read_well() -> None:
    assert [format_duration(s) for s in (0.4, 89, 91, 5000, 9000)] == ["0 s", "89 s", "2 min", "83 min", "2.5 h"]
