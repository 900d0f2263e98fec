"""From the runs of several groups to what each is worth and how hard each of its turns pushes: pure, by a preset.

Runs stand group by group, each group's runs behind each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.trajectory import Trajectory
from evals.example import Example
from evals.scoring.scoring import score
from rl.objective.advantages import as_array, easy_weighs, has_signal, step_credit, surprise, taura
from rl.rewards.preset import GroupRewards, Preset
from rl.rewards.preset_file import Turns
from rl.rewards.turns import own_steps

Push = tuple[float, ...] | None
"""The advantage of each turn of the policy; None where the run does not count."""


@dataclass(frozen=True)
class Credit:
    """How the worth of runs becomes a push."""

    turns: Turns = "alike"
    easy_weight: float = 1.0
    """Of a group that is right throughout; see `rl.objective.advantages.easy_weighs`."""


@dataclass(frozen=True)
class ScoredGroups:
    """Of all runs, in their order."""

    rewards: tuple[float | None, ...]
    """None: the run does not count."""
    pushes: tuple[Push, ...]
    teaching: tuple[bool, ...]
    """Of each group, whether its runs differ in worth."""
    measures: Mapping[str, float]
    """For the log: the mean of each component and of the whole, and how many groups teach anything."""


def check_preset(preset: Preset, credit: Credit | None = None, *, sees_pictures: bool = True) -> None:
    """ValueError where a preset can't be trained so.

    Args:
        preset: the reward.
        credit: how it is shared; None as the preset says.
        sees_pictures: whether the policy is shown any.
    """
    turns = preset.recipe.group.turns if credit is None else credit.turns
    if turns == "steps" and not preset.has_steps:
        raise ValueError(
            f'{preset.name} tells nothing turn by turn, so turns = "steps" has nothing to share out: take "alike" or '
            '"taura", or a preset with step rewards, as video-mtr'
        )
    group = preset.recipe.group
    if turns == "steps" and (group.advantage == "dgrpo" or group.noise):
        raise ValueError(
            f'{preset.name} weighs or blurs its advantages, which turns = "steps" makes anew: take "alike"'
        )
    if preset.compares_shuffled and not sees_pictures:
        raise ValueError(
            f"{preset.name} compares with runs on shuffled frames, and this policy is shown no frames: take a model "
            "that sees, or leave the shuffle_bonus out, in a preset of your own"
        )


def score_groups(
    preset: Preset,
    examples: Sequence[Example],
    runs: Sequence[Trajectory],
    generations: int,
    generator: np.random.Generator,
    credit: Credit | None = None,
    shuffled: Sequence[Sequence[Trajectory]] = (),
) -> ScoredGroups:
    """What the runs are worth.

    Args:
        preset: the reward.
        examples: the question of each run.
        runs: whole groups.
        generations: runs a group.
        generator: for presets that add noise to advantages.
        credit: how it is shared; None as the preset says.
        shuffled: for each group its runs on shuffled frames, if the preset compares with some.

    Raises:
        ValueError: the engine that played tells no log-probabilities, and turns are weighed by them.
    """
    credit = credit or Credit(preset.recipe.group.turns)
    groups: list[GroupRewards] = []
    pushes: list[Push] = []
    for number, start in enumerate(range(0, len(runs), generations)):
        runs_G = runs[start : start + generations]  # noqa: N806 (nested by run)
        group = preset.group(examples[start], runs_G, shuffled[number] if shuffled else ())
        answers_G = as_array([score(examples[start], run).value for run in runs_G])  # noqa: N806
        weight = easy_weighs(answers_G, credit.easy_weight)
        shared = _shared(preset, examples[start], runs_G, group, credit, generator)
        pushes += [None if push is None else tuple(weight * one for one in push) for push in shared]
        groups.append(group)
    rewards = tuple(total for group in groups for total in group.totals_G)
    teaching = tuple(has_signal(as_array(group.totals_G)) for group in groups)
    return ScoredGroups(rewards, tuple(pushes), teaching, _measures(rewards, groups, teaching))


def _shared(
    preset: Preset,
    example: Example,
    runs_G: Sequence[Trajectory],  # noqa: N803
    group: GroupRewards,
    credit: Credit,
    generator: np.random.Generator,
) -> Sequence[Push]:
    """The pushes of one group, turn by turn."""
    pairs = list(zip(runs_G, group.totals_G, strict=True))
    if credit.turns == "steps":
        earned = [None if total is None else preset.by_turn(example, run, total) for run, total in pairs]
        is_scaled = preset.recipe.group.advantage == "grpo"
        return step_credit(earned, preset.recipe.group.epsilon, is_scaled=is_scaled)
    advantages_G = preset.advantages(group.totals_G, generator)  # noqa: N806
    weights_G_T = [  # noqa: N806 (nested by run, then by turn)
        () if total is None else _surprises(run) if credit.turns == "taura" else (1.0,) * len(own_steps(run))
        for run, total in pairs
    ]
    each = taura(advantages_G, weights_G_T)
    return [None if total is None else tuple(a.tolist()) for a, total in zip(each, group.totals_G, strict=True)]


def _surprises(run: Trajectory) -> tuple[float, ...]:
    found = [surprise(step.turn) for step in own_steps(run)]
    known = tuple(value for value in found if value is not None)
    if len(known) < len(found):
        raise ValueError('turns = "taura" weighs turns by log-probabilities, and the engine that played tells none')
    return known


def _measures(
    rewards: Sequence[float | None], groups: Sequence[GroupRewards], teaching: Sequence[bool]
) -> dict[str, float]:
    """Means over what counts; a name is missing where nothing does. TRL's own `reward` is what it is told."""
    components = [one for group in groups for one in group.components_G]
    columns: dict[str, list[float | None]] = {"score": list(rewards)}
    for name in components[0]:
        columns[f"score/{name}"] = [one[name] for one in components]
    known = {name: [value for value in column if value is not None] for name, column in columns.items()}
    measures = {name: float(np.mean(values)) for name, values in known.items() if values}
    return measures | {"groups/teaching": float(np.mean(teaching))}
