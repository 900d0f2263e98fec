"""Unions and IoU of spans of time."""

from collections.abc import Iterable

Span = tuple[float, float]
"""Start and stop in seconds."""


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """The union of spans, as spans that neither touch nor overlap, in time order."""
    found: list[Span] = []
    for start, stop in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], stop))
        else:
            found.append((start, stop))
    return found


def union_iou(first: Iterable[Span], second: Iterable[Span]) -> float:
    """Temporal IoU of two sets of spans; 0 where neither covers anything."""
    ours, theirs = merge_spans(first), merge_spans(second)
    shared = sum(max(0.0, min(b, d) - max(a, c)) for a, b in ours for c, d in theirs)
    either = sum(b - a for a, b in (*ours, *theirs)) - shared
    return shared / either if either > 0 else 0.0
