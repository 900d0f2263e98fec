"""Policies on the same composed questions: counted by hand here."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.trajectory import Answer, Step, Stop, Trajectory, from_json, to_json
from evals.runner.run_file import TRAJECTORIES
from rl.collect import CollectConfig
from rl.collect import main as collect
from rl.compare import _command_line, compute_chance, read_runs, render_table
from rl.data.curriculum import ComposedQuestions


@pytest.fixture(scope="module")
def expert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("expert")
    collect(CollectConfig(folder, questions=5, seed=3, split="heldout", keep="all"))
    return folder


def silenced(run: Path, folder: Path, count: int) -> Path:
    """The same run with its first answers taken back."""
    lines = (run / TRAJECTORIES).read_text(encoding="utf-8").splitlines()
    runs = [without_answer(one) if n < count else one for n, one in enumerate(map(from_json, lines))]
    folder.mkdir()
    (folder / TRAJECTORIES).write_text("".join(to_json(one) + "\n" for one in runs), encoding="utf-8")
    return folder


def without_answer(run: Trajectory) -> Trajectory:
    steps: tuple[Step, ...] = tuple(step for step in run.steps if not isinstance(step.turn.move, Answer))
    return replace(run, steps=steps).ended(Stop.TURN_LIMIT)


def test_policies_are_compared_on_the_questions_that_all_have(expert: Path, tmp_path: Path) -> None:
    questions = ComposedQuestions(3, split="heldout", view="words")
    worse = silenced(expert, tmp_path / "worse", 2)
    runs = read_runs({"worse": worse, "expert": expert}, questions)
    assert [sum(row.value == 1.0 for row in run.rows) for run in runs] == [3, 5]
    assert [run.name for run in runs] == ["worse", "expert"]
    told = render_table(runs)
    assert "| worse | 3 of 5 | 60.0%" in told
    assert "expert - worse: +40.0 points" in told
    assert "2 right only after, 0 only before, McNemar exact p = 0.5" in told  # 2 x (1/2)^2


def test_guessing_counts_open_questions_as_wrong(expert: Path) -> None:
    [run] = read_runs({"expert": expert}, ComposedQuestions(3, split="heldout", view="words"))
    options = [row.options for row in run.rows]
    assert compute_chance(run.rows) == pytest.approx(sum(1 / n for n in options if n) / 5)


def test_questions_of_another_seed_are_refused(expert: Path) -> None:
    with pytest.raises(ValueError, match="are not of this seed"):
        read_runs({"expert": expert}, ComposedQuestions(4, split="heldout", view="words"))


def test_several_seeds_are_counted_together(expert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other"
    collect(CollectConfig(other, questions=3, seed=4, split="heldout", keep="all"))
    worse = silenced(expert, tmp_path / "worse", 2)
    runs = [f"worse={worse},{other}", f"expert={expert},{other}"]
    assert _command_line([*runs, "--seed", "3", "4"]) == 0
    told = capsys.readouterr().out
    assert "| worse | 6 of 8 | 75.0%" in told
    assert "| expert | 8 of 8 | 100.0%" in told
    assert "2 right only after, 0 only before" in told
    assert _command_line([*runs, "--seed", "3"]) == 2
    assert "seeds: 1, and each policy wants a folder for each" in capsys.readouterr().err
