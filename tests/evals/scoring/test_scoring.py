"""The traps of answer matching, one by one."""

from dataclasses import replace

import pytest

from agent.trajectory import Answer, Evidence, Question, Step, Stop, Trajectory, Turn, VideoFacts
from evals.example import Example
from evals.scoring.scoring import evidence_hit, evidence_iou, explain_mismatch, reduce_answer, score, score_answer

OPEN = Example(Question("v.mp4", "Which city is shown?"), "Paris", ("City of Light",), (10.0, 20.0))
CHOICE = Example(Question("v.mp4", "Which?", ("red", "blue", "red and blue")), "blue")


def matches(said: str, accepted: str, question: str = "What is it?") -> bool:
    return explain_mismatch(said, accepted, question) is None


def evidence(*spans: tuple[float, float]) -> Answer:
    return Answer("Paris", evidence=tuple(Evidence(start, stop) for start, stop in spans))


@pytest.mark.parametrize(
    ("said", "accepted"),
    [
        ("PARIS.", "Paris"),
        ("The tripod", "a tripod"),
        ("Fire assembly point.", "fire assembly point"),
        ("Revenge is coming", "Revenge is coming..."),
        ("two", "2"),
        ("Twenty-five", "25"),
        ("two hundred and five", "205"),
        ("two thousand fifteen", "2015"),
        ("70,412", "70412"),
        ("06:39", "6:39"),
        ("00:05", "0:05"),
        ("5.0", "5"),
        ("5%", "5 percent"),
        ("50–60", "50-60"),
        ("3, 2, 1", "three, two, one"),
        ("14 July 2015", "July 14, 2015"),
        ("14th of July, 2015", "July 14, 2015"),
        ("2015-07-14", "July 14, 2015"),
        ("14.7.2015", "July 14, 2015"),
        ("07/14/2015", "July 14, 2015"),
        ("ＰＡＲＩＳ", "Paris"),
        ("It’s Paris", "it's paris"),
    ],
)
def test_the_same_answer_in_another_dress_is_right(said: str, accepted: str) -> None:
    assert matches(said, accepted)


@pytest.mark.parametrize(
    ("said", "accepted", "question"),
    [
        ("It is Paris.", "Paris", "Which city?"),
        ("The sign says: FIRE ASSEMBLY POINT", "Fire assembly point", "What does the sign say?"),
        (
            "The sign, on the lamp post, says Fire assembly point",
            "Fire assembly point",
            "What says the sign on the lamp post?",
        ),
        ("two years", "two", "How many years?"),
        ("299 seconds", "299", "When?"),
        ("It shows 05:00 at 299 seconds", "299", "When does it show 05:00?"),
        ("grade A", "A", "Which grade?"),
        ("The numbers are three, two, one", "3 2 1", "Which numbers?"),
    ],
)
def test_an_answer_within_a_short_sentence_is_right(said: str, accepted: str, question: str) -> None:
    assert matches(said, accepted, question)


@pytest.mark.parametrize(
    ("said", "accepted"),
    [
        ("25", "5"),
        ("5", "25"),
        ("Paris", "A"),
        ("A man", "A"),
        ("-5", "5"),
        ("2.39.50", "2.39.5"),
        ("10-20 s", "20"),
        ("5", "5%"),
        ("7/8/2015", "2015-08-07"),
        ("14 July 2015", "14 July 2016"),
        ("catalogue", "cat"),
        ("", "Paris"),
        ("...", "Paris"),
        ("fire point", "fire assembly point"),
    ],
)
def test_what_only_looks_alike_is_wrong(said: str, accepted: str) -> None:
    assert not matches(said, accepted)


@pytest.mark.parametrize(
    ("said", "accepted", "question"),
    [
        ("Paris, London, Rome", "Paris", "Which city?"),
        ("London, Paris", "Paris", "Which city?"),
        ("London/Paris", "Paris", "Which city?"),
        ("Paris or London", "Paris", "Which city?"),
        ("Paris and London", "Paris", "Which city?"),
        ("Paris London Rome", "Paris", "Which city?"),
        ("not Paris", "Paris", "Which city?"),
        ("It isn't Paris", "Paris", "Which city?"),
        ("orange, blue", "blue", "Is it orange or blue?"),
        ("three four two five", "three", "How many?"),
        ("3 4", "3", "How many?"),
        ("3 5", "5", "Is it 3 or 5?"),
        ("4 of 12 tests", "4", "How many?"),
        ("It is " + "really " * 20 + "Paris", "Paris", "Which city?"),
        ("says is it at of in on by he she they you we Paris", "Paris", "Which city?"),
    ],
)
def test_a_list_a_hedge_or_an_essay_is_wrong(said: str, accepted: str, question: str) -> None:
    assert not matches(said, accepted, question)


def test_an_alias_is_as_right_as_the_answer() -> None:
    assert score_answer(OPEN, Answer("the city of light")).value == 1.0


def test_a_choice_is_scored_by_its_index_and_not_by_its_words() -> None:
    assert score_answer(CHOICE, Answer("whatever", 1)).value == 1.0
    assert score_answer(CHOICE, Answer("blue", 2)).value == 0.0
    assert score_answer(CHOICE, Answer("blue", None)).value == 0.0
    assert score_answer(CHOICE, Answer("blue", 7)).value == 0.0
    assert score_answer(CHOICE, Answer("blue", 1)).extracted == "blue"


def test_not_shown_is_right_only_where_it_is_not_shown() -> None:
    absent = Example(Question("v.mp4", "Where is the dog?"), None)
    assert score_answer(absent, Answer("", not_shown=True)).value == 1.0
    assert score_answer(absent, Answer("in the garden")).value == 0.0
    abstained = score_answer(OPEN, Answer("Paris", not_shown=True))
    assert (abstained.value, abstained.why) == (0.0, "abstained")


def test_i_cant_tell_is_right_nowhere_and_claims_nothing() -> None:
    absent = Example(Question("v.mp4", "Where is the dog?"), None)
    for example in (absent, OPEN, CHOICE):
        given = score_answer(example, reduce_answer(Answer("I can't tell, because Paris", cannot_tell=True)))
        assert (given.value, given.extracted, given.why) == (0.0, "cannot tell", "claims nothing: it can't tell")


def trajectory(answer: Answer | None, stop: Stop | None) -> Trajectory:
    steps = (Step(Turn("", answer)),) if answer else ()
    return Trajectory(OPEN.question, VideoFacts("h", 60.0, 640, 360), steps=steps, stop=stop)


def test_no_answer_is_wrong_and_a_crash_of_ours_is_not_scored() -> None:
    assert score(OPEN, trajectory(None, Stop.MALFORMED)).value == 0.0
    assert score(OPEN, trajectory(None, Stop.TURN_LIMIT)).value == 0.0
    for stop in (Stop.CRASHED, Stop.POLICY_FAILED, Stop.INTERRUPTED, None):
        assert score(OPEN, trajectory(None, stop)).value is None


def test_an_answer_given_before_a_crash_of_the_second_look_counts() -> None:
    assert score(OPEN, trajectory(Answer("Paris"), Stop.CRASHED)).value == 1.0


@pytest.mark.parametrize(
    ("span", "is_hit"),
    [
        ((0.0, 60.0), True),
        ((19.9, 30.0), True),
        ((20.0, 30.0), False),  # half-open
        ((5.0, 10.0), False),
        ((10.0, 10.0), True),  # a moment
        ((20.0, 20.0), False),
    ],
)
def test_evidence_hits_where_a_span_overlaps_the_reference(span: tuple[float, float], is_hit: bool) -> None:
    assert evidence_hit(OPEN, evidence(span)) is is_hit


def test_a_reference_of_one_moment_is_hit_by_the_span_around_it() -> None:
    moment = replace(OPEN, evidence_seconds=(5.0, 5.0))
    assert evidence_hit(moment, evidence((4.0, 6.0)))
    assert evidence_hit(moment, evidence((5.0, 5.0)))
    assert not evidence_hit(moment, evidence((3.0, 5.0)))


def test_no_answer_hits_nothing_and_no_reference_is_not_measured() -> None:
    assert evidence_hit(OPEN, None) is False
    assert evidence_iou(OPEN, None) == 0.0
    assert evidence_hit(CHOICE, evidence((0, 1))) is None
    assert evidence_iou(CHOICE, evidence((0, 1))) is None


def test_overlap_is_measured_on_all_spans_together() -> None:
    # reference 10..20; spans 5..15 and 12..18 make 5..18: shared 8, either 15
    assert evidence_iou(OPEN, evidence((5, 15), (12, 18))) == pytest.approx(8 / 15)
    # the whole video hits, but its overlap is small
    assert evidence_iou(OPEN, evidence((0, 60))) == pytest.approx(10 / 60)
