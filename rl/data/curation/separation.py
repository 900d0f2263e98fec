"""Measures whether a building kept the better questions: how far a policy that sees and a blind one are apart.

    python -m rl.data.curation.separation RUN --policy lite

Plays every candidate of RUN with the whole video, and without it, with the options in another order than the one in
which the filters asked. Where the policy was a probe too, its blind answers are no independent measure: what it
answered rightly in the set's order was dropped. Runs are kept in RUN, and played once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from agent.ending import Parser
from agent.policies.registry import open_policy
from agent.policy import PolicyOptions
from agent.terminal import tell
from agent.trajectory import Question
from evals.benchmarks.records import read_jsonl_rows
from evals.command_line import end_with_page
from evals.controls.blind import give_nothing, plan_without_video
from evals.controls.control import Control, ControlPlan
from evals.controls.subject import ControlSubject
from evals.datasets.composed import open_composed
from evals.statistics.bootstrap import DRAWS
from evals.statistics.tables import render_table
from rl.data.curation.building import CANDIDATES, read_terms
from rl.data.curation.conditions import WHOLE, Condition, OpenPolicy, Player, Say, read_outcomes

_LEVELS = (2.5, 97.5)


def _turn_options(question: Question) -> Question:
    return replace(question, options=(*question.options[1:], *question.options[:1]))


def _plan_turned(subjects: Sequence[ControlSubject]) -> ControlPlan:
    return plan_without_video([replace(one, question=_turn_options(one.question)) for one in subjects])


TURNED = Condition("blind-turned", Control("No video, the options turned by one place.", _plan_turned, give_nothing))


@dataclass(frozen=True)
class Separation:
    """The difference of accuracy with and without the video, in a group of questions."""

    questions: int
    seeing: float
    blind: float

    @property
    def difference(self) -> float:
        """Accuracy with the video less accuracy without it, -1..1."""
        return self.seeing - self.blind


@dataclass(frozen=True)
class SeparationGain:
    """Separation over all candidates and over those that were kept."""

    everything: Separation
    kept: Separation
    low: float
    """Lower end of the 95 % interval of the gain, by drawing videos."""
    high: float

    @property
    def gain(self) -> float:
        """Separation of the kept questions less that of all, -2..2."""
        return self.kept.difference - self.everything.difference


def measure_separation(folder: Path, opened: OpenPolicy, role: str, say: Say = lambda _: None) -> SeparationGain:
    """Plays what is missing and compares.

    Args:
        folder: folder of a building over a set.
        opened: opens the policy.
        role: name of the policy, for the files of its runs.
        say: prints a line.

    Raises:
        ValueError: the folder holds no building over a set, or nothing was kept.
        PolicyError: the policy fails again and again.
    """
    terms = read_terms(folder)
    candidates = open_composed(terms.data)
    examples = candidates.examples()
    player = Player(folder, candidates.asking.entries, terms.encoder, terms.concurrency, say=say)
    values = []
    for condition in (WHOLE, TURNED):
        path = player.play(examples.keys(), f"separation-{role}", opened, condition)
        outcomes = read_outcomes(path, examples, examples.keys())
        values.append({name: bool(runs[0].is_right) for name, runs in outcomes.items() if runs[0].is_right is not None})
    fates = {row.name("id"): row.values["kept"] is True for row in read_jsonl_rows(folder / CANDIDATES)}
    names = [name for name in examples if all(name in found for found in values)]
    if not any(fates[name] for name in names):
        raise ValueError(f"{folder} kept nothing that was measured: there is nothing to compare")
    return compare_groups(
        [values[0][name] for name in names],
        [values[1][name] for name in names],
        [fates[name] for name in names],
        [examples[name].cluster for name in names],
    )


def compare_groups(
    seeing: Sequence[bool], blind: Sequence[bool], is_kept: Sequence[bool], videos: Sequence[str], seed: int = 0
) -> SeparationGain:
    """The gain in separation with its interval, by drawing videos with all their questions.

    Args:
        seeing: whether each question was answered rightly with its video.
        blind: whether each was answered rightly without it.
        is_kept: whether each was kept.
        videos: video of each.
        seed: seed of the draws.
    """
    right = np.array([seeing, blind], float)  # (2, N)
    kept = np.array(is_kept, float)  # (N,)
    places = {video: place for place, video in enumerate(dict.fromkeys(videos))}
    of = np.array([places[video] for video in videos])
    differences = right[0] - right[1]
    columns = (differences, np.ones(len(of)), differences * kept, kept)
    sums = np.stack([np.bincount(of, column) for column in columns], axis=1)  # (videos, 4)
    drawn = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), DRAWS) @ sums
    drawn = drawn[drawn[:, 3] > 0]
    low, high = np.percentile(drawn[:, 2] / drawn[:, 3] - drawn[:, 0] / drawn[:, 1], _LEVELS)
    chosen = kept > 0
    everything, those = (
        Separation(int(group.sum()), float(right[0][group].mean()), float(right[1][group].mean()))
        for group in (np.ones_like(chosen), chosen)
    )
    return SeparationGain(everything, those, float(low), float(high))


def render_gain(found: SeparationGain, policy: str) -> str:
    """The comparison as Markdown."""
    rows = [
        [name, str(one.questions), *(f"{100 * value:.1f}" for value in (one.seeing, one.blind, one.difference))]
        for name, one in (("all candidates", found.everything), ("kept", found.kept))
    ]
    header = ["", "questions", f"`{policy}`, percent", "blind, percent", "apart, points"]
    gain = f"{100 * found.gain:+.1f} points [{100 * found.low:.1f}, {100 * found.high:.1f}]"
    return f"{render_table(header, rows)}\n\nThe kept are further apart by {gain}, 95 % by drawing videos.\n"


def main(arguments: Sequence[str] | None = None) -> str:
    """The comparison of a building as Markdown.

    Raises:
        ValueError: the folder holds no building over a set.
        PolicyError: the policy can't be had.
    """
    parser = Parser("python -m rl.data.curation.separation", description="Are kept questions better ones?")
    parser.add_argument("run", type=Path, metavar="RUN", help="what rl.data.curation --out wrote")
    parser.add_argument("--policy", default="lite", metavar="SPEC")
    got = parser.parse_args(arguments)
    opened = partial(open_policy, got.policy, PolicyOptions(concurrency=1))
    role = "".join(letter if letter.isalnum() else "-" for letter in got.policy)
    return render_gain(measure_separation(got.run, opened, role, tell), got.policy)


if __name__ == "__main__":
    end_with_page("rl.data.curation.separation", main)
