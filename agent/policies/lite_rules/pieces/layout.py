"""How lines stand to one another on screen: rows, columns, paragraphs, what a typed line printed."""

import math
import re
from collections.abc import Sequence

from agent.policies.lite_rules.lines import FoundLine
from agent.policies.lite_rules.words import split_words
from tools.observation import Box

_PROMPT = re.compile(
    r"^\s*(?:>>>|In ?\[\d+\]:|[$#%>❯➜]\s*(?=[a-z./_~])|PS [A-Z]:|[A-Z]:\\[^>]*>|[\w.~-]+@[\w.-]+[:~ ]|irb|mysql>)"
)
"""Beginnings of a typed line of a terminal."""
_MOST_ROWS = 4
"""Rows of a paragraph at most."""


def is_typed(line: FoundLine) -> bool:
    """Whether a line begins as one that is typed into a terminal."""
    return _PROMPT.match(line.text) is not None


def find_row(line: FoundLine, lines: Sequence[FoundLine]) -> list[FoundLine]:
    """A line and those beside it at the same height, as the cells of a table."""
    return [line, *(other for other in lines if other is not line and line.is_with(other) and _is_in_row(line, other))]


def _is_in_row(line: FoundLine, other: FoundLine) -> bool:
    if line.box is None or other.box is None:
        return False
    return abs(line.box[1] + line.box[3] - other.box[1] - other.box[3]) < min(line.height, other.height)


def find_header(line: FoundLine, lines: Sequence[FoundLine]) -> list[FoundLine]:
    """The topmost line above a line that begins, ends or is centred where it does, as the head of a column."""
    above = [x for x in lines if get_top(x) < get_top(line) and line.is_with(x) and _is_in_column(line, x)]
    return sorted(above, key=get_top)[:1]


def find_stack(line: FoundLine, lines: Sequence[FoundLine]) -> list[FoundLine]:
    """The lines right above and below a line that begin, end or are centred where it does, as on a name card."""
    beside = (x for x in lines if x is not line and line.is_with(x) and _is_in_column(line, x))
    return [x for x in beside if abs(get_top(x) - get_top(line)) < 2 * max(line.height, x.height)]


def _is_in_column(line: FoundLine, other: FoundLine) -> bool:
    if line.box is None or other.box is None:
        return False
    apart, ends = max(line.height, other.height), ((line.box[0], line.box[2]), (other.box[0], other.box[2]))
    (left, right), (first, last) = ends
    return min(abs(left - first), abs(right - last), abs(left + right - first - last) / 2) < apart


def list_words(lines: Sequence[FoundLine]) -> list[str]:
    """The words of several lines."""
    return [word for line in lines for word in split_words(line.text)]


def find_typed_line(line: FoundLine, lines: Sequence[FoundLine], typed: Sequence[int]) -> int | None:
    """The index of the typed line nearest above a line; None for a typed line, or without one.

    Args:
        line: the line.
        lines: all lines, it among them.
        typed: indices of the typed ones.
    """
    if line.box is None or is_typed(line):
        return None
    above = [i for i in typed if lines[i].is_with(line) and get_top(lines[i]) < get_top(line)]
    return max(above, key=lambda i: get_top(lines[i]), default=None)


def get_top(line: FoundLine) -> float:
    """The upper end of a line, 0..1; 0 for speech."""
    return 0.0 if line.box is None else line.box[1]


def collect_paragraph(line: FoundLine, lines: Sequence[FoundLine]) -> list[FoundLine]:
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


def compute_closeness(line: FoundLine, other: FoundLine) -> float:
    """The closeness of two lines on screen, 0..1; one half for sentences that follow one another."""
    if line.box is None or other.box is None:
        return 0.5
    height = max(line.height, other.height, 1e-6)
    down = max(0.0, line.box[1] - other.box[3], other.box[1] - line.box[3]) / height
    across = max(0.0, line.box[0] - other.box[2], other.box[0] - line.box[2]) / height
    return math.exp(-down / 2 - across / 8)


def score_places(places: Sequence[str], areas: Sequence[Box], line: FoundLine) -> float:
    """A score of how well the asked places, or else the asked areas, fit the middle of a line's box, -1..1.

    Args:
        places: places in the picture that the question names.
        areas: parts of the picture that it means.
        line: the line.
    """
    if line.box is None or not (places or areas):
        return 0.0
    x, y = (line.box[0] + line.box[2]) / 2, (line.box[1] + line.box[3]) / 2
    if not places:
        return 1.0 if any(a[0] <= x <= a[2] and a[1] <= y <= a[3] for a in areas) else -1.0
    sides = {"left": 1 - 2 * x, "right": 2 * x - 1, "top": 1 - 2 * y, "bottom": 2 * y - 1}
    return sum(sides[place] for place in places) / len(places)
