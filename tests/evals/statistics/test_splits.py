"""VBenchComp's labels from stored votes, with the rule as a parameter."""

from collections.abc import Sequence

import pytest

from evals.statistics.breakdown import break_down
from evals.statistics.row import ResultRow
from evals.statistics.splits import (
    KEY,
    LABELS,
    Probed,
    Rule,
    VoterAnswer,
    from_json,
    label_rows,
    split_questions,
    to_json,
)


def probes(question: str, blind: str, full: str, shuffled: str) -> list[VoterAnswer]:
    """A vote a letter: r right, w wrong, ? not scored, - missing."""
    shown: Sequence[tuple[Probed, str]] = (("blind", blind), ("full", full), ("shuffled", shuffled))
    return [
        VoterAnswer(question, "m", order, what, {"r": True, "w": False, "?": None}[vote])
        for what, votes in shown
        for order, vote in enumerate(votes)
        if vote != "-"
    ]


@pytest.mark.parametrize(
    ("blind", "full", "shuffled", "label"),
    [
        ("rrr", "rrr", "rrr", "LLM-answerable"),
        ("rrw", "rrr", "rrr", "semantic"),
        ("www", "rrr", "www", "temporal"),
        ("www", "rrw", "rrw", "others"),
        ("www", "rrr", "rww", "others"),
        ("www", "www", "rrr", "others"),
        ("www", "rrr", "ww?", None),
        ("ww-", "rrr", "rrr", None),
        ("rrr", "---", "---", "LLM-answerable"),
    ],
)
def test_three_of_three_votes_make_a_label(blind: str, full: str, shuffled: str, label: str | None) -> None:
    found = split_questions([*probes("q", blind, full, shuffled), *probes("all", "rrr", "rrr", "rrr")], Rule(3, 3))
    assert found.labels["q"] == label


def test_the_same_voter_must_be_right_with_the_video_and_without_its_order() -> None:
    # two right with the video, two right shuffled, but only one of them the same
    assert split_questions(probes("q", "www", "rrw", "wrr"), Rule(2, 3)).labels["q"] == "others"
    assert split_questions(probes("q", "www", "rrw", "rrw"), Rule(2, 3)).labels["q"] == "semantic"


def test_the_rule_decides() -> None:
    votes = probes("q", "rrw", "rrr", "rrr")
    assert split_questions(votes, Rule(2, 3)).labels["q"] == "LLM-answerable"
    assert split_questions(votes, Rule(3, 3)).labels["q"] == "semantic"
    assert split_questions(probes("q", "www", "rrr", "rww"), Rule(1, 3)).labels["q"] == "semantic"


def test_three_option_orders_leave_little_to_luck() -> None:
    assert Rule(3, 3).luck(4) == pytest.approx(1 / 64)
    assert Rule(1, 1).luck(4) == 0.25
    assert Rule(2, 3).luck(2) == 0.5  # three of three, or one of three ways to miss once: 1/8 + 3/8


def test_votes_of_other_voters_are_never_mixed_in() -> None:
    other = VoterAnswer("q2", "another", 0, "blind", True)
    with pytest.raises(ValueError, match="the rule wants 3 voters, got 4: another, order 0"):
        split_questions([*probes("q", "rrr", "rrr", "rrr"), other], Rule(3, 3))
    with pytest.raises(ValueError, match="twice"):
        split_questions(probes("q", "r", "r", "r") * 2, Rule(1, 1))
    with pytest.raises(ValueError, match="needed <= of"):
        Rule(4, 3)


def test_a_split_is_published_with_its_voters_and_its_rule() -> None:
    found = split_questions([*probes("q", "rrw", "rrr", "rrr"), *probes("p", "ww?", "rrr", "rrr")], Rule(2, 3))
    assert from_json(to_json(found)) == found
    assert found.voters == ("m, order 0", "m, order 1", "m, order 2")
    with pytest.raises(ValueError, match="voters: 3 of them, but the rule says 4"):
        from_json(to_json(found).replace('"of": 3', '"of": 4'))
    with pytest.raises(ValueError, match=r"labels\.p"):
        from_json(to_json(found).replace("null", '"easy"'))


def test_rows_are_broken_down_by_their_label() -> None:
    found = split_questions([*probes("q", "www", "rrr", "www"), *probes("p", "rrr", "rrr", "rrr")], Rule(3, 3))
    rows = [ResultRow("q", "v", 0.0), ResultRow("p", "v", 1.0), ResultRow("never probed", "v", 1.0)]
    lines = break_down(label_rows(rows, found), KEY, LABELS)
    assert [(x.label, x.estimate and x.estimate.mean) for x in lines] == [("LLM-answerable", 1.0), ("temporal", 0.0)]
