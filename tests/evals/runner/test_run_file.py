"""What was written is there after a kill, and nothing half."""

import threading
from pathlib import Path

import pytest

from agent.trajectory import Answer, Question, Step, Stop, Trajectory, Turn, VideoFacts
from evals.runner.run_file import TRAJECTORIES, RunFile, lock_folder, read_rows, read_stored


def played(number: int, text: str = "x", sample: int = 0, stop: Stop = Stop.ANSWERED) -> Trajectory:
    steps = (Step(Turn("", Answer(text))),) if stop is Stop.ANSWERED else ()
    question = Question("v.mp4", f"What {number}?", id=f"v#{number}")
    return Trajectory(question, VideoFacts("h", 10.0, 64, 36), "lite", steps=steps, stop=stop, sample=sample)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / TRAJECTORIES


def test_what_is_written_is_read_back(path: Path) -> None:
    RunFile(path).add(played(1))
    assert RunFile(path).ends == {("v#1", 0): Stop.ANSWERED}
    assert read_stored(path) == read_stored(path.parent) == (played(1),)


def test_a_line_cut_in_half_is_dropped_and_the_next_one_starts_clean(path: Path) -> None:
    file = RunFile(path)
    file.add(played(1))
    file.add(played(2))
    path.write_bytes(path.read_bytes()[:-20])
    again = RunFile(path)
    assert list(again.ends) == [("v#1", 0)]
    again.add(played(2, "later"))
    assert read_stored(path) == (played(1), played(2, "later"))


def test_a_first_line_cut_in_half_leaves_an_empty_run(path: Path) -> None:
    path.write_bytes(b'{"question": {"vid')
    assert RunFile(path).ends == {}
    assert path.read_bytes() == b""


def test_a_cut_line_longer_than_a_block_is_dropped_too(path: Path) -> None:
    RunFile(path).add(played(1))
    whole = path.read_bytes()
    path.write_bytes(whole + b"x" * 200_000)
    assert list(RunFile(path).ends) == [("v#1", 0)]
    assert path.read_bytes() == whole


def test_a_reader_leaves_a_line_that_is_being_written_alone(path: Path) -> None:
    RunFile(path).add(played(1))
    torn = path.read_bytes() + b'{"question"'
    path.write_bytes(torn)
    assert list(read_rows(path)) == [played(1)]
    assert path.read_bytes() == torn


def test_of_two_rows_of_one_run_of_a_question_the_later_counts(path: Path) -> None:
    file = RunFile(path)
    for row in (played(1, stop=Stop.CRASHED), played(1, "run 2", sample=1), played(1)):
        file.add(row)
    assert read_stored(path) == (played(1), played(1, "run 2", sample=1))


def test_a_line_that_is_no_trajectory_is_refused_with_its_number(path: Path) -> None:
    RunFile(path).add(played(1))
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(ValueError, match=r"trajectories\.jsonl, line 2: not a saved trajectory"):
        RunFile(path)


def test_no_run_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no run at .*; make one with python -m evals\.run --out"):
        read_stored(tmp_path)


def test_threads_write_whole_lines(path: Path) -> None:
    file = RunFile(path)
    together = [threading.Thread(target=lambda n=n: file.add(played(n, "long " * 5000))) for n in range(16)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert {t.question.id for t in read_rows(path)} == {f"v#{n}" for n in range(16)}


def test_two_runners_in_one_folder_are_one_too_many(tmp_path: Path) -> None:
    with lock_folder(tmp_path / "run"), pytest.raises(ValueError, match=r"another runner writes in .*choose another"):
        lock_folder(tmp_path / "run")
    with lock_folder(tmp_path / "run"):
        pass
