"""Questions can't be answered without the video, and can be with it: checked against the tables, rule by rule."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import pytest

from evals.composed.drawn import DRAWN
from evals.composed.families import FAMILIES, QUESTIONS_A_VIDEO, Composed, make_questions
from evals.composed.planning import LEVELS, PlannedVideo, plan_video
from evals.composed.recipe import Placement
from evals.composed.tags import SIGNS

EPISODES = 500


@cache
def asked(level: int) -> tuple[tuple[PlannedVideo, Composed], ...]:
    """All questions of many videos; half of them held out."""
    plans = [plan_video(DRAWN, 5, n, level, "train" if n % 2 else "heldout") for n in range(EPISODES)]
    return tuple((plan, one) for n, plan in enumerate(plans) for one in make_questions(plan, 5, n))


def shown(plan: PlannedVideo, name: str) -> tuple[Placement, ...]:
    """By name, without the code under test."""
    return tuple(p for p in plan.recipe.placements if p.needle.name == name)


def the_one(plan: PlannedVideo, text: str) -> tuple[Placement, ...]:
    """Appearances of the needle that the question names."""
    names = {p.needle.name for p in (*plan.recipe.placements, plan.ghost)}
    named = [name for name in names if f"the {name} " in text or f"the {name}?" in text]
    return shown(plan, max(named, key=len))


def looked_up(plan: PlannedVideo, one: Composed) -> str | None:
    """The answer, found in the tables by another way than it was made."""
    if one.family == "which":
        seen = [option for option in one.options if shown(plan, option)]
        assert len(seen) <= 1
        return seen[0] if seen else None
    if one.family == "order":
        orders = [option.removeprefix("the ").split(", then the ") for option in one.options]
        right = [
            o
            for o in orders
            if all(shown(plan, a)[0].start_seconds < shown(plan, b)[0].start_seconds for a, b in pairwise(o))
        ]
        assert len(right) == 1
        return ", then ".join(f"the {name}" for name in right[0])
    found = the_one(plan, one.text)
    if one.family == "count":
        return str(len(found))
    if not found:
        return None
    assert len(found) == 1, "the question would have several answers"
    first = found[0]
    left, top, right_edge, bottom = first.box
    across = "left" if left + right_edge < 1 else "right"
    down = "top" if top + bottom < 1 else "bottom"
    if one.family == "when":
        spans = [option for option in one.options if within(first, option)]
        assert len(spans) == 1
        return spans[0]
    return {
        "read": SIGNS.get(first.needle.tag, first.needle.tag),
        "colour": first.needle.colour,
        "where": f"{down} {across}",
    }[one.family]


def within(placement: Placement, span: str) -> bool:
    start, stop = (float(part) for part in span.removesuffix(" s").split("-"))
    return start <= placement.start_seconds and placement.stop_seconds <= stop


@pytest.mark.parametrize("level", LEVELS)
def test_every_answer_is_what_the_tables_say(level: int) -> None:
    for plan, one in asked(level):
        assert looked_up(plan, one) == one.answer, (plan.recipe.name, one)


@pytest.mark.parametrize("level", LEVELS)
def test_options_are_four_and_different_and_hold_the_answer(level: int) -> None:
    for _, one in asked(level):
        if one.options:
            assert len(set(one.options)) == 4
            assert one.answer is None or one.answer in one.options


@pytest.mark.parametrize("level", LEVELS)
def test_the_evidence_is_in_the_video_and_shows_what_is_asked(level: int) -> None:
    for plan, one in asked(level):
        assert (one.evidence == ()) == (one.answer is None)
        assert set(one.evidence) <= set(plan.recipe.placements)
        if one.evidence_seconds is not None:
            assert 0 <= one.evidence_seconds[0] < one.evidence_seconds[1] <= plan.recipe.seconds


@pytest.mark.parametrize("level", LEVELS)
def test_one_question_in_ten_is_about_what_does_not_appear(level: int) -> None:
    absent = [one.answer is None for _, one in asked(level)]
    assert sum(absent) / len(absent) == pytest.approx(0.1, abs=0.015)


@pytest.mark.parametrize("level", LEVELS)
def test_every_family_is_asked(level: int) -> None:
    families = Counter(one.family for _, one in asked(level))
    wanted = set(FAMILIES) - ({"order"} if LEVELS[level].needles < 3 else set())
    assert set(families) == wanted
    assert min(families.values()) > 0.04 * sum(families.values())


def test_a_video_has_no_two_questions_of_one_family_and_at_most_four() -> None:
    for level in LEVELS:
        for (name, _), count in Counter((plan.recipe.name, one.family) for plan, one in asked(level)).items():
            assert count == 1, name
        assert max(Counter(plan.recipe.name for plan, _ in asked(level)).values()) == QUESTIONS_A_VIDEO


def number_in(option: str) -> float:
    digits = "".join(c if c.isdigit() else " " for c in option).split()
    return float(digits[0]) if digits else 0.0


BLIND: dict[str, Callable[[Composed], str]] = {
    "first option": lambda one: one.options[0],
    "last option": lambda one: one.options[3],
    "longest": lambda one: max(one.options, key=len),
    "shortest": lambda one: min(one.options, key=len),
    "first of the alphabet": lambda one: min(one.options),
    "last of the alphabet": lambda one: max(one.options),
    "smallest number": lambda one: min(one.options, key=number_in),
    "greatest number": lambda one: max(one.options, key=number_in),
    "second number": lambda one: sorted(one.options, key=number_in)[1],
    "third number": lambda one: sorted(one.options, key=number_in)[2],
    "as in the question": lambda one: max(one.options, key=lambda o: sum(w in one.text for w in o.split())),
    "most like the others": lambda one: max(
        one.options, key=lambda o: sum(a == b for x in one.options for a, b in zip(o, x, strict=False))
    ),
    "least like the others": lambda one: min(
        one.options, key=lambda o: sum(a == b for x in one.options for a, b in zip(o, x, strict=False))
    ),
}


@pytest.mark.parametrize("rule", BLIND)
@pytest.mark.parametrize("family", FAMILIES)
def test_no_simple_rule_beats_chance_without_the_video(rule: str, family: str) -> None:
    ones = [one for level in LEVELS for _, one in asked(level) if one.family == family and one.options and one.answer]
    right = [BLIND[rule](one) == one.answer for one in ones]
    # three standard deviations of fair guessing
    assert sum(right) / len(right) < 0.25 + 3 * (0.25 * 0.75 / len(right)) ** 0.5, len(right)


def test_nothing_in_the_options_tells_that_a_needle_does_not_appear() -> None:
    for level in (3, 4, 5):
        for _, one in asked(level):
            assert not any("not" in option.split() or "none" in option.split() for option in one.options)
        reads = [(plan, one) for plan, one in asked(level) if one.family == "read" and one.options]
        tags = [
            (sum(SIGNS.get(n.tag, n.tag) in one.options for n in plan.recipe.needles), one.answer is None)
            for plan, one in reads
        ]
        # the tag of the ghost stands where that of the needle would: one option more is on no needle
        assert {count for count, is_absent in tags if is_absent} <= {LEVELS[level].needles, 3, 2}
