"""Rejection sampling for run 3, between its cold start and its training by reward.

Of many runs at random places those are imitated whose one zoom showed the needle and whose answer was right: nothing
but the reward chooses. In the last round the expert's runs without a zoom stand beside them, whatever the needle: or
no policy would ever try what a price on zooms compares.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from agent.trajectory import Trajectory
from evals.datasets.clips import ExampleSet
from evals.runner.run_file import TRAJECTORIES, RunFile
from evals.runner.runner import RunSettings
from evals.scoring.scoring import score
from rl.data.questions import SetQuestions
from rl.small_vlm.zooms import find_zooms, is_hit, list_known

Say = Callable[[str], None]


def sample_runs(
    asked_of: ExampleSet, out: Path, settings: RunSettings, samples: int, concurrency: int, say: Say = lambda _: None
) -> Path:
    """Keeps a model's runs on the questions of a set, several of each; those that are there are not run again.

    Args:
        asked_of: the set.
        out: folder for the runs, which is given back.
        settings: policy and game of the runs.
        samples: runs of each question.
        concurrency: runs at the same time.
        say: prints a line of progress.
    """
    out.mkdir(parents=True, exist_ok=True)
    kept = RunFile(out / TRAJECTORIES)
    wanted = [(key, n) for key in asked_of.examples() for n in range(samples) if (key, n) not in kept.ends]
    SetQuestions(asked_of).play(wanted, settings, lambda _, run: kept.add(run), concurrency)
    say(f"{len(kept.ends)} runs in {out}")
    return out


def choose_rewarded(runs: Iterable[Trajectory], asked_of: ExampleSet) -> Iterator[Trajectory]:
    """The runs that answer rightly after one zoom, which shows the needle."""
    subjects, examples = list_known(asked_of)
    for run in runs:
        key = run.question.id
        if len(find_zooms(run)) == 1 and is_hit(run, subjects[key]) and score(examples[key], run).value == 1.0:
            yield run


def choose_direct(runs: Iterable[Trajectory], asked_of: ExampleSet, but: Sequence[Trajectory]) -> list[Trajectory]:
    """The runs on colours, of questions that have no run in `but`, whose key they would share in a file."""
    subjects, _ = list_known(asked_of)
    passed = {run.question.id for run in but}
    return [run for run in runs if run.question.id not in passed and not subjects[run.question.id].asks_place]


def write_runs(folder: Path, runs: Iterable[Trajectory]) -> None:
    """Writes runs, each with a key of its own, in place of what a folder had."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TRAJECTORIES).unlink(missing_ok=True)
    kept = RunFile(folder / TRAJECTORIES)
    for run in runs:
        kept.add(run)
