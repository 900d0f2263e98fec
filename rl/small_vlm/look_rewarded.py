"""Rejection sampling for run 3, between its cold start and its training by reward.

Of many runs those are imitated that paid: nothing but the reward chooses. Zooms are free at first, or they would be
given up before any hits; in the last round they have a price, and the expert's runs without any stand beside the
policy's own, or it would never try what the price compares.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from agent.trajectory import Trajectory
from evals.datasets.clips import ExampleSet
from evals.runner.run_file import TRAJECTORIES, RunFile
from evals.runner.runner import RunSettings
from evals.scoring.scoring import score
from rl.data.questions import SetQuestions
from rl.small_vlm.look_set import SMALL
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


def choose_rewarded(runs: Iterable[Trajectory], asked_of: ExampleSet, *, is_free: bool) -> Iterator[Trajectory]:
    """The runs that are imitated: those with a right answer after one zoom that shows the needle.

    Args:
        runs: the runs.
        asked_of: the set that they are of.
        is_free: whether a zoom costs nothing. Where it does, only one on a small needle is worth it, and a right answer
            without any is worth more.
    """
    subjects, examples = list_known(asked_of)
    for run in runs:
        key, zooms = run.question.id, len(find_zooms(run))
        is_right = not subjects[key].asks_place and score(examples[key], run).value == 1.0
        pays = zooms == 1 and (is_free or SMALL in examples[key].needs) and is_hit(run, subjects[key])
        if is_right and (pays or not (zooms or is_free)):
            yield run


def write_runs(folder: Path, runs: Iterable[Trajectory]) -> None:
    """Writes runs, each with a key of its own, in place of what a folder had."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TRAJECTORIES).unlink(missing_ok=True)
    kept = RunFile(folder / TRAJECTORIES)
    for run in runs:
        kept.add(run)
