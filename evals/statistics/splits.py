"""VBenchComp's split of questions: those that need no video, its pictures, or their order.

After arXiv 2505.14321, which sorts questions by what models can do with the video missing or its frames shuffled. How
many must agree is a parameter here, since the published rule is not known to us. Labels depend on the voters: they are
kept with their voters and the rule, and labels of different voters are never mixed.
"""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evals.statistics.row import ResultRow

Probed = Literal["blind", "full", "shuffled"]
Label = Literal["LLM-answerable", "semantic", "temporal", "others"]

LABELS: tuple[Label, ...] = ("LLM-answerable", "semantic", "temporal", "others")
KEY = "VBenchComp"
"""Key under which rows have their label as a group."""


@dataclass(frozen=True, slots=True)
class VoterAnswer:
    """One stored answer of one voter to one question."""

    question: str
    model: str
    order: int
    """Number of the order of the options; a voter is a model with an order."""
    shown: Probed
    """What the voter saw: no video, the video, or the video with its frames shuffled."""
    is_right: bool | None
    """Whether the answer is correct; None where it could not be scored."""


@dataclass(frozen=True)
class Rule:
    """Number of votes that make a label: `needed` of `of`."""

    needed: int = 3
    of: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.of:
            raise ValueError(f"need 1 <= needed <= of, got {self.needed} of {self.of}")

    def luck(self, options: int) -> float:
        """Chance that guessing makes a question LLM-answerable: 1/64 for three of three and four options."""
        p = 1 / options
        return math.fsum(
            math.comb(self.of, hits) * p**hits * (1 - p) ** (self.of - hits) for hits in range(self.needed, self.of + 1)
        )


@dataclass(frozen=True)
class LabelSplit:
    """Labels of questions, with the rule and the voters they come from."""

    rule: Rule
    voters: tuple[str, ...]
    labels: Mapping[str, Label | None]
    """Label by question id; None where a vote is missing, so that no label can be given."""


def split_questions(probes: Sequence[VoterAnswer], rule: Rule) -> LabelSplit:
    """Labels each question by its votes.

    LLM-answerable: correct without the video in enough votes. Else semantic: correct with the video and also with its
    frames shuffled, in enough votes. Else temporal: correct with the video and wrong with its frames shuffled. Else
    others. Where fewer than half of the votes are enough, a question may be both semantic and temporal: it is semantic.

    Raises:
        ValueError: a vote occurs twice, or there are not as many voters as the rule says.
    """
    voters = sorted({_voter(probe) for probe in probes})
    if len(voters) != rule.of:
        raise ValueError(f"the rule wants {rule.of} voters, got {len(voters)}: {', '.join(voters)}")
    votes: dict[str, dict[tuple[Probed, str], bool | None]] = defaultdict(dict)
    for probe in probes:
        vote = probe.shown, _voter(probe)
        if vote in votes[probe.question]:
            raise ValueError(f"{probe.question} has the vote of {vote[1]} on {probe.shown} twice")
        votes[probe.question][vote] = probe.is_right
    labels = {question: _label(found, voters, rule) for question, found in votes.items()}
    return LabelSplit(rule, tuple(voters), labels)


def _voter(probe: VoterAnswer) -> str:
    return f"{probe.model}, order {probe.order}"


def _label(votes: Mapping[tuple[Probed, str], bool | None], voters: Sequence[str], rule: Rule) -> Label | None:
    blind = [votes.get(("blind", voter)) for voter in voters]
    if sum(vote is True for vote in blind) >= rule.needed:
        return "LLM-answerable"
    seen = [(votes.get(("full", voter)), votes.get(("shuffled", voter))) for voter in voters]
    if None in blind or any(None in pair for pair in seen):
        return None
    if seen.count((True, True)) >= rule.needed:
        return "semantic"
    return "temporal" if seen.count((True, False)) >= rule.needed else "others"


def label_rows(rows: Sequence[ResultRow], found: LabelSplit) -> tuple[ResultRow, ...]:
    """The rows that have a label, with it as a group of the key `KEY`."""
    labels = ((row, found.labels.get(row.question)) for row in rows)
    return tuple(replace(row, groups=(*row.groups, (KEY, label))) for row, label in labels if label is not None)


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    voters: list[str]
    needed: Annotated[int, Field(ge=1)]
    of: int
    labels: dict[str, Label | None]


def to_json(found: LabelSplit) -> str:
    """The split as JSON for publishing: labels, voters, rule."""
    rule, voters = found.rule, list(found.voters)
    stored = {"voters": voters, "needed": rule.needed, "of": rule.of, "labels": dict(sorted(found.labels.items()))}
    return json.dumps(stored, ensure_ascii=False, indent=1) + "\n"


def from_json(text: str) -> LabelSplit:
    """Reads a split that `to_json` wrote.

    Raises:
        ValueError: the text is no split; says where.
    """
    try:
        stored = _Stored.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
    if len(stored.voters) != stored.of:
        raise ValueError(f"voters: {len(stored.voters)} of them, but the rule says {stored.of}")
    return LabelSplit(Rule(stored.needed, stored.of), tuple(stored.voters), stored.labels)
