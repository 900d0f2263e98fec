"""One round of rejection sampling for run 3, between its cold start and its training by reward.

Of many runs at random places those are imitated whose one zoom showed the needle and whose answer was right: nothing
but the reward chooses. Runs without a zoom are the expert's, or no policy would ever try what a price on zooms is to
be compared with.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from agent.trajectory import Trajectory
from evals.controls.subject import ControlSubject
from evals.datasets.clips import open_clips
from evals.example import Example
from evals.runner.run_file import TRAJECTORIES, RunFile
from evals.runner.runner import RunSettings
from evals.scoring.scoring import score
from rl.data.questions import SetQuestions
from rl.small_vlm.zooms import find_zooms, is_hit

Say = Callable[[str], None]


def sample_runs(
    videos: Path, out: Path, settings: RunSettings, samples: int, concurrency: int, say: Say = lambda _: None
) -> Path:
    """Keeps a model's runs on the questions of a set, several of each; those that are there are not run again.

    Args:
        videos: folder of the set.
        out: folder for the runs, which is given back.
        settings: policy and game of the runs.
        samples: runs of each question.
        concurrency: runs at the same time.
        say: prints a line of progress.
    """
    asked_of = open_clips(videos)
    out.mkdir(parents=True, exist_ok=True)
    kept = RunFile(out / TRAJECTORIES)
    wanted = [(key, n) for key in asked_of.examples() for n in range(samples) if (key, n) not in kept.ends]
    SetQuestions(asked_of).play(wanted, settings, lambda _, run: kept.add(run), concurrency)
    say(f"{len(kept.ends)} runs in {out}")
    return out


def choose_rewarded(
    runs: Iterable[Trajectory], examples: Mapping[str, Example], subjects: Mapping[str, ControlSubject]
) -> Iterator[Trajectory]:
    """The runs that answer rightly after one zoom, which shows the needle.

    Args:
        runs: the runs; a question's may be many.
        examples: answers by the id of the question.
        subjects: evidence by the same.
    """
    for run in runs:
        key = run.question.id
        if len(find_zooms(run)) == 1 and is_hit(run, subjects[key]) and score(examples[key], run).value == 1.0:
            yield run
