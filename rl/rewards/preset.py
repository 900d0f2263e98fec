"""A reward as it was published: components by name, how they add up, and the advantages within a group.

preset = load_preset("timesearch-r")
preset.reward(example, trajectory)           # {"format": 1.0, "answer": 1.0, "from_evidence": None}
preset.group(example, trajectories).totals_G # (None, 1.5, ...): one number for each run
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np

from agent.trajectory import Trajectory
from evals.example import Example
from rl.data.references import Need
from rl.objective import advantages
from rl.objective.advantages import Array
from rl.rewards import grouped
from rl.rewards.aids import Aids
from rl.rewards.catalogue import STEP_REWARDS, Reward, get_reward, get_step_reward, is_broken_off
from rl.rewards.grouped import Rewards
from rl.rewards.needs import NEEDS
from rl.rewards.preset_file import GroupTerm, PresetFile, Term, parse_preset
from rl.rewards.steps import Steps
from rl.rewards.totals import RULES
from rl.rewards.turns import own_steps
from tools.plain_data import read_plain_text


@dataclass(frozen=True)
class GroupRewards:
    """Rewards of all runs of one question, in their order: by component, and in total."""

    components_G: tuple[dict[str, float | None], ...]  # noqa: N815 (nested by run)
    """Components of each run, before weights; None does not count."""
    totals_G: Rewards  # noqa: N815
    """Total of each run; None leaves the run out, and of all runs where one that ended could not be measured."""
    unmeasured: tuple[str, ...] = ()
    """Components for want of which the group is left out."""


@dataclass(frozen=True)
class Preset:
    """A preset file with the aids that its rewards use."""

    name: str
    recipe: PresetFile
    aids: Aids = field(default_factory=Aids)

    @cached_property
    def _rewards(self) -> dict[str, Reward]:
        return {term.name: get_reward(term.function, term.settings, self.aids) for term in self.recipe.terms}

    def at(self, progress: float) -> "Preset":
        """This preset at another progress of training, 0..1, for rewards that grow stricter."""
        return replace(self, aids=replace(self.aids, progress=progress))

    def reward(self, example: Example, trajectory: Trajectory) -> dict[str, float | None]:
        """The components of one run by name, before weights; None does not count, 0 where the gate is shut."""
        if is_broken_off(trajectory):
            return {term.name: None for term in self.recipe.terms}
        found: dict[str, float | None] = {}
        for term in self.recipe.terms:
            found[term.name] = self._component(term, found, example, trajectory)
        return found

    def _component(
        self, term: Term, found: dict[str, float | None], example: Example, trajectory: Trajectory
    ) -> float | None:
        is_open = _check_gate(term, found)
        if is_open is None:
            return None
        if not is_open and not term.optional:  # saves a call of the judge
            return 0.0
        value = self._rewards[term.name](example, trajectory)
        return None if value is None else value * is_open

    def total(self, components: dict[str, float | None]) -> float | None:
        """The total of one run's components, without those that compare runs; None leaves the run out.

        A component that does not count takes the total with it, unless its term is optional: what could not be
        measured must not look like a low reward.
        """
        if any(components[term.name] is None and not term.optional for term in self.recipe.terms):
            return None
        weights = {term.name: term.weight for term in self.recipe.terms}
        value = RULES[self.recipe.total.rule](components, weights)
        return None if value is None else self.recipe.total.scale * (value + self.recipe.total.bias)

    def steps(self, example: Example, trajectory: Trajectory) -> dict[str, Steps]:
        """Weighted step rewards of one run by component, after their gates: one number for each turn."""
        components = self.reward(example, trajectory)
        found: dict[str, Steps] = {}
        for term in self.recipe.terms:
            if term.function in STEP_REWARDS:
                each = get_step_reward(term.function, term.settings, self.aids)(example, trajectory)
                scale = term.weight if _check_gate(term, components) else 0.0
                found[term.name] = tuple(None if value is None else scale * value for value in each)
        return found

    @property
    def has_steps(self) -> bool:
        """Whether any component is a step reward."""
        return any(term.function in STEP_REWARDS for term in self.recipe.terms)

    @property
    def needs(self) -> dict[str, frozenset[Need]]:
        """What each component without which a run does not count needs, gates and the components it reads included."""
        needs: dict[str, frozenset[Need]] = {}
        for term in self.recipe.terms:
            own = {NEEDS[term.function]} if term.function in NEEDS else set()
            needs[term.name] = frozenset(own.union(*(needs[name] for name in term.when)))
        for group_term in self.recipe.group_terms:
            needs[group_term.name] = frozenset().union(*(needs[name] for name in group_term.of))
        return {name: needs[name] for name in self._required}

    @property
    def _required(self) -> tuple[str, ...]:
        """Components without which a run does not count."""
        terms: tuple[Term | GroupTerm, ...] = (*self.recipe.terms, *self.recipe.group_terms)
        return tuple(term.name for term in terms if not term.optional)

    @property
    def compares_shuffled(self) -> bool:
        """Whether runs on shuffled frames are needed for comparison."""
        return any(term.reward == "shuffle_bonus" for term in self.recipe.group_terms)

    def earn_turns(self, example: Example, trajectory: Trajectory) -> tuple[float, ...]:
        """What each turn of the policy earns by itself, by the step rewards; 0 without any."""
        earned_T = [0.0] * len(own_steps(trajectory))  # noqa: N806 (nested by turn)
        for rewards_T in self.steps(example, trajectory).values():  # noqa: N806
            for turn, value in enumerate(rewards_T):
                earned_T[turn] += self.recipe.total.scale * (value or 0.0)
        return tuple(earned_T)

    def group(
        self,
        example: Example,
        runs_G: Sequence[Trajectory],  # noqa: N803 (nested by run)
        shuffled_S: Sequence[Trajectory] = (),  # noqa: N803 (runs on shuffled frames)
    ) -> GroupRewards:
        """Rewards of all runs of a question, those that compare runs included.

        Args:
            example: the question with its reference.
            runs_G: the runs of the group.
            shuffled_S: runs of the question on shuffled frames, for rewards that compare with them.
        """
        components_G = [self.reward(example, run) for run in runs_G]  # noqa: N806
        return self.compare(components_G, [self.reward(example, run) for run in shuffled_S])

    def compare(
        self,
        components_G: Sequence[dict[str, float | None]],  # noqa: N803 (nested by run)
        shuffled_S: Sequence[dict[str, float | None]] = (),  # noqa: N803 (runs on shuffled frames)
    ) -> GroupRewards:
        """Rewards of all runs of a question by what `reward` gave for each of them.

        Args:
            components_G: the components of each run.
            shuffled_S: those of the runs on shuffled frames.
        """
        found_G = [dict(components) for components in components_G]  # noqa: N806
        totals_G = [self.total(components) for components in found_G]  # noqa: N806
        for term in self.recipe.group_terms:
            extra_G = self._compute_group_term(term, found_G, shuffled_S)  # noqa: N806
            for n, (components, extra) in enumerate(zip(found_G, extra_G, strict=True)):
                components[term.name] = None if _is_empty(components_G[n]) else extra
                totals_G[n] = self._add_group_term(totals_G[n], components[term.name], term)
        unmeasured = self._list_unmeasured(found_G, totals_G)
        if unmeasured:  # the runs that happen to be measured, mostly wrong ones, would be judged among themselves
            totals_G = [None] * len(totals_G)  # noqa: N806
        return GroupRewards(tuple(found_G), tuple(totals_G), unmeasured)

    def advantages(self, totals_G: Sequence[float | None], generator: np.random.Generator) -> Array:  # noqa: N803
        """Advantage of each run of a group, (G,) float64; 0, without noise, where the run does not count."""
        rewards_G, group = advantages.as_array(totals_G), self.recipe.group  # noqa: N806
        if group.advantage == "dr_grpo":
            found = advantages.dr_grpo(rewards_G)
        else:
            found = (advantages.dgrpo if group.advantage == "dgrpo" else advantages.grpo)(rewards_G, group.epsilon)
        noisy = advantages.add_noise(found, group.noise, generator) if group.noise else found
        return np.where(np.isnan(rewards_G), 0.0, noisy)

    def _compute_group_term(
        self,
        term: GroupTerm,
        components_G: Sequence[dict[str, float | None]],  # noqa: N803
        shuffled_S: Sequence[dict[str, float | None]],  # noqa: N803
    ) -> Rewards:
        read = [tuple(components[name] for components in components_G) for name in term.of]
        if term.reward == "shuffle_bonus":
            shuffled = tuple(components[term.of[0]] for components in shuffled_S)
            return grouped.shuffle_bonus(read[0], shuffled, **term.settings)
        if term.reward == "length_bonus":
            return grouped.length_bonus(read[0], read[1], **term.settings)
        return grouped.curiosity(read[0], **term.settings)

    def _list_unmeasured(
        self,
        components_G: Sequence[dict[str, float | None]],  # noqa: N803
        totals_G: Sequence[float | None],  # noqa: N803
    ) -> tuple[str, ...]:
        """Components that a run which ended has not, and needs for its total."""
        lacking = [
            components
            for components, total in zip(components_G, totals_G, strict=True)
            if total is None and not _is_empty(components)
        ]
        return tuple(name for name in self._required if any(components[name] is None for components in lacking))

    def _add_group_term(self, total: float | None, extra: float | None, term: GroupTerm) -> float | None:
        if total is None or (extra is None and not term.optional):
            return None
        return total + self.recipe.total.scale * term.weight * (extra or 0.0)


def _is_empty(components: dict[str, float | None]) -> bool:
    """Whether nothing of a run was measured, as where it broke off."""
    return all(value is None for value in components.values())


def _check_gate(term: Term, found: dict[str, float | None]) -> bool | None:
    """Whether all components that gate a term are above their thresholds; None if one does not count."""
    values = [(found[name], least) for name, least in term.when.items()]
    if any(value is not None and value <= least for value, least in values):
        return False
    return None if any(value is None for value, _ in values) else True


def list_presets() -> tuple[str, ...]:
    """The names of the presets that come with this package, in order."""
    found = (Path(entry.name) for entry in files("rl").joinpath("presets").iterdir())
    return tuple(sorted(path.stem for path in found if path.suffix == ".toml"))


def load_preset(name_or_path: str | Path, aids: Aids | None = None) -> Preset:
    """The preset of a name, as `videokr`, or of a TOML file of your own.

    Args:
        name_or_path: a name of `list_presets()`; what ends in `.toml` is a path.
        aids: a judge, reference boxes; rewards that need missing ones do not count.

    Raises:
        ValueError: no such preset, or its file can't be used; says why, and which presets there are.
        FileNotFoundError: there is no such file.
    """
    if str(name_or_path).endswith(".toml"):
        text, name = read_plain_text(Path(name_or_path)), Path(name_or_path).stem
    elif name_or_path in list_presets():
        name = str(name_or_path)
        text = files("rl").joinpath("presets", f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise ValueError(
            f"no preset {str(name_or_path)!r}: known are {', '.join(list_presets())}; or give a .toml file"
        )
    preset = Preset(name, parse_preset(text, str(name_or_path)), aids or Aids())
    try:
        _ = preset._rewards  # checks the settings, which happens when they are bound
    except ValueError as error:
        raise ValueError(f"{name_or_path}: {error}") from error
    return preset
