"""Ranks the pieces of text and speech by how likely they answer an open question: a fitted linear ranker.

Each piece is described by how its form fits what is asked for, how its line and the lines around it are connected with
the question in words and meaning, and where, when, how large and how clearly it is shown. The weights are a conditional
logit (McFadden 1974), so that scores give probabilities; `evals.ranker` fits them on generated questions, and with them
the confidence of the best piece.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise

from agent.policies.lite_rules.forms import (
    Piece,
    cut_pieces,
    find_unit,
    find_value_type,
    is_capitalised,
    is_meaningful,
)
from agent.policies.lite_rules.lines import FoundLine, Similarity, compute_rarities
from agent.policies.lite_rules.reading import ParsedQuestion, count_asked_numbers
from agent.policies.lite_rules.words import normalize, parse_number, split_words
from tools.observation import Box
from tools.plain_data import loads_json
from tools.vision.colours import find_colour_words
from tools.words import stem

_GROUPS = {
    **dict.fromkeys(("number", "price", "date", "clock", "version", "file", "time"), "value"),
    **dict.fromkeys(("words", "statement", "thing"), "text"),
}
"""Group of what is asked for, by which weights differ; all else is a name."""
_KINDS = {
    "person": "Anna Peter Maria John Smith",
    "job": "engineer teacher nurse manager scientist",
    "location": "city country university",
    "file": "file",
}
"""Words that an answer of a kind is near to in meaning; for other kinds those of the question."""
_OTHER_KINDS = ("company institute radio station", "total date table title number")
"""Words that organisations and labels are near to in meaning: beside the kinds above, what else a name may be."""
_FITTING: dict[str, tuple[str, ...]] = {
    "date": ("date",),
    "clock": ("clock",),
    "version": ("version",),
    "price": ("price", "number"),
    "number": ("number", "numbers", "item", "price"),
}
"""Forms that a piece of the asked kind can have, where the form tells."""
_TYPE_SIGNS = (
    "of the type",
    "of no type",
    "without its unit",
    "of another type",
    "of another unit",
    "nearer to another kind",
)
"""Features of how the type of a piece, by the signs beside it or by its meaning, fits what is asked for."""
_FIRST_ASKED = "first asked"
"""Feature of how well the first word that is asked for, mostly the kind of answer, stands with a piece."""
_EARLY_YEAR = re.compile(r"[1-9]\d{2}|1[0-4]\d{2}")
"""A number that is a year where a year is asked for."""
_LIKE_DIGITS = tuple("OolISB")
"""Letters that digits are taken for, so that one right behind a number may be a part of it."""
_FAR_WORDS = 3.0
"""Words over which the weight of an asked word beside a piece falls by e."""
_APART = 0.15
"""Connection below which a piece is apart from the question: from there on it hardly matters how close it is."""
_MOST_SHARE = 0.97
"""Share among the pieces that counts at most: a piece that has no other beside it is none the surer for it."""
_ALIKE = 0.5
"""Share of common pairs of letters above which two words are taken for alike."""
_PROMPT = re.compile(
    r"^\s*(?:>>>|In ?\[\d+\]:|[$#%>❯➜]\s*(?=[a-z./_~])|PS [A-Z]:|[A-Z]:\\[^>]*>|[\w.~-]+@[\w.-]+[:~ ]|irb|mysql>)"
)
"""Beginnings of a typed line of a terminal."""
_ORDINALS = (r"first|1st", r"second|2nd", r"third|3rd", r"fourth|4th", r"fifth|5th")
_ITEM = re.compile(r"\b(?:items?|entry|element|numbers?|digit|comes?|listed|list|sequence|stands?)\b", re.I)
_FAR_ROWS = 3.0
"""Rows over which the weight of a typed line on its output falls by e."""
_NAME = re.compile(r"[^\W_](?:[\w.'’/@+~-]*\w)?")
_MOST_ROWS = 4
"""Rows of a paragraph at most."""
_MEANING_SHARE, _NEIGHBOUR_SHARE = 0.5, 0.6  # weights in the relevance of a line: its cosine, its neighbours' relevance


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


@dataclass(frozen=True)
class Candidate:
    """A piece of a line, with its features."""

    text: str
    line: FoundLine
    features: Mapping[str, float]


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
        "untyped, apart": signs["of no type"] * is_apart,
        "untyped, apart, odds": signs["of no type"] * is_apart * odds,
        "named sense": float(reading.is_sense_named),
        **{name: signs[name] for name in _TYPE_SIGNS},
        f"{group} {_FIRST_ASKED}": signs[_FIRST_ASKED],
        "may be seen": float(reading.senses[0] == "picture"),
        "may be seen, apart": (reading.senses[0] == "picture") * (1 - min(1.0, connection)),
    }


def _has_topic(reading: ParsedQuestion) -> bool:
    """Whether a question says what it is about, beside the kind of answer and the sense: then a line should be, too."""
    language = reading.language
    known = [_ITEM, *(language.senses[name] for name in ("speech", "text", "written", "saying"))]
    if len(_FITTING.get(reading.wants, ())) == 1:  # the form of such a piece shows its kind
        known.append(language.wants[reading.wants])
    named = (word for word in reading.asked if parse_number(word) is None)
    return any(not any(pattern.search(word) for pattern in known) for word in named)


def select_signs(features: Mapping[str, float]) -> dict[str, float]:
    """The features of a piece that its confidence depends on: those of its type, and its connection.

    The connection is the overlap of the question with the piece's line and those beside it.
    """
    connection = max(features.get(name, 0.0) for name in ("own", "row", "beside", "label", "unit"))
    return {"connection": connection} | {name: features.get(name, 0.0) for name in (*_TYPE_SIGNS, _FIRST_ASKED)}


def find_group(reading: ParsedQuestion) -> str:
    """The group of a question: "value", "name" or "text", by which weights and confidences differ."""
    return _GROUPS.get(reading.wants, "name")


@cache
def _load_weights() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = loads_json(files(__package__).joinpath("weights.json").read_text())
    return found


def build_candidates(
    reading: ParsedQuestion,
    lines: Sequence[FoundLine],
    moments: Sequence[float],
    similarity: Similarity | None,
    areas: Sequence[Box] = (),
) -> list[Candidate]:
    """The pieces of all lines of the senses that can answer, with their features.

    Args:
        reading: the parsed question.
        lines: lines of the seconds that the question can mean.
        moments: seconds at which the picture fits the question, best first.
        similarity: similarity of meaning; None where no text encoder is installed.
        areas: parts of the picture that the question means; empty for all of it.
    """
    asked = reading.asked
    lines = [line for line in lines if line.sense in reading.senses]
    rarity = compute_rarities(lines)
    own = [_compute_overlap(asked, split_words(line.text), rarity) for line in lines]
    cosines = [0.0] * len(lines)
    if similarity is not None and lines:
        cosines = list(similarity(reading.subject or reading.question.text, [line.text for line in lines]))
    tallest = max((line.height for line in lines), default=0.0) or 1.0
    starts = sorted({round(line.start_seconds, 1) for line in lines})
    repeats = {text: sum(other.text == text for other in lines) for text in {line.text for line in lines}}
    cut = [_cut_pieces(reading, line, lines) for line in lines]
    typed = [i for i, line in enumerate(lines) if _PROMPT.match(line.text)]
    printed = [_find_typed_line(line, lines, typed) for line in lines]
    kinds = _compute_kind_similarities(reading, {piece.text for some in cut for piece in some}, similarity)
    group, found = find_group(reading), list[Candidate]()
    for number, line in enumerate(lines):
        around = [
            (_compute_closeness(line, other), i) for i, other in enumerate(lines) if i != number and line.is_with(other)
        ]
        row, header = _list_words(_find_row(line, lines)), _list_words(_find_header(line, lines))
        shared = {
            "beside": max((share * own[i] for share, i in around), default=0.0),
            "row": _compute_overlap(asked, row, rarity),
            "row and header": _compute_overlap(asked, [*row, *header], rarity),
            _FIRST_ASKED: max(_compute_similarities(asked[0], [*row, *header]), default=0.0) if asked else 0.0,
            "meaning": max(0.0, cosines[number]),
            "meaning beside": max((share * max(0.0, cosines[i]) for share, i in around), default=0.0),
            "sense": float(reading.is_sense_named) * (1.0 if line.sense == reading.senses[0] else -1.0),
            "spoken": float(line.spoken),
            "height": line.height / tallest,
            "clear": line.score,
            "repeated": math.log(repeats[line.text]),
            "moment": max((1 / (1 + k) for k, at in enumerate(moments[:3]) if _is_at(line, at)), default=0.0),
            "place": _score_places(reading.places, areas, line),
            "edge": _compute_edge(reading, starts.index(round(line.start_seconds, 1)), len(starts)),
            "typed": float(number in typed),
            "doubtful": float(line.is_doubtful),
        }
        if (by := printed[number]) is not None:
            rows = sum(other == by and _get_top(lines[i]) < _get_top(line) for i, other in enumerate(printed))
            shared |= {
                "printed": 1.0,
                "printed by": own[by],
                "printed by meaning": max(0.0, cosines[by]),
                "printed soon": math.exp(-rows / _FAR_ROWS),
            }
        forms = dict[str, dict[str, float]]()  # one piece may have several
        for piece in cut[number]:
            features = shared | _compute_piece_features(reading, piece, line, own[number], rarity)
            features |= {name: fits[piece.text] for name, fits in kinds.items()}
            used = {name: value for name, value in features.items() if value}
            block = used | {f"{group} {name}": value for name, value in used.items()}
            kind = {f"{reading.wants} as {piece.form}": 1.0, f"{group} as {piece.form}": 1.0}
            after = {f"{reading.wants} {link}": 1.0 for link in _find_link_before(line.text[: piece.start])}
            forms.setdefault(piece.text, {}).update(block | kind | after)
        found += [Candidate(text, line, features) for text, features in forms.items()]
    return found


def _compute_kind_similarities(
    reading: ParsedQuestion, texts: set[str], similarity: Similarity | None
) -> dict[str, dict[str, float]]:
    """The nearness of each text to the asked kind, and to the other kinds that it may be of, by the feature's name."""
    kind = _KINDS.get(reading.wants, " ".join(reading.asked))
    if similarity is None or not kind or not texts:
        return {}
    ordered = sorted(texts)
    own = dict(zip(ordered, similarity(kind, ordered), strict=True))
    if reading.wants not in _KINDS:
        return {"kind": own}
    others = [similarity(other, ordered) for other in (*_KINDS.values(), *_OTHER_KINDS) if other != kind]
    nearer = {text: max(fits) - own[text] for text, fits in zip(ordered, zip(*others, strict=True), strict=True)}
    return {f"like a {reading.wants}": own, "nearer to another kind": nearer}


def _find_row(line: FoundLine, lines: Sequence[FoundLine]) -> list[FoundLine]:
    """A line and those beside it at the same height, as the cells of a table."""
    return [line, *(other for other in lines if other is not line and line.is_with(other) and _is_in_row(line, other))]


def _is_in_row(line: FoundLine, other: FoundLine) -> bool:
    if line.box is None or other.box is None:
        return False
    return abs(line.box[1] + line.box[3] - other.box[1] - other.box[3]) < min(line.height, other.height)


def _find_header(line: FoundLine, lines: Sequence[FoundLine]) -> list[FoundLine]:
    """The topmost line above a line that begins, ends or is centred where it does, as the head of a column."""
    above = [x for x in lines if _get_top(x) < _get_top(line) and line.is_with(x) and _is_in_column(line, x)]
    return sorted(above, key=_get_top)[:1]


def _is_in_column(line: FoundLine, other: FoundLine) -> bool:
    if line.box is None or other.box is None:
        return False
    apart, ends = max(line.height, other.height), ((line.box[0], line.box[2]), (other.box[0], other.box[2]))
    (left, right), (first, last) = ends
    return min(abs(left - first), abs(right - last), abs(left + right - first - last) / 2) < apart


def _list_words(lines: Sequence[FoundLine]) -> list[str]:
    return [word for line in lines for word in split_words(line.text)]


def _find_typed_line(line: FoundLine, lines: Sequence[FoundLine], typed: Sequence[int]) -> int | None:
    """The index of the typed line nearest above a line; None for a typed line, or without one."""
    if line.box is None or _PROMPT.match(line.text):
        return None
    above = [i for i in typed if lines[i].is_with(line) and _get_top(lines[i]) < _get_top(line)]
    return max(above, key=lambda i: _get_top(lines[i]), default=None)


def _get_top(line: FoundLine) -> float:
    return 0.0 if line.box is None else line.box[1]


def find_asked_item(reading: ParsedQuestion) -> int | None:
    """The index of the list item that a question asks for, from 0, -1 for the last; None if it asks for none."""
    text = reading.question.text
    if reading.wants != "number" and not _ITEM.search(text):
        return None
    if reading.edge is not None:
        return 0 if reading.edge == "first" else -1
    return next((i for i, ordinal in enumerate(_ORDINALS) if re.search(rf"\b(?:{ordinal})\b", text, re.I)), None)


def _cut_pieces(reading: ParsedQuestion, line: FoundLine, lines: Sequence[FoundLine]) -> list[Piece]:
    count = count_asked_numbers(reading.question.text)
    found = cut_pieces(line.text, count, find_asked_item(reading))
    found += [Piece(m.group(), "named", m.start()) for m in _find_named_words(reading, line.text)]
    if count > 1:
        return [piece for piece in found if piece.form == "numbers"]
    if (fitting := _FITTING.get(reading.wants)) is not None:
        return [piece for piece in found if piece.form in fitting]
    if reading.wants == "colour":
        return [piece for piece in found if find_colour_words(piece.text)]
    if reading.wants == "time":
        return [piece for piece in found if find_value_type(line.text, piece) in ("date", "clock", "year")]
    if find_group(reading) == "text" and (rows := _collect_paragraph(line, lines)):
        found.append(Piece(" ".join(row.text for row in rows), "paragraph", 0))
    return found


def _find_named_words(reading: ParsedQuestion, text: str) -> Iterator[re.Match[str]]:
    """The words right behind one of the question's, such as a name behind its kind."""
    found = list(_NAME.finditer(text))
    for before, after in pairwise(found):
        if (
            is_meaningful(after.group())
            and max(_compute_similarities(before.group(), reading.asked), default=0.0) == 1.0
        ):
            yield after


def _collect_paragraph(line: FoundLine, lines: Sequence[FoundLine]) -> list[FoundLine]:
    """The rows of the paragraph that begins with a line; empty for a single row, or one that goes on from above."""
    above = [other for other in lines if _is_next_row(other, line)]
    rows = [line]
    while len(rows) < _MOST_ROWS and (after := next((x for x in lines if _is_next_row(rows[-1], x)), None)) is not None:
        rows.append(after)
    return rows if len(rows) > 1 and not above else []


def _is_next_row(first: FoundLine, second: FoundLine) -> bool:
    """Whether two rows are of one size, one close under the other, and shown together."""
    if first.box is None or second.box is None or not first.is_with(second):
        return False
    gap = (second.box[1] - first.box[3]) / max(first.height, 1e-6)
    overlap = min(first.box[2], second.box[2]) - max(first.box[0], second.box[0])
    return (
        -0.4 < gap < 1.2 and second.box[1] > first.box[1] and overlap > 0 and 0.6 < second.height / first.height < 1.7
    )


def _compute_piece_features(
    reading: ParsedQuestion, piece: Piece, line: FoundLine, own: float, rarity: Mapping[str, float]
) -> dict[str, float]:
    mine, stop = split_words(piece.text), piece.start + len(piece.text)
    likeness = [max(_compute_similarities(word, reading.asked), default=0.0) for word in mine]
    before, after = split_words(line.text[: piece.start]), split_words(line.text[stop:])
    rest = own if not before and not after else _compute_overlap(reading.asked, [*before, *after], rarity)
    label, unit = _compute_nearness(reading.asked, before[::-1]), _compute_nearness(reading.asked, after)
    signs = [c for c in piece.text if not c.isspace()]
    return _compute_type_signs(reading, piece, line.text, is_labelled=label > 0 or unit > 0) | {
        "own": rest,
        "label": label,
        "unit": unit,
        "echo": sum(likeness) / len(mine) if mine else 0.0,
        "holds asked": max(likeness, default=0.0) * (find_group(reading) == "name"),
        "words": math.log(max(1, len(mine))),
        "glued": float(line.text[: piece.start][-1:].isalpha()),
        "misread": float(piece.form == "number" and line.text[stop : stop + 1] in _LIKE_DIGITS),
        "letters": sum(c.isalnum() for c in signs) / len(signs),
        "digits": sum(c.isdigit() for c in signs) / len(signs),
        "short": float(len(signs) < 3),
        "initial": float(piece.form == "name" and not before and any(word.islower() for word in after)),
        "cut": float(piece.form == "name" and any(map(is_capitalised, [*before[-1:], *after[:1]]))),
    }


def _compute_type_signs(reading: ParsedQuestion, piece: Piece, text: str, *, is_labelled: bool) -> dict[str, float]:
    """The features of how a value fits what is asked for: its type, and the unit that it counts.

    Args:
        reading: the parsed question.
        piece: the value.
        text: text of its line.
        is_labelled: whether a word of the question stands beside it in its line, without which a number counts nothing.
    """
    asked, found, unit = reading.value_type, find_value_type(text, piece), find_unit(text, piece)
    if asked is None or found is None:
        return {}
    if found in ("number", "measure"):
        if asked == "year":  # a small number is no year, and what is measured is none
            found = "year" if found == "number" and _EARLY_YEAR.fullmatch(piece.text) else "count"
        elif asked == "count" and is_labelled:
            found = "count"
        elif found == "measure" and asked in ("count", "number"):
            found = "number"
    return {
        "counts what is asked": float(asked == "count" and unit is not None and _is_like_any(unit, reading.asked)),
        "of the type": float(found == asked and asked != "number"),
        "of no type": float(found == "number" != asked),
        "without its unit": float(found == "number" and asked == "measure"),
        "of another type": float(found not in ("number", asked)),
        "of another unit": float(unit is not None and not _is_like_any(unit, reading.asked)),
    }


def _is_like_any(word: str, others: Sequence[str]) -> bool:
    return any(_compute_similarities(word, others))


def _find_link_before(text: str) -> list[str]:
    """The feature of the function word that leads to a piece, as "at" to a place."""
    before = split_words(text)[-1:]
    return [f"after {word.casefold()}" for word in before if not is_meaningful(word)]


def _is_at(line: FoundLine, seconds: float) -> bool:
    return line.start_seconds - 1 <= seconds <= line.stop_seconds + 1


def _compute_closeness(line: FoundLine, other: FoundLine) -> float:
    """The closeness of two lines on screen, 0..1; one half for sentences that follow one another."""
    if line.box is None or other.box is None:
        return 0.5
    height = max(line.height, other.height, 1e-6)
    down = max(0.0, line.box[1] - other.box[3], other.box[1] - line.box[3]) / height
    across = max(0.0, line.box[0] - other.box[2], other.box[0] - line.box[2]) / height
    return math.exp(-down / 2 - across / 8)


def _score_places(places: Sequence[str], areas: Sequence[Box], line: FoundLine) -> float:
    """A score of how well the asked places, or else the asked areas, fit the middle of a line's box, -1..1."""
    if line.box is None or not (places or areas):
        return 0.0
    x, y = (line.box[0] + line.box[2]) / 2, (line.box[1] + line.box[3]) / 2
    if not places:
        return 1.0 if any(a[0] <= x <= a[2] and a[1] <= y <= a[3] for a in areas) else -1.0
    sides = {"left": 1 - 2 * x, "right": 2 * x - 1, "top": 1 - 2 * y, "bottom": 2 * y - 1}
    return sum(sides[place] for place in places) / len(places)


def _compute_edge(reading: ParsedQuestion, place: int, count: int) -> float:
    if reading.edge is None or count < 2:
        return 0.0
    late = place / (count - 1)
    return late if reading.edge == "last" else 1 - late


def _compute_overlap(asked: Sequence[str], found: Sequence[str], rarity: Mapping[str, float]) -> float:
    """The overlap of a question's words with others, rare ones counting more, at least 0."""
    best = (
        max((_compute_similarity(word, other) * max(0.2, rarity.get(stem(other), 1.0)) for other in found), default=0.0)
        for word in asked
    )
    return sum(best) / math.sqrt(len(asked)) if asked else 0.0


def _compute_nearness(asked: Sequence[str], following: Sequence[str]) -> float:
    """How near each word of the question is among the words that follow, 0..1, added up."""
    return sum(
        max(
            (math.exp(-i / _FAR_WORDS) * _compute_similarity(word, found) for i, found in enumerate(following)),
            default=0.0,
        )
        for word in asked
    )


def _compute_similarities(word: str, asked: Sequence[str]) -> list[float]:
    return [_compute_similarity(word, other) for other in asked]


@lru_cache(100_000)
def _compute_similarity(word: str, other: str) -> float:
    """The similarity of two words: 1 for two forms of one word, less for words written alike (Dice of letter pairs)."""
    first, second = stem(word), stem(other)
    if first == second or (
        min(len(first), len(second)) >= 4 and (first.startswith(second) or second.startswith(first))
    ):
        return 1.0
    mine, others = _split_pairs(first), _split_pairs(second)
    share = 2 * len(mine & others) / (len(mine) + len(others))
    return share if share > _ALIKE and not (word.isdigit() or other.isdigit()) else 0.0


def _split_pairs(word: str) -> set[str]:
    return {a + b for a, b in zip(f" {word}", f"{word} ", strict=True)}


def compute_relevances(
    reading: ParsedQuestion, lines: Sequence[FoundLine], similarity: Similarity | None
) -> list[float]:
    """The relevance of each line to the question: shared words, meaning, and that of its neighbours.

    Args:
        reading: the parsed question.
        lines: the lines.
        similarity: similarity of meaning; None where no text encoder is installed.
    """
    rarity = compute_rarities(lines)
    own = [_compute_overlap(reading.asked, split_words(line.text), rarity) for line in lines]
    if similarity is not None and lines:
        cosines = similarity(reading.subject or reading.question.text, [line.text for line in lines])
        own = [o + _MEANING_SHARE * max(0.0, c) for o, c in zip(own, cosines, strict=True)]
    near = list[float]()
    for i, line in enumerate(lines):
        beside = [own[j] for j in (i - 1, i + 1) if 0 <= j < len(lines) and line.is_with(lines[j])]
        near.append(max([own[i], *(_NEIGHBOUR_SHARE * value for value in beside)]))
    return near
