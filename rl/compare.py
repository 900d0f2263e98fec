"""How policies did on the same composed questions: accuracy with intervals, paired differences, calls and turns.

python -m rl.compare zero-shot=RUN sft=RUN grpo=RUN --split heldout --seed 11
python -m rl.compare sft=RUN,RUN grpo=RUN,RUN --seed 11 12

With several seeds each policy has a run of each, in their order, and all are counted together. The runs are those of
`rl.collect --keep all` with the same seed, split, level and view. Only questions that all of them asked are counted;
intervals draw videos, each with all its questions.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import get_args

from agent.ending import Parser, end_process, run_command
from agent.terminal import escape_controls
from agent.trajectory import Trajectory, from_json
from evals.composed.recipe import Split
from evals.runner.run_file import TRAJECTORIES
from evals.scoring.scoring import score
from evals.statistics.bootstrap import BootstrapEstimate, estimate_mean
from evals.statistics.paired import Comparison, compare
from evals.statistics.row import ResultRow, row_of
from rl.collect import QuestionResult, summarize_result
from rl.data.curriculum import ComposedQuestions, ComposedTask, Curriculum, View
from tools.plain_data import read_plain_lines


@dataclass(frozen=True)
class ComparedRun:
    """A policy's results on the questions that all compared runs have."""

    name: str
    rows: tuple[ResultRow, ...]
    told: tuple[QuestionResult, ...]

    @property
    def accuracy(self) -> BootstrapEstimate:
        """Share of correct answers with its interval; no answer is a wrong one."""
        return estimate_mean([_value(row) for row in self.rows], [row.cluster for row in self.rows])


def read_runs(runs: Mapping[str, Path], questions: ComposedQuestions) -> list[ComparedRun]:
    """Reads the runs, limited to the questions that all of them have.

    Raises:
        ValueError: a run can't be read, they share no question, or a question is not of these.
    """
    found = {name: _read_trajectories(folder) for name, folder in runs.items()}
    shared = set.intersection(*(set(trajectories) for trajectories in found.values()))
    if not shared:
        raise ValueError("the runs share no question")
    posed = _find_questions(questions, shared)
    return [_compare_run(name, trajectories, posed) for name, trajectories in found.items()]


def merge_sets(sets: Sequence[Sequence[ComparedRun]]) -> list[ComparedRun]:
    """Merges the results of the same policies on several sets of questions into one set."""
    return [
        ComparedRun(
            same[0].name, tuple(row for one in same for row in one.rows), tuple(t for one in same for t in one.told)
        )
        for same in zip(*sets, strict=True)
    ]


def render_table(runs: Sequence[ComparedRun]) -> str:
    """Comparison in Markdown: a line a policy, paired differences of neighbours, and correct answers by family."""
    lines = [
        "| policy | right | accuracy [95 %] | turns that parse | calls | turns |",
        "|---|---|---|---|---|---|",
        *(_line(run) for run in runs),
        "",
    ]
    for before, after in pairwise(runs):
        difference = compare(after.rows, before.rows)
        assert difference is not None, "they share questions"
        lines.append(f"- {after.name} - {before.name}: {_difference(difference)}")
    families = sorted({told.family for told in runs[0].told})
    lines += ["", f"| family | {' | '.join(run.name for run in runs)} |", "|---" * (len(runs) + 1) + "|"]
    lines += [f"| {family} | {' | '.join(_of_family(run, family) for run in runs)} |" for family in families]
    return "\n".join(lines)


def compute_chance(rows: Sequence[ResultRow]) -> float:
    """Expected accuracy of guessing among the options, 0..1; open questions count as never guessed."""
    return sum(1 / row.options for row in rows if row.options) / len(rows)


def _line(run: ComparedRun) -> str:
    right = sum(_value(row) == 1.0 for row in run.rows)
    turns = sum(told.turns for told in run.told)
    parse = 1 - sum(told.malformed for told in run.told) / max(1, turns)
    calls = sum(told.calls for told in run.told) / len(run.told)
    shown = f"{run.accuracy.mean:.1%}{_interval(run.accuracy, 100, '%')}"
    share = f"{right} of {len(run.rows)} | {shown}"
    return f"| {run.name} | {share} | {parse:.0%} | {calls:.1f} | {turns / len(run.told):.1f} |"


def _difference(found: Comparison) -> str:
    points = f"{100 * found.difference.mean:+.1f} points{_interval(found.difference, 100, '')}"
    if found.agreement is None:
        return points
    one = found.agreement
    apart = f"{one.only_first} right only after, {one.only_second} only before"
    return f"{points}; {apart}, McNemar exact p = {one.exact_p:.2g}"


def _interval(estimate: BootstrapEstimate, scale: float, unit: str) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" [{scale * estimate.low:.1f}, {scale * estimate.high:.1f}]{unit}"


def _of_family(run: ComparedRun, family: str) -> str:
    theirs = [told.is_right for told in run.told if told.family == family]
    return f"{sum(bool(one) for one in theirs)} of {len(theirs)}"


def _value(row: ResultRow) -> float:
    return row.value or 0.0


def _read_trajectories(folder: Path) -> dict[str, Trajectory]:
    file = folder / TRAJECTORIES
    if not file.is_file():
        raise ValueError(f"no run in {folder}: need {TRAJECTORIES} of rl.collect --keep all")
    runs = (from_json(line) for _, line in read_plain_lines(file))
    return {run.question.id: run for run in runs}


def _find_questions(questions: ComposedQuestions, ids: set[str]) -> list[ComposedTask]:
    found: list[ComposedTask] = []
    for number in range(20 * len(ids) + 1000):
        if len(found) == len(ids):
            return found
        if (posed := questions.compose_question(number)).example.question.id in ids:
            found.append(posed)
    raise ValueError(f"{len(ids) - len(found)} questions of the runs are not of this seed, split, level and view")


def _compare_run(name: str, trajectories: Mapping[str, Trajectory], posed: Sequence[ComposedTask]) -> ComparedRun:
    pairs = [(one, trajectories[one.example.question.id]) for one in posed]
    rows = tuple(row_of(one.example, run, score(one.example, run)) for one, run in pairs)
    return ComparedRun(name, rows, tuple(summarize_result(one, run) for one, run in pairs))


def make_parser() -> argparse.ArgumentParser:
    """The argument parser of the command."""
    made = Parser("python -m rl.compare", description=(__doc__ or "").partition("\n")[0])
    made.add_argument("runs", nargs="+", metavar="NAME=FOLDER[,FOLDER]")
    made.add_argument("--seed", type=int, nargs="+", default=[0], metavar="SEED")
    made.add_argument("--split", choices=get_args(Split), default="heldout")
    made.add_argument("--level", type=int, default=1)
    made.add_argument("--view", choices=get_args(View), default="words")
    return made


def _command_line(arguments: Sequence[str] | None = None) -> int:
    return run_command("rl.compare", partial(_run, arguments))


def _run(arguments: Sequence[str] | None = None) -> None:
    given = make_parser().parse_args(arguments)
    levels = Curriculum(given.level, given.level)
    named = {name: folders.split(",") for name, _, folders in (run.partition("=") for run in given.runs)}
    if any(len(folders) != len(given.seed) for folders in named.values()):
        raise ValueError(f"seeds: {len(given.seed)}, and each policy wants a folder for each: NAME=FOLDER,FOLDER")
    found = merge_sets(
        [
            read_runs(
                {name: Path(folders[place]) for name, folders in named.items()},
                ComposedQuestions(seed, split=given.split, curriculum=levels, view=given.view),
            )
            for place, seed in enumerate(given.seed)
        ]
    )
    print(escape_controls(render_table(found)))
    print(f"\nGuessing among the options: {compute_chance(found[0].rows):.1%}")


if __name__ == "__main__":
    end_process("rl.compare", _run)
