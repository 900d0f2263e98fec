"""What a composed set knows of its questions comes with them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evals.composed.drawn import DRAWN
from evals.composed.episode import compose
from evals.composed.writing import KNOWN, QUESTIONS, write_episode
from evals.controls.known import load_known
from evals.controls.subject import subject_of
from evals.example import Example, load_examples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("composed")
    write_episode(made, compose(DRAWN, 3, 0, height=252))
    return made


def test_times_boxes_and_things_of_a_composed_video_are_known(folder: Path) -> None:
    episode = compose(DRAWN, 3, 0, height=252)
    subjects = load_known(folder / KNOWN, load_examples(folder / QUESTIONS, folder))
    assert len(subjects) == len(episode.questions) > 0
    for subject, asked in zip(subjects, episode.questions, strict=True):
        assert subject.asks_place == (asked.family == "where")
        assert subject.things == {needle.name for needle in episode.plan.recipe.needles}
        assert subject.evidence is not None
        for shown, placement in zip(subject.evidence, asked.evidence, strict=True):
            assert (shown.start_seconds, shown.stop_seconds) == (placement.start_seconds, placement.stop_seconds)
            assert shown.box == pytest.approx(placement.whole_box, abs=1e-5)


def test_a_file_of_another_set_is_refused(folder: Path, tmp_path: Path) -> None:
    examples = load_examples(folder / QUESTIONS, folder)
    with pytest.raises(ValueError, match="different sets"):
        load_known(folder / KNOWN, examples[1:])
    elsewhere = tuple(replace(e, question=replace(e.question, video="other.mp4")) for e in examples)
    with pytest.raises(ValueError, match="line 1 is about"):
        load_known(folder / KNOWN, elsewhere)
    broken = tmp_path / KNOWN
    broken.write_text("\n".join(json.dumps({"video": "x"}) for _ in examples), encoding="utf-8")
    with pytest.raises(ValueError, match="line 1: family"):
        load_known(broken, examples)
    broken.write_text("{\n" * len(examples), encoding="utf-8")
    with pytest.raises(ValueError, match="line 1: "):
        load_known(broken, examples)


def test_an_example_alone_tells_the_time_if_it_has_one(folder: Path) -> None:
    example = load_examples(folder / QUESTIONS, folder)[0]
    timed = subject_of(replace(example, evidence_seconds=(1.0, 2.0))).evidence
    assert timed is not None
    assert (timed[0].start_seconds, timed[0].stop_seconds, timed[0].box) == (1.0, 2.0, None)
    assert subject_of(replace(example, evidence_seconds=None)).evidence is None


def test_a_question_without_an_id_is_refused(folder: Path) -> None:
    example: Example = load_examples(folder / QUESTIONS, folder)[0]
    with pytest.raises(ValueError, match="needs an id"):
        subject_of(replace(example, question=replace(example.question, id="")))
