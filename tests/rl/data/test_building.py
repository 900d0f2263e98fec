"""Building questions end to end over composed videos: what is dropped and why, and that nothing is asked twice."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from agent.policies.local.loading import load_model
from agent.policies.registry import open_policy
from agent.trajectory import Answer
from evals.datasets.composed import open_composed
from evals.runner.run_file import read_stored
from evals.scoring.scoring import score
from rl.data.curation.building import BuildConfig, Building, build, render_building
from rl.data.curation.conditions import RUNS
from rl.data.curation.separation import compare_groups, measure_separation, render_gain
from rl.data.questions import open_questions
from rl.data.text_tools import describe_tools
from rl.finetune.rows import read_rows
from tests.evals.sets_drawn import write_script
from tests.tiny_llama import tiny_llama

DATA = "drawn,level=1,count=3,seed=5"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> BuildConfig:
    folder = tmp_path_factory.mktemp("building")
    guess = write_script(folder / "guess.json", Answer("", 0))
    return BuildConfig(folder / "run", DATA, probes=(guess,), student=guess, encoder="hashing")


@pytest.fixture(scope="module")
def built(config: BuildConfig) -> Building:
    return build(config)


def fates(folder: Path) -> dict[str, dict[str, object]]:
    rows = [json.loads(line) for line in (folder / "candidates.jsonl").read_text(encoding="utf-8").splitlines()]
    return {row["id"]: row for row in rows}


def test_every_candidate_is_kept_or_says_why_it_was_not(config: BuildConfig, built: Building) -> None:
    examples = open_composed(DATA).examples()
    rows = fates(config.out)
    assert rows.keys() == examples.keys()
    assert {name for name, row in rows.items() if row["kept"]} == set(built.kept)
    assert all(row["kept"] or (row["dropped_by"] and row["why"]) for row in rows.values())
    first = {name for name, one in examples.items() if one.question.options and one.option == 0}
    assert first
    assert {name for name, row in rows.items() if row["dropped_by"] == "blind"} == first
    assert 0 < len(built.kept) < len(examples)
    page = " ".join(render_building(built).split())
    assert f"| kept | {len(built.kept)} |" in page
    assert f"| candidates | {len(examples)} |" in page


def test_what_is_kept_is_read_by_both_trainings(config: BuildConfig, built: Building, tmp_path: Path) -> None:
    questions = open_questions(f"built,folder={config.out}", 1)
    assert tuple(questions.examples) == built.kept
    assert questions.check_videos(skip=False) == ""
    assert questions.boxes.keys() == set(built.kept)
    runs = read_stored(config.out)
    assert {run.question.id for run in runs} == set(built.kept)
    assert all(score(questions.examples[run.question.id], run).value == 1.0 for run in runs)
    scribe = load_model(str(tiny_llama(tmp_path)), 10_000).scribe
    rows = read_rows([config.out], scribe, describe_tools(["select_frames", "zoom"]), 100_000).rows
    assert len(rows) == len(built.kept)
    assert all(any(row.is_policy) for row in rows)


def test_a_stop_anywhere_loses_nothing_and_repeats_nothing(
    config: BuildConfig, built: Building, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(config.out, out)
    files = sorted((out / RUNS).iterdir())
    assert {file.stem for file in files} >= {"probe1-blind", "solver-whole", "student-whole"}
    for file in files:
        whole = file.read_bytes()
        lines = whole.splitlines(keepends=True)
        file.write_bytes(b"".join(lines[:-1]) + lines[-1][:40])
        said: list[str] = []
        assert build(replace(config, out=out), said.append) == built
        assert [line for line in said if "to play" in line] == [
            f"{file.stem.replace('-', ', ', 1)}: 1 of {len(lines)} runs to play"
        ]
        assert len(file.read_bytes().splitlines()) == len(lines)


def test_other_options_need_another_folder_and_bounds_do_not(config: BuildConfig, built: Building) -> None:
    with pytest.raises(ValueError, match="holds another building: there solver_samples is 1, and now 2"):
        build(replace(config, solver_samples=2))
    said: list[str] = []
    harder = build(replace(config, pass_rate=(0.5, 1.0)), said.append)
    assert not harder.kept
    assert set(harder.dropped["difficulty"].values()) == {"pass rate 0.00, wanted 0.5 to 1"}
    assert not [line for line in said if "to play" in line]
    assert build(config) == built


def test_separation_is_measured_on_candidates_and_on_what_was_kept(config: BuildConfig, built: Building) -> None:
    policy = write_script(config.out.parent / "second.json", Answer("", 1))
    found = measure_separation(config.out, lambda: open_policy(policy), "second")
    assert (found.everything.questions, found.kept.questions) == (len(open_composed(DATA).examples()), len(built.kept))
    assert "The kept are further apart by" in render_gain(found, "second")


def test_the_gain_is_the_difference_of_differences() -> None:
    seeing = [True, True, True, False] * 25
    blind = [True, False, False, False] * 25
    is_kept = [False, True, True, True] * 25
    found = compare_groups(seeing, blind, is_kept, [f"v{n // 2}" for n in range(100)])
    assert found.everything.difference == pytest.approx(0.5)
    assert found.kept.difference == pytest.approx(2 / 3)
    assert found.low < found.gain < found.high
    assert found.low > 0


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "give either --data"),
        ({"data": DATA, "videos": Path("v")}, "give either --data"),
        ({"videos": Path("v")}, "--videos needs a --writer"),
        ({"data": DATA, "probes": ("expert",)}, "can't try a question without its video"),
        ({"data": DATA, "pass_rate": (0.9, 0.1)}, "need 0 <= least <= greatest"),
    ],
)
def test_options_that_make_no_sense_are_refused(given: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        BuildConfig(Path("run"), **given)  # type: ignore[arg-type]
