"""Parts that families are made of: rows of screen text, speech, questions, names and dates."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from evals.ranker import vocabulary as v

Row = tuple[str, float, float, float]
"""A line of screen text as (text, left, top, height), in fractions of the picture."""


@dataclass(frozen=True)
class Ask:
    """A generated question with its accepted answers."""

    question: str
    right: tuple[str, ...]
    scene: int | None = None
    """Index of the screen that shows the answer; None where it is said."""
    points: bool = False
    """Whether the picture there, and not the words, matches the question."""
    timed: bool = False
    """Whether the question needs to name the second."""


@dataclass
class Shown:
    """Screens, speech and questions that a family puts into a video."""

    scenes: list[list[Row]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    unstated: list[tuple[str, str | dict[str, str]]] = field(default_factory=list)
    """What is not told of the things that are told of: kinds of phrasings, each with its thing."""


def ask(rng: Random, kind: str, x: str | dict[str, str] = "", english: float = 0.6) -> str:
    """A random phrasing of a question, in one of the six languages.

    Args:
        rng: source of randomness.
        kind: kind of question, a key of the phrasings.
        x: word that the question is about, or its translations by language.
        english: share of questions in English, 0..1.
    """
    language = "en" if rng.random() < english else rng.choice(v.LANGUAGES)
    word = x if isinstance(x, str) else x[language]
    return rng.choice(v.PHRASINGS[kind][language]).format(x=word)


def pick_unstated(
    rng: Random, things: Sequence[str | dict[str, str]], *kinds: str
) -> list[tuple[str, str | dict[str, str]]]:
    """One kind of question, of those that a family never answers, for each thing that it tells of."""
    return [(rng.choice(kinds), thing) for thing in things]


def cased(rng: Random, text: str) -> str:
    """The text in capitals or unchanged, at random, as screens write."""
    return text.upper() if rng.random() < 0.5 else text


def column(rng: Random, texts: list[str], left: float = 0.1, height: float = 0.06) -> list[Row]:
    """Rows below one another, at a random distance.

    Args:
        rng: source of randomness.
        texts: text of each row.
        left: left end of the rows, 0..1.
        height: height of a row, 0..1.
    """
    top, gap = rng.uniform(0.05, 0.3), height * rng.uniform(1.3, 2.2)
    return [(text, left, top + gap * i, height) for i, text in enumerate(texts)]


def paired(rng: Random, pairs: list[tuple[str, str]]) -> list[Row]:
    """Rows of labels with values, in one text or as two texts in a row."""
    if rng.random() < 0.5:
        link = rng.choice([" ", ": ", "  ", " - ", " ... "])
        return column(rng, [f"{label}{link}{value}" for label, value in pairs])
    rows = column(rng, [label for label, _ in pairs])
    right = rng.uniform(0.45, 0.75)
    return [
        row
        for (label, x, y, h), (_, value) in zip(rows, pairs, strict=True)
        for row in ((label, x, y, h), (value, right, y, h))
    ]


def person(rng: Random) -> str:
    """A random full name."""
    return f"{rng.choice(v.FIRST)} {rng.choice(v.LAST)}"


def date(rng: Random) -> str:
    """A random date in one of the usual formats."""
    month, day, year = rng.choice(v.MONTHS), rng.randint(1, 28), rng.randint(1995, 2029)
    return rng.choice(
        [
            f"{month} {day}, {year}",
            f"{day} {month} {year}",
            f"{year}-{rng.randint(1, 12):02}-{day:02}",
            f"{day:02}/{rng.randint(1, 12):02}/{year}",
            f"{month.upper()} {day}, {year}",
        ]
    )
