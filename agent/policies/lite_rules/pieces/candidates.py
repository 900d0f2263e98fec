"""The pieces of text and speech that could answer an open question, each with the features that rank it.

A feature says how the piece's form fits what is asked for, how its line and the lines around it are connected with the
question in words and meaning, or where, when, how large and how clearly it is shown.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.policies.lite_rules.lines import FoundLine, Similarity, compute_rarities
from agent.policies.lite_rules.pieces.forms import (
    Piece,
    cut_pieces,
    find_unit,
    find_value_type,
    is_capitalised,
    is_meaningful,
)
from agent.policies.lite_rules.pieces.layout import (
    collect_paragraph,
    compute_closeness,
    find_header,
    find_row,
    find_stack,
    find_typed_line,
    get_top,
    is_typed,
    list_words,
    score_places,
)
from agent.policies.lite_rules.pieces.overlap import compute_nearness, compute_overlap, compute_similarities
from agent.policies.lite_rules.reading import ParsedQuestion, count_asked_numbers
from agent.policies.lite_rules.words import split_words
from tools.observation import Box
from tools.vision.colours import find_colour_words

_GROUPS = {
    **dict.fromkeys(("number", "price", "date", "clock", "version", "email", "website", "file", "time"), "value"),
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
FITTING: dict[str, tuple[str, ...]] = {
    "date": ("date",),
    "clock": ("clock",),
    "version": ("version",),
    "email": ("email",),
    "website": ("website",),
    "price": ("price", "number"),
    "number": ("number", "numbers", "item", "price"),
}
"""Forms that a piece of the asked kind can have, where the form tells."""
TYPE_SIGNS = (
    "of the type",
    "of no type",
    "without its unit",
    "of another type",
    "of another unit",
    "nearer to another kind",
)
"""Features of how the type of a piece, by the signs beside it or by its meaning, fits what is asked for."""
FIRST_ASKED = "first asked"
"""Feature of how well the first word that is asked for, mostly the kind of answer, stands with a piece."""
_EARLY_YEAR = re.compile(r"[1-9]\d{2}|1[0-4]\d{2}")
"""A number that is a year where a year is asked for."""
_LIKE_DIGITS = tuple("OolISB")
"""Letters that digits are taken for, so that one right behind a number may be a part of it."""
_ORDINALS = (r"first|1st", r"second|2nd", r"third|3rd", r"fourth|4th", r"fifth|5th")
ITEM = re.compile(
    r"\b(?:items?|points?|steps?|topics?|chapters?|parts?|bullets?|entry|element|numbers?|digit|comes?|listed|list|sequence|stands?)\b",
    re.I,
)
_FAR_ROWS = 3.0
"""Rows over which the weight of a typed line on its output falls by e."""
_NAME = re.compile(r"[^\W_](?:[\w.'’/@+~-]*\w)?")


@dataclass(frozen=True)
class Candidate:
    """A piece of a line, with its features."""

    text: str
    line: FoundLine
    features: Mapping[str, float]


def select_signs(features: Mapping[str, float]) -> dict[str, float]:
    """The features of a piece that its confidence depends on: those of its type, and its connection.

    The connection is the overlap of the question with the piece's line and those beside it.
    """
    connection = max(features.get(name, 0.0) for name in ("own", "row", "stack", "beside", "label", "unit"))
    return {"connection": connection} | {name: features.get(name, 0.0) for name in (*TYPE_SIGNS, FIRST_ASKED)}


def find_group(reading: ParsedQuestion) -> str:
    """The group of a question: "value", "name" or "text", by which weights and confidences differ."""
    return _GROUPS.get(reading.wants, "name")


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
    own = [compute_overlap(asked, split_words(line.text), rarity) for line in lines]
    cosines = [0.0] * len(lines)
    if similarity is not None and lines:
        cosines = list(similarity(reading.subject or reading.question.text, [line.text for line in lines]))
    tallest = max((line.height for line in lines), default=0.0) or 1.0
    starts = sorted({round(line.start_seconds, 1) for line in lines})
    repeats = {text: sum(other.text == text for other in lines) for text in {line.text for line in lines}}
    cut = [_cut_pieces(reading, line, lines) for line in lines]
    typed = [i for i, line in enumerate(lines) if is_typed(line)]
    printed = [find_typed_line(line, lines, typed) for line in lines]
    kinds = _compute_kind_similarities(reading, {piece.text for some in cut for piece in some}, similarity)
    group, found = find_group(reading), list[Candidate]()
    for number, line in enumerate(lines):
        around = [
            (compute_closeness(line, other), i) for i, other in enumerate(lines) if i != number and line.is_with(other)
        ]
        row, header = list_words(find_row(line, lines)), list_words(find_header(line, lines))
        shared = {
            "beside": max((share * own[i] for share, i in around), default=0.0),
            "row": compute_overlap(asked, row, rarity),
            "stack": compute_overlap(asked, list_words(find_stack(line, lines)), rarity),
            "row and header": compute_overlap(asked, [*row, *header], rarity),
            FIRST_ASKED: max(compute_similarities(asked[0], [*row, *header]), default=0.0) if asked else 0.0,
            "meaning": max(0.0, cosines[number]),
            "meaning beside": max((share * max(0.0, cosines[i]) for share, i in around), default=0.0),
            "sense": float(reading.is_sense_named) * (1.0 if line.sense == reading.senses[0] else -1.0),
            "spoken": float(line.spoken),
            "height": line.height / tallest,
            "clear": line.score,
            "repeated": math.log(repeats[line.text]),
            "moment": max((1 / (1 + k) for k, at in enumerate(moments[:3]) if _is_at(line, at)), default=0.0),
            "place": score_places(reading.places, areas, line),
            "edge": _compute_edge(reading, starts.index(round(line.start_seconds, 1)), len(starts)),
            "typed": float(number in typed),
            "doubtful": float(line.is_doubtful),
        }
        if (by := printed[number]) is not None:
            rows = sum(other == by and get_top(lines[i]) < get_top(line) for i, other in enumerate(printed))
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
            # a job stands under its name, a price beside its dish
            block |= {f"{reading.wants} {name}": used[name] for name in ("row", "stack") if name in used}
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


def find_asked_item(reading: ParsedQuestion) -> int | None:
    """The index of the list item that a question asks for, from 0, -1 for the last; None if it asks for none."""
    text = reading.question.text
    if reading.wants != "number" and not ITEM.search(text):
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
    if (fitting := FITTING.get(reading.wants)) is not None:
        fitting += ("score",) * (reading.value_type == "score")
        return [piece for piece in found if piece.form in fitting]
    if reading.wants == "colour":
        return [piece for piece in found if find_colour_words(piece.text)]
    if reading.wants == "time":
        return [piece for piece in found if find_value_type(line.text, piece) in ("date", "clock", "year")]
    if find_group(reading) == "text" and (rows := collect_paragraph(line, lines)):
        found.append(Piece(" ".join(row.text for row in rows), "paragraph", 0))
    return found


def _find_named_words(reading: ParsedQuestion, text: str) -> Iterator[re.Match[str]]:
    """The words right behind one of the question's, such as a name behind its kind."""
    found = list(_NAME.finditer(text))
    for before, after in pairwise(found):
        if (
            is_meaningful(after.group())
            and max(compute_similarities(before.group(), reading.asked), default=0.0) == 1.0
        ):
            yield after


def _compute_piece_features(
    reading: ParsedQuestion, piece: Piece, line: FoundLine, own: float, rarity: Mapping[str, float]
) -> dict[str, float]:
    mine, stop = split_words(piece.text), piece.start + len(piece.text)
    likeness = [max(compute_similarities(word, reading.asked), default=0.0) for word in mine]
    before, after = split_words(line.text[: piece.start]), split_words(line.text[stop:])
    rest = own if not before and not after else compute_overlap(reading.asked, [*before, *after], rarity)
    label, unit = compute_nearness(reading.asked, before[::-1]), compute_nearness(reading.asked, after)
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
    return any(compute_similarities(word, others))


def _find_link_before(text: str) -> list[str]:
    """The feature of the function word that leads to a piece, as "at" to a place."""
    before = split_words(text)[-1:]
    return [f"after {word.casefold()}" for word in before if not is_meaningful(word)]


def _is_at(line: FoundLine, seconds: float) -> bool:
    return line.start_seconds - 1 <= seconds <= line.stop_seconds + 1


def _compute_edge(reading: ParsedQuestion, place: int, count: int) -> float:
    if reading.edge is None or count < 2:
        return 0.0
    late = place / (count - 1)
    return late if reading.edge == "last" else 1 - late
