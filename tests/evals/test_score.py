"""Stored rows are scored again without running anything."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.trajectory import Answer
from evals.run import RunConfig, main
from evals.score import main as score_again
from evals.score import read_run
from tests.evals.sets_drawn import row, write_script, write_set


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """Two questions of one video, one of which has no answer in it."""
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    rows = [
        row(),
        row(question="Which is on the flag?", answer=None),
        row("other.mp4", question="Which ends it?", answer="blue"),
    ]
    data = write_set(tmp_path / "data", rows)
    return RunConfig("clips", str(data), tmp_path / "run", write_script(tmp_path / "s.json"), encoder="hashing")


def test_the_page_of_a_run_comes_again_without_its_videos(config: RunConfig) -> None:
    page = main(config)
    for video in Path(config.data).glob("*.mp4"):
        video.unlink()
    assert score_again([str(config.out)]) == page


def test_a_changed_answer_key_changes_the_score_and_changed_questions_are_refused(config: RunConfig) -> None:
    main(config)
    assert read_run(config.out).metrics("strict")["accuracy"] == pytest.approx(100 / 3)
    file = Path(config.data) / "questions.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    rows[2]["answer"] = "green"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert read_run(config.out).metrics("strict")["accuracy"] == pytest.approx(200 / 3)
    rows[2]["question"] = "Which is last?"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(ValueError, match=r"are not those that .* asked"):
        read_run(config.out)


def test_where_nothing_is_shown_not_shown_is_right(config: RunConfig, tmp_path: Path) -> None:
    abstaining = write_script(tmp_path / "abstaining.json", Answer("", not_shown=True))
    page = main(replace(config, policy=abstaining))
    assert '3 abstained ("not shown")' in page
    assert read_run(config.out).metrics("strict")["accuracy"] == pytest.approx(100 / 3)
    asked_elsewhere = replace(config, policy=abstaining, control="unanswerable", out=tmp_path / "unanswerable")
    main(asked_elsewhere)
    run = read_run(asked_elsewhere.out)
    assert run.metrics("strict")["accuracy"] == 100.0
    assert run.manifest.left_out.keys() >= {"drawn.mp4#2"}


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no run: need a folder that python -m evals\.run --out wrote"):
        score_again([str(tmp_path)])


def test_a_control_that_nothing_can_be_asked_under_is_refused(config: RunConfig) -> None:
    with pytest.raises(ValueError, match="under oracle-crop no question of clips can be asked: it is not known where"):
        main(replace(config, control="oracle-crop", limit=1))
