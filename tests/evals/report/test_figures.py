"""The figures of a report against figures worked out on paper, out of runs that were written by hand."""

from pathlib import Path

import pytest

from agent.trajectory import Answer, Evidence, Usage
from evals.benchmarks.catalogue import BENCHMARKS
from evals.datasets.dataset import QuestionSet
from evals.datasets.registry import open_set
from evals.report.__main__ import load_runs, main
from evals.runner.run_file import TRAJECTORIES
from tests.evals.gold import gold_reply
from tests.evals.report.stored import PASSED, RIGHT, WRONG, asked_by, played, write_run
from tests.evals.sets_drawn import row, write_set
from tests.evals.test_benchmarks import folder_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four questions of two clips."""
    rows = [row(), row(needs=["text"]), row("other.mp4"), row("other.mp4", needs=["text"])]
    return write_set(tmp_path / "data", rows)


@pytest.fixture
def questions(data: Path) -> QuestionSet:
    return open_set("clips", str(data))


def cells(page: str, first: str) -> list[list[str]]:
    """The rows of all tables that begin with these words."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    return [row[1:] for row in rows if row[0] == first]


def test_a_run_has_its_share_its_interval_and_what_guessing_would_give(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    a, b, c, d = asked_by(questions)
    rows = [played(a, RIGHT), played(b, WRONG), played(c, RIGHT), played(d, RIGHT)]
    accuracy = cells(main([write_run(tmp_path / "lite", questions, data, rows)]), "1 lite")[0]
    assert accuracy[:5] == ["clips", "none", "agent", "4", "2"]
    assert accuracy[5].startswith("75.0 % [")
    assert accuracy[6:] == ["33.3 %", "0"]


def test_a_crash_is_counted_and_not_scored(tmp_path: Path, data: Path, questions: QuestionSet) -> None:
    a, b, c, d = asked_by(questions)
    rows = [played(a, RIGHT), played(b, None), played(c, RIGHT), played(d, WRONG)]
    accuracy = cells(main([write_run(tmp_path / "lite", questions, data, rows)]), "1 lite")[0]
    assert accuracy[3] == "3"
    assert accuracy[5].startswith("66.7 %")
    assert accuracy[7] == "1"


def test_where_nothing_is_scored_there_is_a_report_all_the_same(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    rows = [played(q, None) for q in asked_by(questions)]
    folders = [write_run(tmp_path / name, questions, data, rows) for name in ("a", "b")]
    page = main(folders, tmp_path / "report.html")
    assert cells(page, "1 a")[0] == ["clips", "none", "agent", "–", "–", "–", "33.3 %", "4"]


def test_of_two_lines_of_one_question_the_later_counts(tmp_path: Path, data: Path, questions: QuestionSet) -> None:
    a = asked_by(questions)[0]
    folder = write_run(tmp_path / "lite", questions, data, [played(a, None), played(a, RIGHT)])
    assert [one.row.value for one in load_runs([folder])[0].played] == [1.0]


def test_a_torn_last_line_is_left_out(tmp_path: Path, data: Path, questions: QuestionSet) -> None:
    folder = write_run(tmp_path / "lite", questions, data, [played(q, RIGHT) for q in asked_by(questions)])
    path = folder / TRAJECTORIES
    path.write_bytes(path.read_bytes()[:-20])
    assert len(load_runs([folder])[0].played) == 3


def test_a_line_that_is_no_trajectory_is_named(tmp_path: Path, data: Path, questions: QuestionSet) -> None:
    folder = write_run(tmp_path / "lite", questions, data, [played(asked_by(questions)[0], RIGHT)])
    with (folder / TRAJECTORIES).open("a", encoding="utf-8") as file:
        file.write("{}\n")
    with pytest.raises(ValueError, match=r"trajectories\.jsonl, line 2"):
        load_runs([folder])


def test_a_set_that_changed_since_is_refused(tmp_path: Path, data: Path, questions: QuestionSet) -> None:
    folder = write_run(tmp_path / "lite", questions, data, [played(asked_by(questions)[0], RIGHT)])
    write_set(data, [row(), row(question="What else?")])
    with pytest.raises(ValueError, match=r"are not those that .* asked"):
        load_runs([folder])


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no run: need a folder that python -m evals\.run --out wrote"):
        main([tmp_path])


def test_a_run_that_has_played_nothing_yet_is_refused(tmp_path: Path, data: Path, questions: QuestionSet) -> None:
    folder = write_run(tmp_path / "lite", questions, data, [])
    for _ in ("an empty file", "none"):
        with pytest.raises(ValueError, match="has no whole line in it yet"):
            load_runs([folder])
        (folder / TRAJECTORIES).unlink(missing_ok=True)


def test_runs_are_told_apart_by_as_much_of_their_path_as_it_takes(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    rows = [played(asked_by(questions)[0], RIGHT)]
    folders = [write_run(tmp_path / day / "lite", questions, data, rows) for day in ("monday", "friday")]
    assert [run.label for run in load_runs(folders)] == ["1 monday/lite", "2 friday/lite"]


def test_a_run_is_held_against_the_controls_of_its_policy_question_by_question(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    lite = [played(q, RIGHT) for q in asked_by(questions)]
    blind = [played(q, x) for q, x in zip(asked_by(questions, "blind"), (WRONG, WRONG, RIGHT, WRONG), strict=True)]
    folders = [
        write_run(tmp_path / "lite", questions, data, lite),
        write_run(tmp_path / "blind", questions, data, blind, control="blind"),
        write_run(tmp_path / "blind-model", questions, data, blind, control="blind", policy="http:model"),
    ]
    page = main(folders)
    count, points, first, second, p, unmatched = cells(page, "1 lite − 2 blind")[0]
    # three questions apart, all one way: mid-p = 2 * (1/8) - 1/8
    assert (count, first, second, p, unmatched) == ("4", "3", "0", "0.125", "0")
    assert points.startswith("+75.0")
    assert not cells(page, "1 lite − 3 blind-model")


def test_breakdowns_stand_beside_one_another_and_few_questions_are_marked(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    a, b, c, d = asked_by(questions)
    rows = [played(a, RIGHT), played(b, WRONG), played(c, RIGHT), played(d, WRONG)]
    page = main([write_run(tmp_path / "lite", questions, data, rows)])
    count, share = cells(page, "text")[0]
    assert count == "2"
    assert share.startswith("0.0 %")
    assert share.endswith("*")


def test_under_a_control_a_question_keeps_the_length_of_its_own_video(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    lengths = (10.0, 10.0, 1000.0, 1000.0)
    lite = [played(q, RIGHT, seconds=s) for q, s in zip(asked_by(questions), lengths, strict=True)]
    blind = [played(q, WRONG, seconds=10.0) for q in asked_by(questions, "blind")]
    folders = [
        write_run(tmp_path / "blind", questions, data, blind, control="blind"),
        write_run(tmp_path / "lite", questions, data, lite),
    ]
    assert cells(main(folders), "15 to 60 min")[0][0] == "2"
    alone = load_runs(folders[:1])[0]  # nobody knows
    assert not [group for one in alone.played for group in one.row.groups if group[0] == "duration"]


def test_answers_to_shuffled_options_are_counted_back_and_are_runs_of_one_question(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    asked = asked_by(questions, "shuffled-options")
    rows = [played(q, Answer("green", q.options.index("green"), 0.9)) for q in asked]
    run = load_runs([write_run(tmp_path / "shuffled", questions, data, rows, control="shuffled-options")])[0]
    assert len(asked) == 8  # two other orders of three options that keep the circle
    assert {one.row.value for one in run.played} == {1.0}
    assert len({one.row.question for one in run.played}) == 4
    assert {one.row.run for one in run.played} == {0, 1}


def test_several_runs_of_a_question_have_one_mean_and_a_spread(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    first = [played(q, RIGHT) for q in asked_by(questions)]
    second = [played(q, x, sample=1) for q, x in zip(asked_by(questions), (RIGHT, RIGHT, WRONG, WRONG), strict=True)]
    page = main([write_run(tmp_path / "model", questions, data, [*first, *second])])
    accuracy, repeated = cells(page, "1 model")[0], cells(page, "1 model")[1]
    assert accuracy[3] == "4"
    assert accuracy[5].startswith("75.0 %")
    # means of 100 and 50: a sample deviation of 35.4; half of the questions are always right, and half change
    assert repeated == ["100.0, 50.0", "35.4", "50.0 %", "75.0 %", "50.0 %"]


def test_what_can_not_be_known_is_scored_by_abstaining(tmp_path: Path) -> None:
    rows = [row(answer=None), row(question="Which is third?"), row(question="Which is first?", answer=None)]
    data = write_set(tmp_path / "data", rows)
    questions = open_set("clips", str(data))
    answers = (PASSED, PASSED, RIGHT)
    stored = [played(q, x) for q, x in zip(asked_by(questions), answers, strict=True)]
    page = main([write_run(tmp_path / "lite", questions, data, stored)])
    abstained = next(found for found in cells(page, "1 lite") if len(found) == 10)
    # right 0, wrong 0, made up 1, rightly 1, wrongly 1, can't tell 0, no answer 0; recall 1 of 2, precision 1 of 2
    assert abstained == ["0", "0", "1", "1", "1", "0", "0", "50.0 %", "50.0 %", "50.0 %"]


def test_cost_that_was_not_measured_is_no_zero(tmp_path: Path, data: Path, questions: QuestionSet) -> None:
    lite = [played(q, RIGHT) for q in asked_by(questions)]
    spent = Usage(2.0, 900, 100, 0.01)
    model = [played(q, RIGHT, usage=spent) for q in asked_by(questions)]
    page = main([write_run(tmp_path / "a", questions, data, lite), write_run(tmp_path / "b", questions, data, model)])
    cost = {name: next(x for x in cells(page, name) if "/" in x[0]) for name in ("1 a", "2 b")}
    assert cost["1 a"][3:] == ["–"] * 4
    assert cost["2 b"][3] == "2k / 2k / 2k / 2k"
    assert cost["2 b"][-2:] == ["0.5", "50"]  # four right answers in 8,000 tokens, and for eight cents


def test_claims_are_told_apart_by_their_evidence_and_times_by_what_was_looked_at(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    off = Evidence(9.0, 9.5, note="nothing was looked at here")
    answers = (RIGHT, Answer("green at 9 s", 1), Answer("red at 2.5 s", 0, evidence=(off,)), PASSED)
    rows = [played(q, a) for q, a in zip(asked_by(questions), answers, strict=True)]
    page = main([write_run(tmp_path / "a", questions, data, rows)])
    (found,) = [row for row in cells(page, "1 a") if row[0] == "3"]
    shares = [cell.partition(" %")[0] for cell in found]
    # three claims, a third each; of the answers beside the founded one half are right; one of two times was not seen
    assert shares == ["3", "33.3", "33.3", "33.3", "100.0", "50.0", "2", "50.0"]


def test_how_much_of_the_video_was_seen_is_told_apart_from_what_was_searched(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    page = main([write_run(tmp_path / "a", questions, data, [played(q, RIGHT) for q in asked_by(questions)])])
    # a frame outside a sweep stands for one of the ten seconds
    assert "| 1 a | 10 % | 0 % | 0 % | 0 % |" in " ".join(page.split())


def test_evidence_is_held_against_the_reference_but_not_where_another_video_was_shown(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    lite = [played(q, x) for q, x in zip(asked_by(questions), (RIGHT, RIGHT, RIGHT, WRONG), strict=True)]
    blind = [played(q, RIGHT) for q in asked_by(questions, "blind")]
    runs = load_runs(
        [
            write_run(tmp_path / "lite", questions, data, lite),
            write_run(tmp_path / "blind", questions, data, blind, control="blind"),
        ]
    )
    assert [one.hit for one in runs[0].played] == [True, True, True, False]
    assert [one.iou for one in runs[0].played] == [1.0, 1.0, 1.0, 0.0]
    assert {one.hit for one in runs[1].played} == {None}


def test_what_needs_its_video_is_sorted_by_the_runs_that_are_there(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    answers = {
        None: (RIGHT, RIGHT, RIGHT, WRONG),
        "blind": (RIGHT, WRONG, WRONG, WRONG),
        "shuffled-frames": (WRONG, RIGHT, WRONG, WRONG),
    }
    folders = []
    for control, given in answers.items():
        rows = [played(q, x) for q, x in zip(asked_by(questions, control), given, strict=True)]
        folders.append(write_run(tmp_path / (control or "lite"), questions, data, rows, control=control))
    page = main(folders)
    labels = ("LLM-answerable", "semantic", "temporal", "others")
    assert [cells(page, label)[0][0] for label in labels] == ["1", "1", "1", "1"]
    assert [cells(page, label)[0][1][:6] for label in labels] == ["100.0 ", "100.0 ", "100.0 ", "0.0 % "]
    assert "What the questions need" not in main(folders[:2])


def test_passing_one_of_several_runs_is_never_told_without_what_guessing_would_pass(
    tmp_path: Path, data: Path, questions: QuestionSet
) -> None:
    runs = [[played(q, x, sample=sample) for q in asked_by(questions)] for sample, x in ((0, RIGHT), (1, WRONG))]
    page = main([write_run(tmp_path / "model", questions, data, [*runs[0], *runs[1]])])
    # one of two runs is right each time; two guesses among three options pass with 1 - (2/3)^2 = 5/9
    k, passed, guessing, above, fewer = next(
        found for found in cells(page, "1 model") if len(found) == 5 and found[0] == "2"
    )
    assert (k, guessing, fewer) == ("2", "55.6 %", "0")
    assert passed.startswith("100.0 %")
    assert above.startswith("+44.4")


@pytest.mark.parametrize("name", ["lvbench", "mmvu", "video-holmes", "charades-sta"])
def test_perfect_answers_to_a_published_set_are_right_by_every_profile(name: str, tmp_path: Path) -> None:
    folder = folder_of(name)
    questions = open_set(name, str(folder))
    items = {item.id: item for item in BENCHMARKS[name].load(folder) if item.gold is not None}
    replies = {key: gold_reply(item) for key, item in items.items()}
    answers = {
        key: Answer(reply.text, reply.option, 0.9, tuple(Evidence(*span) for span in reply.spans))
        for key, reply in replies.items()
    }
    rows = [played(q, answers[q.id]) for q in asked_by(questions) if q.id in answers]
    markdown = main([write_run(tmp_path / "run", questions, folder, rows)], tmp_path / "report.html", 1)
    profiles = next(found for found in cells(markdown, "1 run") if len(found) == len(questions.profiles))
    assert [cell.split(" %")[0] for cell in profiles] == ["100.0"] * len(questions.profiles)
