"""From the runs of several groups to what each is worth and how hard it pushes: pure, by a preset.

Runs stand group by group, each group's runs behind each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.trajectory import Trajectory
from evals.example import Example
from rl.advantages import as_array, has_signal
from rl.preset import Preset


@dataclass(frozen=True)
class Judged:
    """Of all runs, in their order."""

    rewards: tuple[float | None, ...]
    """None: the run does not count."""
    pushes: tuple[float | None, ...]
    """Advantages; None where the run does not count."""
    measures: Mapping[str, float]
    """For the log: the mean of each component and of the whole, and how many groups teach anything."""


def check_preset(preset: Preset) -> None:
    """ValueError where a preset wants what this trainer does not do."""
    group = preset.recipe.group
    if group.turns != "alike":
        raise ValueError(f"{preset.name} gives each turn its own advantage ({group.turns}), which is not trained yet")
    if group.loss != "clipped":
        raise ValueError(f"{preset.name} predicts advantages instead of clipping ({group.loss}), not trained yet")
    if any(term.reward == "shuffle_bonus" for term in preset.recipe.group_terms):
        raise ValueError(f"{preset.name} compares with runs on shuffled frames, which are not played in training yet")


def judged(
    preset: Preset,
    examples: Sequence[Example],
    runs: Sequence[Trajectory],
    generations: int,
    generator: np.random.Generator,
) -> Judged:
    """What the runs are worth.

    Args:
        preset: the reward.
        examples: the question of each run.
        runs: whole groups.
        generations: runs a group.
        generator: for presets that add noise to advantages.
    """
    rewards: list[float | None] = []
    pushes: list[float | None] = []
    components: list[dict[str, float | None]] = []
    signals: list[bool] = []
    for start in range(0, len(runs), generations):
        group = preset.group(examples[start], runs[start : start + generations])
        found = preset.advantages(group.totals_G, generator)
        pairs = zip(group.totals_G, found, strict=True)
        pushes += [None if total is None else float(push) for total, push in pairs]
        rewards += group.totals_G
        components += group.components_G
        signals.append(has_signal(as_array(group.totals_G)))
    return Judged(tuple(rewards), tuple(pushes), _measures(rewards, components, signals))


def _measures(
    rewards: Sequence[float | None], components: Sequence[dict[str, float | None]], signals: Sequence[bool]
) -> dict[str, float]:
    """Means over what counts; a name is missing where nothing does. TRL's own `reward` is what it is told: a push."""
    columns: dict[str, list[float | None]] = {"score": list(rewards)}
    for name in components[0]:
        columns[f"score/{name}"] = [one[name] for one in components]
    known = {name: [value for value in column if value is not None] for name, column in columns.items()}
    measures = {name: float(np.mean(values)) for name, values in known.items() if values}
    return measures | {"groups/teaching": float(np.mean(signals))}
