"""Weights that hold on one clip alone show as a gap."""

import pytest

from evals.ranker.left_out import Choice, count_right


def _choices(clip: str) -> list[Choice]:
    """Questions whose second option is right, by a source that no other clip has."""
    return [Choice(clip, ({f"option {clip}": 0.0}, {f"option {clip}": 1.0}), 1) for _ in range(4)]


def test_what_only_a_clip_itself_could_teach_is_lost_without_it() -> None:
    right = count_right([*_choices("heron"), *_choices("kettle")])
    # a weight that was never fitted is 0, and of equal options the first is taken
    assert right == {"as packaged": 0, "fitted on all clips": 8, "fitted on the other clips": 0}


def test_one_clip_can_not_be_left_out() -> None:
    with pytest.raises(ValueError, match="two clips"):
        count_right(_choices("heron"))
