"""Ranks the pieces of text and speech by how likely they answer an open question: a fitted linear ranker.

The weights of the features (`candidates`) are a conditional logit (McFadden 1974), so that scores give probabilities;
`evals.ranker` fits them on generated questions, and with them the confidence of the best piece.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from agent.policies.lite_rules.lines import FoundLine, Similarity
from agent.policies.lite_rules.pieces.candidates import (
    FIRST_ASKED,
    FITTING,
    ITEM,
    TYPE_SIGNS,
    build_candidates,
    find_group,
    select_signs,
)
from agent.policies.lite_rules.reading import ParsedQuestion
from agent.policies.lite_rules.words import normalize, parse_number
from tools.observation import Box
from tools.plain_data import loads_json

_MOST_SHARE = 0.97
"""Share among the pieces that counts at most: a piece that has no other beside it is none the surer for it."""
_APART = 0.15
"""Connection below which a piece is apart from the question: from there on it hardly matters how close it is."""


@dataclass(frozen=True)
class Ranked:
    """A possible answer with the line that it was found in."""

    text: str
    line: FoundLine
    probability: float
    """Probability of being the answer, if one of the pieces is; all sum to 1."""
    signs: Mapping[str, float]
    """Features of the piece that its confidence depends on."""
    score: float
    """Weighted sum of the features: where there is little to choose from, even a poor piece is the likeliest."""


def rank(
    reading: ParsedQuestion,
    lines: Sequence[FoundLine],
    moments: Sequence[float] = (),
    similarity: Similarity | None = None,
    areas: Sequence[Box] = (),
) -> list[Ranked]:
    """Ranks the pieces of lines, the likeliest answer first; a text of several lines counts once, with its best line.

    Args:
        reading: the parsed question.
        lines: lines of the seconds that the question can mean.
        moments: seconds at which the picture fits the question, best first.
        similarity: similarity of meaning; None where no text encoder is installed.
        areas: parts of the picture that the question means; empty for all of it.
    """
    scored = [(compute_score(c.features), c) for c in build_candidates(reading, lines, moments, similarity, areas)]
    if not scored:
        return []
    scored.sort(key=lambda pair: -pair[0])
    powers = [math.exp(value - scored[0][0]) for value, _ in scored]
    found: dict[str, Ranked] = {}
    for power, (value, candidate) in zip(powers, scored, strict=True):
        known = found.setdefault(
            normalize(candidate.text),
            Ranked(candidate.text, candidate.line, 0.0, select_signs(candidate.features), value),
        )
        found[normalize(candidate.text)] = replace(known, probability=known.probability + power / sum(powers))
    return sorted(found.values(), key=lambda item: -item.probability)


def compute_score(features: Mapping[str, float]) -> float:
    """The sum of features by the fitted weights."""
    weights = _load_weights()["weights"]
    return sum(weights.get(name, 0.0) * value for name, value in features.items())


def compute_confidence(reading: ParsedQuestion, ranked: Sequence[Ranked]) -> float:
    """The calibrated probability that the first of ranked pieces is right, 0..1."""
    signs = compute_confidence_features(reading, ranked[0].probability, ranked[0].score, ranked[0].signs)
    return weigh_confidence(signs, _load_weights()["confidence"])


def weigh_confidence(signs: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The confidence, 0..1, by its features and their weights."""
    return 1 / (1 + math.exp(-sum(weights.get(name, 0.0) * value for name, value in signs.items())))


def compute_confidence_features(
    reading: ParsedQuestion, probability: float, score: float, signs: Mapping[str, float]
) -> dict[str, float]:
    """The features of the confidence in the first piece.

    Args:
        reading: the parsed question.
        probability: the piece's probability among the others.
        score: the piece's score.
        signs: the signs of the piece that `select_signs` gives.
    """
    share = min(_MOST_SHARE, max(1 - _MOST_SHARE, probability))
    group, odds = find_group(reading), math.log(share / (1 - share))
    connection = signs["connection"]
    is_apart = connection < _APART
    only = f"only {reading.senses[0]}" if len(reading.senses) == 1 else "any sense"
    return {
        group: 1.0,
        only: 1.0,
        f"{only}, apart": float(is_apart),
        f"{group} odds": odds,
        f"{group} score": score / 10,
        # half: the penalty of the fit then holds a kind nearer to its group
        f"asked for {reading.wants}": 0.5,
        "connection": min(1.0, connection),
        "apart from its topic": float(is_apart and _has_topic(reading)),
        "apart from its topic, odds": odds * (is_apart and _has_topic(reading)),
        "untyped, apart": signs["of no type"] * is_apart,
        "untyped, apart, odds": signs["of no type"] * is_apart * odds,
        "named sense": float(reading.is_sense_named),
        **{name: signs[name] for name in TYPE_SIGNS},
        f"{group} {FIRST_ASKED}": signs[FIRST_ASKED],
        "may be seen": float(reading.senses[0] == "picture"),
        "may be seen, apart": (reading.senses[0] == "picture") * (1 - min(1.0, connection)),
    }


def _has_topic(reading: ParsedQuestion) -> bool:
    """Whether a question says what it is about, beside the kind of answer and the sense: then a line should be, too."""
    language = reading.language
    known = [ITEM, *(language.senses[name] for name in ("speech", "text", "written", "saying"))]
    if len(FITTING.get(reading.wants, ())) == 1:  # the form of such a piece shows its kind
        known.append(language.wants[reading.wants])
    named = (word for word in reading.asked if parse_number(word) is None)
    return any(not any(pattern.search(word) for pattern in known) for word in named)


@cache
def _load_weights() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = loads_json(files(__package__).joinpath("weights.json").read_text())
    return found
