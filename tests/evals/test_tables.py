"""The tables say what was measured, of how many, and how sure."""

from agent.trajectory import Answer, Evidence, Question, Step, Stop, Trajectory, Turn, VideoFacts
from evals.bootstrap import Estimate
from evals.example import Example
from evals.tables import (
    Outcome,
    accuracy_table,
    cost_table,
    difference_sentences,
    evidence_table,
    interval,
    markdown,
    outcomes,
)

OPTIONS = ("a", "b", "c", "d")


def example(number: int, cluster: str, needs: tuple[str, ...] = (), options: tuple[str, ...] = OPTIONS) -> Example:
    return Example(Question("v", f"q{number}", options, f"q{number}"), "a", (), (0.0, 1.0), needs, cluster)


EXAMPLES = (
    example(1, "x", ("zoom",)),
    example(2, "x", ("zoom", "speech")),
    example(3, "y", ("zoom",)),
    example(4, "z", (), ()),
)


def played(of: Example, answer: Answer | None, stop: Stop = Stop.ANSWERED) -> Trajectory:
    steps = (Step(Turn("", answer)),) if answer else ()
    return Trajectory(of.question, VideoFacts("h", 10.0, 64, 36), "lite", steps=steps, stop=stop)


def scored(*answers: Answer | None, stop: Stop = Stop.ANSWERED) -> tuple[Outcome, ...]:
    pairs = zip(EXAMPLES, answers, strict=False)
    return outcomes(EXAMPLES, {e.question.id: played(e, a, stop if a is None else Stop.ANSWERED) for e, a in pairs})


RIGHT = Answer("a", 0, evidence=(Evidence(0.5, 2.0),))
WRONG = Answer("b", 1)
ABSTAINS = Answer("", not_shown=True)
MAIN = scored(RIGHT, WRONG, RIGHT, ABSTAINS)


def rows(table: str) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {row[0]: row[1:] for row in cells}


def test_accuracy_is_given_overall_by_kind_and_by_need_beside_chance() -> None:
    table = rows(accuracy_table(MAIN, {"blind": scored(WRONG, WRONG, WRONG, None)}))
    assert table["questions"] == ["n", "videos", "right", "95 % interval", "random", "blind"]
    assert table["all"][:3] == ["4", "3", "50.0 %"]
    assert table["all"][4:] == ["18.8 %", "0.0 %"]  # three times 1/4 and one 0, over four
    assert table["multiple choice"][:3] == ["3", "2", "66.7 %"]
    assert table["open"][2:] == ["0.0 %", "none: one video", "0.0 %", "0.0 %"]
    assert table["`speech`"][:3] == ["1", "1", "0.0 %"]
    assert table["`zoom`"][0] == "3"


def test_a_crash_is_counted_apart_and_scored_nowhere() -> None:
    crashed = scored(RIGHT, None, RIGHT, RIGHT, stop=Stop.CRASHED)
    assert rows(accuracy_table(crashed, {}))["all"][:3] == ["3", "3", "100.0 %"]
    assert rows(cost_table(crashed))["broken off, not scored"] == ["1"]
    assert rows(evidence_table(crashed, {}))["evidence hit rate"][1] == "3"


def test_abstentions_and_missing_answers_are_counted() -> None:
    table = rows(cost_table(scored(RIGHT, None, ABSTAINS, WRONG, stop=Stop.MALFORMED)))
    assert table["answered"] == ["2"]
    assert table['abstained ("not shown")'] == ["1"]
    assert table["no answer"] == ["1"]
    assert table["tokens"] == ["not measured"] * 3
    assert table["turns"] == ["0.8", "1.0", "1.0"]


def test_evidence_is_given_as_hits_and_as_overlap() -> None:
    lines = evidence_table(MAIN, {}).splitlines()
    assert "50.0 %" in lines[2]  # two of four
    assert "12.5 %" in lines[3]  # 0.5 s of 2 s shared, twice, over four


def test_the_difference_to_a_control_is_paired() -> None:
    sentence = difference_sentences(MAIN, {"blind": scored(RIGHT, WRONG, WRONG, WRONG)})
    assert sentence.startswith("- Over blind: +25.0 points [")
    assert sentence.endswith("n = 4.")


def test_nothing_scored_makes_a_table_all_the_same() -> None:
    nothing = scored(None, None, None, None, stop=Stop.CRASHED)
    assert rows(accuracy_table(nothing, {}))["all"][2] == "not scored"
    assert evidence_table(nothing, {}).count("\n") == 1
    assert difference_sentences(nothing, {"blind": nothing}) == ""


def test_an_interval_that_cannot_be_had_says_so() -> None:
    assert interval(Estimate(0.5, None, None, 3, 1)) == "none: one video"
    assert interval(Estimate(0.5, 0.25, 0.75, 3, 2)) == "[25.0, 75.0]"


def test_a_bar_in_a_cell_does_not_break_the_table() -> None:
    assert "a\\|b" in markdown(["h"], [["a|b"]])
