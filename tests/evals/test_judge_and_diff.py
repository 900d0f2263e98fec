"""`evals.judge` and `evals.diff` over stored runs: verdicts beside the rows, and where two runs part."""

import json
from pathlib import Path

import pytest

from agent.policies.scripted import ScriptedPolicy
from agent.trajectory import Answer, Calls, Evidence, Link, Prediction, ToolCall, Turn
from evals.diff import compare_runs
from evals.diff import main as diff
from evals.judge import VERDICTS, judge_run, read_labels, render_verdicts
from evals.judge import main as judge
from evals.run import RunConfig, main
from evals.runner.manifest import read_manifest
from evals.scoring.judge.judge import AnswerJudge
from evals.scoring.judge.rubrics import compute_rubrics_version
from evals.scoring.judge.wording import write_answer
from evals.statistics.agreement import compute_kappa
from tests.evals.sets_drawn import row, write_script, write_set

ONE, TWO = "drawn.mp4#1", "drawn.mp4#2"
OPEN = {"options": [], "question": "Which colour is second?"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    return write_set(folder, [row(**OPEN), row(**OPEN), row()])


def play(data: Path, out: Path, *moves: Answer | Calls) -> Path:
    policy = write_script(out.parent / f"{out.name}.json", *moves)
    main(RunConfig("clips", str(data), out, policy, encoder="hashing"))
    return out


def make_judge(folder: Path, reply: str) -> AnswerJudge:
    return AnswerJudge(ScriptedPolicy([Turn("", Answer(reply))]), folder)


def test_open_answers_are_judged_and_kept_beside_the_rows(data: Path, tmp_path: Path) -> None:
    run = play(data, tmp_path / "run", Answer("a kind of green", 1))
    teller = make_judge(tmp_path / "cache", '{"reason": "green", "score": 1}')
    found = judge_run(run, teller)
    assert {one.key[0] for one in found} == {ONE, TWO}
    kept = json.loads((run / VERDICTS).read_text(encoding="utf-8"))
    assert [verdict["score"] for verdict in kept["verdicts"]] == [1, 1]
    assert kept["verdicts"][0]["reply"] == '{"reason": "green", "score": 1}'
    manifest = read_manifest(run)
    assert manifest is not None
    assert [(record.spec, record.rubrics) for record in manifest.judges] == [("scripted", compute_rubrics_version())]
    page = render_verdicts(teller, found, {ONE: 1, TWO: 0})
    assert "| correctness |" in page
    assert "100.0" in page
    main(RunConfig("clips", str(data), run, manifest.terms.policy, encoder="hashing"))
    again = read_manifest(run)
    assert again is not None
    assert again.judges == manifest.judges


def test_an_answer_without_a_verdict_counts_as_nothing_and_is_told(data: Path, tmp_path: Path) -> None:
    run = play(data, tmp_path / "run", Answer("green", 1))
    teller = make_judge(tmp_path / "cache", "I can't judge that.")
    cells = [cell.strip() for cell in render_verdicts(teller, judge_run(run, teller), {}).splitlines()[-1].split("|")]
    assert cells[1:-1] == ["correctness", "2", "0.0", "0", "2", "not measured"]


def test_a_run_is_not_judged_by_its_own_model(data: Path, tmp_path: Path) -> None:
    run = play(data, tmp_path / "run", Answer("green", 1))
    own = f"scripted:{tmp_path / 'run.json'}"
    with pytest.raises(ValueError, match="it is the same model"):
        judge([str(run), "--judge", own])
    with pytest.raises(ValueError, match="lite is no language model"):
        judge([str(run), "--judge", "lite"])


def test_labels_are_read_and_agreement_is_cohens(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"id": "one", "score": 1}\n{"id": 2, "score": 0}\n', encoding="utf-8")
    assert read_labels(path) == {"one": 1, "2": 0}
    # 20 both yes, 5 yes-no, 10 no-yes, 15 both no: observed 0.7, by chance 0.5 (the textbook example)
    first, second = [1] * 25 + [0] * 25, [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    assert compute_kappa(first, second) == pytest.approx(0.4)
    assert compute_kappa([], []) is None
    assert compute_kappa([1, 1], [1, 1]) is None


def test_chains_and_predictions_are_judged_in_their_own_words() -> None:
    chain = (Link("it tips", "", ()), Link("it falls", "it tipped", ()))
    assert write_answer(Answer("It fell.", chain=chain)) == "It fell.\nit tips\nit falls (it tipped)"
    predictions = (Prediction("it breaks", "it is glass", 0.5, ()),)
    assert write_answer(Answer("it breaks", predictions=predictions)) == "it breaks (it is glass)"


def test_two_runs_are_compared_turn_by_turn(data: Path, tmp_path: Path) -> None:
    look = Calls((ToolCall("t1c1", "overview", {"count": 2}),))
    first = play(data, tmp_path / "first", look, Answer("red", 0))
    second = play(data, tmp_path / "second", look, Answer("green", 1, evidence=(Evidence(2.0, 4.0),)))
    third = play(data, tmp_path / "third", Answer("green", 1))
    found = compare_runs(first, second)
    assert {(one.turn, one.outcome) for one in found} == {(2, "gained")}
    assert found[0].first == "answers 'red'"
    assert found[0].second == "answers 'green' (2-4 s)"
    assert {(one.turn, one.outcome, one.first) for one in compare_runs(second, third)} == {
        (1, "same", 'overview {"count": 2}')
    }
    assert {one.turn for one in compare_runs(first, first)} == {None}
    page = diff([str(first), str(second), "--show", "1"])
    assert page.startswith("3 questions in both: 3 gained, 0 lost, 0 scored the same. 3 take another course.")
    assert page.count("| gained") == 1
