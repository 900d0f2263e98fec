"""The schema of a preset file: unknown keys are refused, and so is what would fail in the first step."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from rl.options.toml_config import TomlConfig, parse_toml
from rl.rewards import grouped
from rl.rewards.totals import NEEDED

GROUP_TERMS = {"shuffle_bonus": 1, "length_bonus": 2, "curiosity": 1}
"""Number of components that each group reward reads: answers; answers and lengths; the use of tools."""

Turns = Literal["alike", "taura", "steps"]
"""Credit assignment: all turns get the run's advantage, or weighed by how unsure the policy was, or each turn gets
what it and those after it have earned (`rl.objective.advantages`)."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Term(TomlConfig):
    """One component of a reward, with its weight and gates."""

    name: Name
    reward: str = ""
    """Name in `rl.rewards.catalogue`, or FILE.py:FUNCTION; empty where the component has that name."""
    weight: Finite = 1.0
    """Weight in the total; 0 for a component that only gates others, or is only logged."""
    when: dict[Name, Finite] = Field(default_factory=dict)
    """Gates: the component is 0 unless each of these earlier components is above its number."""
    optional: bool = False
    """Whether the total leaves the component out where it does not count; else the total does not count either."""
    settings: dict[str, Any] = Field(default_factory=dict)

    @property
    def function(self) -> str:
        """Name of the reward in the catalogue."""
        return self.reward or self.name


class GroupTerm(TomlConfig):
    """One component of a reward that compares the runs of a group."""

    name: Name
    reward: Literal["shuffle_bonus", "length_bonus", "curiosity"]
    of: list[Name]
    """The components that it reads."""
    weight: Finite = 1.0
    optional: bool = False
    settings: dict[str, Finite] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits(self) -> "GroupTerm":
        wanted = GROUP_TERMS[self.reward]
        if len(self.of) != wanted:
            raise ValueError(f"{self.reward} reads {wanted} components, got {self.of}")
        known = set(getattr(grouped, self.reward).__kwdefaults__)
        if unknown := set(self.settings) - known:
            raise ValueError(
                f"{self.reward} has no setting {sorted(unknown)[0]!r}: known are {', '.join(sorted(known))}"
            )
        return self


class Total(TomlConfig):
    """How components become one total: scale (rule + bias)."""

    rule: Literal["sum", "signed", "signed as released"] = "sum"
    bias: Finite = 0.0
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class Group(TomlConfig):
    """How the totals of a group become advantages, and the loss that they enter."""

    advantage: Literal["grpo", "dr_grpo", "dgrpo"] = "grpo"
    epsilon: Annotated[float, Field(gt=0)] = 1e-4
    noise: Annotated[float, Field(ge=0)] = 0.0
    """Standard deviation of the noise added to advantages."""
    turns: Turns = "alike"
    loss: Literal["clipped", "regression"] = "clipped"
    """Kind of loss; `regression` is Reg-GRPO's."""

    @model_validator(mode="after")
    def _fits(self) -> "Group":
        if self.turns == "steps" and (self.advantage == "dgrpo" or self.noise or self.loss == "regression"):
            raise ValueError('turns = "steps" goes with the advantages grpo and dr_grpo, without noise and regression')
        return self


class Published(TomlConfig):
    """Hyperparameters as published, for a trainer to start from; None where they are not stated, or not known."""

    generations: Annotated[int, Field(ge=1)] | None = None
    shuffled_generations: Annotated[int, Field(ge=1)] | None = None
    """Runs on shuffled frames beside those of the group."""
    kl: Annotated[float, Field(ge=0)] | None = None
    """Weight of the KL divergence from the reference policy."""
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    batch: Annotated[int, Field(ge=1)] | None = None
    epochs: Annotated[float, Field(gt=0)] | None = None
    temperature: Annotated[float, Field(ge=0)] | None = None
    clip_low: Annotated[float, Field(gt=0)] | None = None
    clip_high: Annotated[float, Field(gt=0)] | None = None
    max_turns: Annotated[int, Field(ge=1)] | None = None
    frames: Annotated[int, Field(ge=1)] | None = None
    frames_a_turn: Annotated[int, Field(ge=1)] | None = None
    max_reply_tokens: Annotated[int, Field(ge=1)] | None = None
    hardware: str = ""
    data: str = ""


class PresetFile(TomlConfig):
    """A preset file: paper, components, total, advantages and published hyperparameters."""

    paper: Annotated[str, Field(min_length=1)]
    formula_from: Literal["code", "paper", "notes", "memory", "ours"]
    """Source of the formula: released code, the paper only, notes of others that quote its equations or memory (check
    both before you quote them), or our own."""
    terms: Annotated[list[Term], Field(min_length=1)]
    group_terms: list[GroupTerm] = Field(default_factory=list)
    total: Total = Total()
    group: Group = Group()
    published: Published = Published()

    @model_validator(mode="after")
    def _hangs_together(self) -> "PresetFile":
        seen: list[str] = []
        for term in self.terms:
            if missing := [name for name in term.when if name not in seen]:
                raise ValueError(f"{term.name} waits for {missing[0]!r}, which is no component before it")
            seen.append(term.name)
        for group_term in self.group_terms:
            if missing := [name for name in group_term.of if name not in seen]:
                raise ValueError(f"{group_term.name} reads {missing[0]!r}, which is no component")
        names = [*seen, *(term.name for term in self.group_terms)]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two components are named {twice[0]!r}")
        if missing := [name for name in NEEDED[self.total.rule] if name not in seen]:
            raise ValueError(f'the total "{self.total.rule}" needs a component {missing[0]!r}')
        return self


def parse_preset(text: str, source: str) -> PresetFile:
    """Reads and checks the TOML text of a preset file.

    Raises:
        ValueError: the text is not TOML, has an unknown key, or contradicts itself; says where, with `source`.
    """
    return parse_toml(text, source, PresetFile)
