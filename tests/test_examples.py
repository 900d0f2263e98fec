"""Each file of `examples/` does what it says, in a process of its own as a reader would start it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.test_readme import needs_lite
from tools import packaged_weights

ROOT = Path(__file__).parent.parent
Run = Callable[[str], str]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One cache for all examples."""
    cache = str(tmp_path_factory.mktemp("cache"))
    environment = os.environ | {"VIDEOSLEUTH_CACHE": cache, "PYTHONPATH": str(ROOT)}
    environment.pop("VIDEOSLEUTH_ENCODER", None)
    return environment


@pytest.fixture(scope="module")
def indexed(environment: dict[str, str]) -> None:
    """The bundled clip is read once, and no answer depends on how busy the machine is."""
    command = [sys.executable, "-m", "agent.cli", "index", "agent/demo/clip.mp4"]
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """What an example prints."""

    def printed(name: str) -> str:
        command = [sys.executable, f"examples/{name}.py"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return printed


@needs_lite
@pytest.mark.usefixtures("indexed")
def test_asking_in_python_prints_the_answer_and_what_it_rests_on(run: Run) -> None:
    answer, evidence, *_ = run("ask_in_python").splitlines()
    assert answer == "answered: A (slightly overweight) bunny"
    assert evidence.startswith("8.1-15.0 s screen text ")


@needs_lite
@pytest.mark.usefixtures("indexed")
def test_a_policy_of_ones_own_answers(run: Run) -> None:
    assert run("own_policy") == "A (slightly overweight) bunny\n"


@needs_lite
@pytest.mark.usefixtures("indexed")
def test_a_tool_of_ones_own_is_called(run: Run) -> None:
    measured = re.findall(r"^[\d.]+ s: ([\d.]+)$", run("own_tool"), re.M)
    assert len(measured) == 8
    assert all(0 < float(value) < 1 for value in measured)


@needs_lite
@pytest.mark.usefixtures("indexed")
def test_a_benchmark_of_ones_own_is_scored_by_both_rules(run: Run) -> None:
    table = run("own_benchmark")
    assert "bunnies" in table
    assert "official" in table


def test_a_reward_of_ones_own_pays_the_run_that_looks_least_the_most(run: Run) -> None:
    totals = [float(total) for total in re.findall(r"total ([\d.]+)", run("own_reward"))]
    assert totals == [1.15, 1.0, 0.0, 0.0]


@pytest.mark.skipif(not packaged_weights.is_installed("trl"), reason="needs videosleuth[rl]")
def test_grpo_in_miniature_makes_the_model_brief(run: Run) -> None:
    scores = [float(score) for score in re.findall(r"^step \d+/10 +score ([\d.]+)", run("grpo_in_miniature"), re.M)]
    assert len(scores) == 10
    assert sum(scores[-3:]) > 1.5 * sum(scores[:3])


def test_every_example_is_run() -> None:
    tested = set(re.findall(r'\brun\("(\w+)"\)', Path(__file__).read_text(encoding="utf-8")))
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == tested
