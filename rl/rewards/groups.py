"""Rewards and per-turn advantages of rollout groups, computed by a preset. Pure functions.

What a run earns by itself is computed where it was sampled, so that a judge is asked once; groups are compared by these
numbers, and each process comes to the same result. Runs are ordered by group: those of a group are adjacent.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.trajectory import Trajectory
from evals.example import Example
from evals.scoring.scoring import score
from rl.data.references import Need
from rl.objective.advantages import as_array, compute_step_credit, has_signal, surprise, taura, weigh_group
from rl.rewards.needs import HOW_TO_GIVE
from rl.rewards.preset import GroupRewards, Preset
from rl.rewards.preset_file import Turns
from rl.rewards.turns import own_steps

Push = tuple[float, ...] | None
"""Advantage of each turn of the policy; None where the run does not count."""


@dataclass(frozen=True)
class Credit:
    """Credit assignment: how the rewards of runs become advantages of turns."""

    turns: Turns = "alike"
    easy_weight: float = 1.0
    """Weight of a group that is correct throughout; see `rl.objective.advantages.weigh_group`."""


@dataclass(frozen=True)
class RunScore:
    """What one run earned by itself, in numbers that processes can send each other."""

    components: dict[str, float | None]
    """Components of the reward, before weights; None does not count."""
    answer: float | None
    """Score of the answer by the rules of the benchmark."""
    earned_T: tuple[float, ...]  # noqa: N815 (nested by turn)
    """What each turn of the policy earned by the step rewards; zeros where turns do not share by them."""
    surprises_T: tuple[float | None, ...]  # noqa: N815
    """Mean of -log p of each turn; None where the engine gives no probabilities."""


@dataclass(frozen=True)
class ScoredGroups:
    """Rewards and advantages of all runs, in their order, and the metrics of their groups."""

    rewards: tuple[float | None, ...]
    """Reward of each run; None where it does not count."""
    pushes: tuple[Push, ...]
    teaching: tuple[bool, ...]
    """Whether each group has reward variance, and so a gradient."""
    measures: Mapping[str, float]
    """Means for the log: of each component, of the total, and the shares of groups with reward variance and of those
    that could be measured."""
    unmeasured: tuple[str, ...] = ()
    """Components for want of which a group is left out."""


def check_preset(preset: Preset, credit: Credit | None = None, *, sees_pictures: bool = True) -> None:
    """Refuses a preset that can't be trained with these options.

    Args:
        preset: the reward.
        credit: how turns share the reward; None as the preset says.
        sees_pictures: whether the policy is shown pictures.

    Raises:
        ValueError: the preset has no step rewards to share out, changes advantages that are made anew from them, or
            compares with shuffled frames that the policy can't see.
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


def check_needs(preset: Preset, available: Collection[Need]) -> None:
    """Refuses a preset whose reward needs what this training can't measure: its groups would all be left out.

    Args:
        preset: the reward.
        available: what this training can measure.

    Raises:
        ValueError: a component that is not optional needs more; says what gives it.
    """
    for name, needs in preset.needs.items():
        if missing := sorted(needs - set(available)):
            raise ValueError(f"{preset.name}: its component {name!r} {HOW_TO_GIVE[missing[0]]}")


def score_run(preset: Preset, example: Example, run: Trajectory, credit: Credit) -> RunScore:
    """Scores one run by itself, which may ask a judge.

    Args:
        preset: the reward.
        example: the question with its reference.
        run: the run.
        credit: how turns share the reward.
    """
    turns = own_steps(run)
    return RunScore(
        components=preset.reward(example, run),
        answer=score(example, run).value,
        earned_T=preset.earn_turns(example, run) if credit.turns == "steps" else (0.0,) * len(turns),
        surprises_T=tuple(surprise(step.turn) for step in turns),
    )


def score_groups(
    preset: Preset,
    scores: Sequence[RunScore],
    generations: int,
    generator: np.random.Generator,
    credit: Credit,
    shuffled: Sequence[Sequence[RunScore]] = (),
) -> ScoredGroups:
    """Rewards, advantages of turns and metrics of whole groups.

    Args:
        preset: the reward.
        scores: what each run earned by itself, in whole groups.
        generations: runs in a group.
        generator: source of the noise that some presets add to advantages.
        credit: how turns share the reward.
        shuffled: the runs of each group on shuffled frames, if the preset compares with some.

    Raises:
        ValueError: turns are weighed by log-probabilities, and the sampling engine gave none.
    """
    groups: list[GroupRewards] = []
    pushes: list[Push] = []
    for number, start in enumerate(range(0, len(scores), generations)):
        scores_G = scores[start : start + generations]  # noqa: N806 (nested by run)
        beside = [one.components for one in shuffled[number]] if shuffled else []
        group = preset.compare([one.components for one in scores_G], beside)
        weight = weigh_group(as_array([one.answer for one in scores_G]), credit.easy_weight)
        shared = _compute_group_advantages(preset, scores_G, group, credit, generator)
        pushes += [None if push is None else tuple(weight * one for one in push) for push in shared]
        groups.append(group)
    rewards = tuple(total for group in groups for total in group.totals_G)
    teaching = tuple(has_signal(as_array(group.totals_G)) for group in groups)
    unmeasured = tuple(dict.fromkeys(name for group in groups for name in group.unmeasured))
    return ScoredGroups(rewards, tuple(pushes), teaching, _compute_metrics(rewards, groups, teaching), unmeasured)


def _compute_group_advantages(
    preset: Preset,
    scores_G: Sequence[RunScore],  # noqa: N803 (nested by run)
    group: GroupRewards,
    credit: Credit,
    generator: np.random.Generator,
) -> Sequence[Push]:
    """Advantages of one group by run and turn."""
    pairs = list(zip(scores_G, group.totals_G, strict=True))
    if credit.turns == "steps":
        earned = [None if total is None else _add_rest(one.earned_T, total) for one, total in pairs]
        is_scaled = preset.recipe.group.advantage == "grpo"
        return compute_step_credit(earned, preset.recipe.group.epsilon, is_scaled=is_scaled)
    advantages_G = preset.advantages(group.totals_G, generator)  # noqa: N806
    weights_G_T = [  # noqa: N806 (nested by run, then by turn)
        () if total is None else _check_surprises(one) if credit.turns == "taura" else (1.0,) * len(one.surprises_T)
        for one, total in pairs
    ]
    each = taura(advantages_G, weights_G_T)
    return [None if total is None else tuple(a.tolist()) for a, total in zip(each, group.totals_G, strict=True)]


def _add_rest(earned_T: Sequence[float], total: float) -> tuple[float, ...]:  # noqa: N803 (nested by turn)
    """What the turns earned, the last one with the rest of the total."""
    return (*earned_T[:-1], earned_T[-1] + total - sum(earned_T))


def _check_surprises(one: RunScore) -> tuple[float, ...]:
    known = tuple(value for value in one.surprises_T if value is not None)
    if len(known) < len(one.surprises_T):
        raise ValueError('turns = "taura" weighs turns by log-probabilities, and the engine that played tells none')
    return known


def _compute_metrics(
    rewards: Sequence[float | None], groups: Sequence[GroupRewards], teaching: Sequence[bool]
) -> dict[str, float]:
    """Means over the runs and groups that count, by name in the log; a name is missing where none does."""
    components = [one for group in groups for one in group.components_G]
    columns: dict[str, list[float | None]] = {"score": list(rewards)}
    for name in components[0]:
        columns[f"score/{name}"] = [one[name] for one in components]
    known = {name: [value for value in column if value is not None] for name, column in columns.items()}
    measures = {name: float(np.mean(values)) for name, values in known.items() if values}
    measured = [not group.unmeasured for group in groups]
    return measures | {"groups/teaching": float(np.mean(teaching)), "groups/measured": float(np.mean(measured))}
