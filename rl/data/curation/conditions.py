"""The conditions under which candidates are asked, and the runs of each, kept in a file of its own.

All that a building remembers are these files: a row is on disk as soon as its question ends, and every verdict is
computed from rows, so that a kill loses nothing but the questions in play, and nothing is asked twice.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.policy import Policy
from agent.trajectory import Limits, Trajectory
from evals.controls.catalogue import CONTROLS
from evals.controls.control import AS_IT_IS, Control
from evals.controls.frames import drawn_frames
from evals.datasets.dataset import DatasetEntry
from evals.example import Example
from evals.runner.patience import PolicyPatience
from evals.runner.run_file import Key, RunFile, key_of, read_rows
from evals.runner.runner import RunSettings, Task, make_tasks, run_tasks
from evals.scoring.scoring import BROKEN_OFF, score

RUNS = "runs"
"""Folder of the files of runs."""
Say = Callable[[str], None]
OpenPolicy = Callable[[], Policy]


@dataclass(frozen=True)
class Condition:
    """What is shown of a video when a candidate is asked."""

    name: str
    control: Control


BLIND = Condition("blind", CONTROLS["blind"])
ONE_FRAME = tuple(
    Condition(f"frame-{draw}", Control("One random frame.", give=drawn_frames(1, draw))) for draw in (1, 2, 3)
)
FOUR_FRAMES = Condition("four-frames", Control("Four random frames.", give=drawn_frames(4, 0)))
WHOLE = Condition("whole", AS_IT_IS)


@dataclass(frozen=True)
class CandidateOutcome:
    """How one run of a candidate ended."""

    is_right: bool | None
    """Whether its answer is the reference; None where it broke off through no fault of the policy."""
    said: str
    """The answer, or why there is none."""


@dataclass(frozen=True)
class Player:
    """Plays questions and keeps the runs in the folder of a building."""

    folder: Path
    entries: Sequence[DatasetEntry]
    encoder: str | None = None
    concurrency: int = 1
    limits: Limits = field(default_factory=Limits)
    say: Say = lambda _: None

    def play(
        self, wanted: Collection[str], role: str, opened: OpenPolicy, condition: Condition, samples: int = 1
    ) -> Path:
        """Plays what is not there yet; gives the file of the runs.

        Args:
            wanted: ids of the questions.
            role: name of the policy's part, for the file.
            opened: opens the policy; called only where something is left to play.
            condition: what is shown.
            samples: runs of each question.

        Raises:
            ValueError: several samples of a policy that answers the same each time.
            PolicyError: the policy fails again and again.
        """
        path = self.folder / RUNS / f"{role}-{condition.name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = RunFile(path)
        done = {key for key, stop in rows.ends.items() if stop not in BROKEN_OFF}
        subjects = [entry.subject for entry in self.entries if entry.id in wanted]
        planned = make_tasks(condition.control.plan(subjects).asked, self.entries, samples)
        tasks = [task for task in planned if task.key not in done]
        patience = PolicyPatience(len(tasks))

        def keep(_: Task, trajectory: Trajectory) -> None:
            rows.add(trajectory)
            patience.check(trajectory)

        if tasks:
            self.say(f"{role}, {condition.name}: {len(tasks)} of {len(planned)} runs to play")
            policy = opened()
            if samples > 1 and policy.setup is None:
                raise ValueError(f"{policy.spec} answers the same each time: {samples} samples are for models")
            settings = RunSettings(policy, self.limits, condition.control, verify=False, encoder=self.encoder)
            run_tasks(tasks, settings, keep, concurrency=self.concurrency)
        return path


def read_outcomes(
    path: Path, examples: Mapping[str, Example], wanted: Collection[str]
) -> dict[str, list[CandidateOutcome]]:
    """The outcomes of wanted questions in a file of runs, in the order of their samples.

    Args:
        path: the file.
        examples: the questions with their references.
        wanted: ids of the questions.
    """
    found: dict[Key, CandidateOutcome] = {}
    for run in read_rows(path):
        if run.question.id in wanted:
            # the options may have been asked in another order
            value = score(replace(examples[run.question.id], question=run.question), run).value
            found[key_of(run)] = CandidateOutcome(None if value is None else value == 1.0, _say_answer(run))
    by_id: dict[str, list[CandidateOutcome]] = defaultdict(list)
    for (name, _), outcome in sorted(found.items(), key=lambda item: item[0]):
        by_id[name].append(outcome)
    return by_id


def _say_answer(run: Trajectory) -> str:
    answer = run.answer
    if answer is None:
        return run.error or "no answer"
    return "not shown" if answer.not_shown else answer.text
