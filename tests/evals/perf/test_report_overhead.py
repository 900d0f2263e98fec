"""What the cost of a report is measured on: runs as `evals.run` leaves them, each line another one."""

from pathlib import Path

from agent.trajectory import Question
from evals.perf.report_overhead import RUNS, write_questions, write_run
from evals.report.__main__ import load_runs, main
from evals.runner.run_file import TRAJECTORIES
from tests.evals.report.stored import RIGHT, played

PLAYED = (
    played(Question("v.mp4", "What colour?", ("red", "green", "blue")), RIGHT),
    played(Question("v.mp4", "What is written?"), RIGHT),
)


def test_the_made_runs_are_read_as_runs_and_their_lines_differ(tmp_path: Path) -> None:
    write_questions(tmp_path / "questions.jsonl", 40, PLAYED)
    for made in RUNS:
        write_run(tmp_path, made, PLAYED)
    folders = [tmp_path / made.name for made in RUNS]
    assert [len(run.played) for run in load_runs(folders)] == [40] * len(RUNS)
    assert [run.control for run in load_runs(folders)] == [made.control or "" for made in RUNS]
    for folder in folders:
        lines = (folder / TRAJECTORIES).read_bytes().splitlines()
        assert len(set(lines)) == 40
    page = main(folders)
    assert "1 lite − 2 blind" in page
    assert "right per 1,000 tokens" in page
