"""Seconds that spans cover, worked out by hand."""

import pytest

from evals.scoring.spans import merge_spans, union_iou


def test_spans_that_touch_or_lie_within_another_become_one() -> None:
    assert merge_spans([(5.0, 6.0), (0.0, 4.0), (1.0, 2.0), (4.0, 5.0), (8.0, 9.0)]) == [(0.0, 6.0), (8.0, 9.0)]
    assert merge_spans([]) == []


def test_seconds_named_twice_count_once() -> None:
    # 0..4 and 6..8 against 2..7: 2 + 1 of 8 seconds
    assert union_iou([(0.0, 4.0), (1.0, 3.0), (6.0, 8.0)], [(2.0, 7.0)]) == pytest.approx(3 / 8)


def test_moments_cover_nothing() -> None:
    assert union_iou([(3.0, 3.0)], [(3.0, 3.0)]) == 0.0
    assert union_iou([], []) == 0.0
