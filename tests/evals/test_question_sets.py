"""Sets of questions, whichever format they come from."""

import json
from pathlib import Path

import pytest

from agent.trajectory import Answer, Evidence
from evals.composed.drawn import DRAWN
from evals.composed.episode import compose
from evals.composed.writing import write_episode
from evals.datasets.clips import open_clips
from evals.datasets.composed import open_composed
from evals.datasets.dataset import sample_entries
from evals.datasets.registry import NAMES, open_set
from evals.runner.manifest import hash_questions
from evals.runner.preflight import check_files
from tests.evals.sets_drawn import row, write_set
from tests.evals.test_benchmarks import folder_of


def test_every_name_opens_or_says_what_is_missing(tmp_path: Path) -> None:
    for name in NAMES:
        with pytest.raises(ValueError, match=r"--data|level=1|does not exist|no questions at"):
            open_set(name, str(tmp_path))
    with pytest.raises(ValueError, match="no benchmark 'x': known are clips, composed, video-mme"):
        open_set("x", str(tmp_path))


def test_clips_are_a_file_or_a_folder_and_videos_may_lie_elsewhere(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", [row()])
    (tmp_path / "videos").mkdir()
    by_folder, by_file = open_clips(data), open_clips(data / "questions.jsonl", tmp_path / "videos")
    assert by_folder.asking.entries[0].source.problem() is None
    assert "no video at" in (by_file.asking.entries[0].source.problem() or "")
    assert hash_questions(by_folder.asking.entries) == hash_questions(by_file.asking.entries)
    with pytest.raises(ValueError, match="--videos is for clips"):
        open_set("mvbench", str(data), tmp_path)


def test_a_painted_set_is_the_written_one(tmp_path: Path) -> None:
    painted = open_composed("drawn,count=2,seed=5")
    for number in range(2):
        write_episode(tmp_path, compose(DRAWN, 5, number))
    written = open_composed(str(tmp_path))
    ours, theirs = painted.asking.entries, written.asking.entries
    assert [e.question.text for e in ours] == [e.question.text for e in theirs]
    for one, other in zip(ours, theirs, strict=True):
        for mine, its in zip(one.subject.evidence or (), other.subject.evidence or (), strict=True):
            assert (mine.start_seconds, mine.stop_seconds) == (its.start_seconds, its.stop_seconds)
            assert mine.box == pytest.approx(its.box, abs=1e-5)
    assert [e.subject.things for e in ours] == [e.subject.things for e in theirs]
    assert [e.cluster for e in ours] == [Path(e.cluster).stem for e in theirs]


@pytest.mark.parametrize("data", ["drawn,count", "drawn,size=3", "drawn,count=x", "drawn,split=test"])
def test_a_recipe_that_can_not_be_read_is_refused(data: str) -> None:
    with pytest.raises(ValueError, match=r"can't read|whole numbers|no split"):
        open_composed(data)


def test_one_recipe_is_one_set() -> None:
    first, again = open_composed("drawn,count=2"), open_composed("drawn,count=2")
    assert first.asking.entries[0].question == again.asking.entries[0].question
    assert len({e.source for e in first.asking.entries}) == 2


def test_a_limit_draws_by_the_seed_and_keeps_the_order(tmp_path: Path) -> None:
    entries = open_clips(write_set(tmp_path, [row(question=f"Which, {n}?") for n in range(30)])).asking.entries
    ten, twenty = sample_entries(entries, 10, 0), sample_entries(entries, 20, 0)
    assert set(ten) < set(twenty) < set(sample_entries(entries, None, 0))
    assert list(ten) == [entry for entry in entries if entry in ten]
    assert sample_entries(entries, 10, 1) != ten


def test_what_makes_scores_meaningless_stops_unless_forced(tmp_path: Path) -> None:
    rows = json.loads((folder_of("egoschema") / "questions.json").read_text(encoding="utf-8"))
    (tmp_path / "questions.json").write_text(json.dumps([rows[0], rows[0]]), encoding="utf-8")
    (tmp_path / "subset_answers.json").write_text(json.dumps({rows[0]["q_uid"]: 3}), encoding="utf-8")
    twice, said = open_set("egoschema", str(tmp_path)), list[str]()
    with pytest.raises(ValueError, match="1 findings make scores of egoschema meaningless: mend them, or give --force"):
        check_files(twice, said.append, force=False)
    assert any("row 2: id: the same as in" in line for line in said)
    check_files(twice, said.append, force=True)
    assert len(twice.asking.entries) == 1


def test_a_damaged_record_is_named_by_file_row_and_key(tmp_path: Path) -> None:
    rows = json.loads((folder_of("egoschema") / "questions.json").read_text(encoding="utf-8"))
    del rows[1]["option 3"]
    (tmp_path / "questions.json").write_text(json.dumps(rows), encoding="utf-8")
    (tmp_path / "subset_answers.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"questions\.json, row 2: the key 'option 3' is missing"):
        open_set("egoschema", str(tmp_path))


def test_a_span_is_scored_by_the_first_evidence(tmp_path: Path) -> None:
    charades = open_set("charades-sta", str(folder_of("charades-sta")))
    key = charades.asking.entries[0].id
    (known,) = charades.asking.entries[0].subject.evidence or ()
    answer = Answer("it happens then", evidence=(Evidence(known.start_seconds, known.stop_seconds),))
    assert charades.score(key, answer, "strict").value == pytest.approx(1.0)
    assert charades.score(key, None, "strict").value == 0.0
    assert charades.metrics({key: answer}, "lmms")["R1@0.7"] == 100.0


def test_no_answer_is_in_the_numbers_and_what_was_not_asked_is_not() -> None:
    lvbench = open_set("lvbench", str(folder_of("lvbench")))
    first, _ = lvbench.asking.entries
    right = first.question.options.index(first.subject.answer or "")
    assert lvbench.metrics({first.id: Answer("", right)}, "strict")["accuracy"] == 100.0
    assert lvbench.metrics({first.id: None}, "strict")["accuracy"] == 0.0
    assert "accuracy" not in lvbench.metrics({first.id: None}, "official")  # its authors leave that out
