"""A run that was stopped goes on where it was."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.trajectory import Answer, Limits, Question, Step, Stop, Trajectory, Turn, VideoFacts
from evals.example import Example
from evals.run_file import RunFile

EXAMPLES = tuple(Example(Question("v.mp4", f"What {i}?", id=f"v#{i}"), "x") for i in (1, 2))


def played(example: Example, stop: Stop = Stop.ANSWERED, text: str = "x") -> Trajectory:
    steps = (Step(Turn("", Answer(text))),) if stop is Stop.ANSWERED else ()
    return Trajectory(example.question, VideoFacts("h", 10.0, 64, 36), "lite", steps=steps, stop=stop)


def test_what_is_written_is_read_back_and_not_run_again(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    RunFile(path).add(played(EXAMPLES[0]))
    again = RunFile(path)
    assert again.trajectories == {"v#1": played(EXAMPLES[0])}
    assert again.missing(EXAMPLES, "lite", Limits()) == EXAMPLES[1:]


def test_a_line_cut_in_half_is_dropped_and_the_next_one_starts_clean(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    file = RunFile(path)
    for example in EXAMPLES:
        file.add(played(example))
    path.write_bytes(path.read_bytes()[:-20])
    again = RunFile(path)
    assert set(again.trajectories) == {"v#1"}
    again.add(played(EXAMPLES[1], text="later"))
    assert set(RunFile(path).trajectories) == {"v#1", "v#2"}


def test_a_first_line_cut_in_half_leaves_an_empty_run(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(b'{"question": {"vid')
    assert RunFile(path).trajectories == {}
    assert path.read_bytes() == b""


def test_a_crashed_question_is_run_again_and_the_later_run_counts(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    file = RunFile(path)
    file.add(played(EXAMPLES[0], Stop.CRASHED))
    assert file.missing(EXAMPLES, "lite", Limits()) == EXAMPLES
    file.add(played(EXAMPLES[0]))
    assert RunFile(path).trajectories["v#1"].stop is Stop.ANSWERED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: replace(t, policy="http:x"), "policy of v#1 is 'http:x', wanted 'lite'"),
        (lambda t: replace(t, limits=Limits(max_turns=2)), "limits of v#1"),
        (lambda t: replace(t, question=replace(t.question, text="Else?")), "question of v#1"),
    ],
)
def test_another_run_is_not_taken_for_this_one(tmp_path: Path, change: object, said: str) -> None:
    assert callable(change)
    file = RunFile(tmp_path / "run.jsonl")
    file.add(change(played(EXAMPLES[0])))
    with pytest.raises(ValueError, match=said):
        file.missing(EXAMPLES, "lite", Limits())


def test_a_line_that_is_no_trajectory_is_refused_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"{}\n")
    with pytest.raises(ValueError, match=r"run\.jsonl, line 1: not a saved trajectory"):
        RunFile(path)


def test_without_a_path_nothing_is_written(tmp_path: Path) -> None:
    file = RunFile(None)
    file.add(played(EXAMPLES[0]))
    assert set(file.trajectories) == {"v#1"}
    assert list(tmp_path.iterdir()) == []
