"""What a training file can say of its questions."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.trajectory import Answer, Evidence, Step, Trajectory
from evals.composed.writing import write_mp4
from rl.attacks import write_answer
from rl.data.questions import PosedQuestions, open_questions
from rl.rewards.aids import Aids
from tests.rl.cases import run, value
from tools.observation import Box


def asked(data: str, count: int = 4) -> list[str]:
    opened = open_questions(data, count)
    assert isinstance(opened, PosedQuestions)
    return [example.question.text for example in opened.examples.values()]


def test_the_same_words_give_the_same_questions_and_another_seed_gives_others() -> None:
    assert len(set(asked("composed"))) == 4
    assert asked("composed") == asked("composed,seed=0,first=1,last=1,view=words")
    assert asked("composed") != asked("composed,seed=1")


def test_only_the_wanted_families_are_asked_in_the_same_order() -> None:
    whens = asked("composed,families=when")
    assert all(text.startswith("During which interval") for text in whens)
    some = asked("composed,families=read+when", 12)
    assert {text.split()[0] for text in some} == {"During", "Which"}
    assert [text for text in some if text.startswith("During")] == whens[: sum(t.startswith("During") for t in some)]


def test_a_curriculum_goes_up_among_the_wanted_families_too() -> None:
    opened = open_questions("composed,first=1,last=3,families=when", 12)
    lengths = [one.episode.plan.recipe.seconds for one in opened._posed.values()]  # type: ignore[attr-defined]
    assert lengths[0] == 30
    assert max(lengths) == max(lengths[-4:]) > 60


@pytest.mark.parametrize("data", ["drawn,level=1,count=2", "composed,view=pictures"])
def test_composed_questions_know_the_boxes_of_their_evidence(data: str) -> None:
    """The evidence that cites the box of the recipe is paid, and the same box at another time is not."""
    opened = open_questions(data, 4)
    [(key, example), *_] = [(k, e) for k, e in opened.examples.items() if e.evidence_seconds is not None]
    start, stop = example.evidence_seconds or (0.0, 0.0)
    first, *_, last = opened.boxes[key]
    assert (first.seconds, last.seconds) == (start, stop)
    aids = Aids(boxes=lambda one: opened.boxes.get(one.question.id))
    told = run(write_answer("A", (start, stop)), example=example)
    assert told.answer is not None
    paid = [
        value("evidence_box_iou", replace(told, steps=(answering(told, when, box),)), example, aids)
        for when, box in ((start, first.box), (stop, last.box), (1000.0, last.box))
    ]
    assert paid == [pytest.approx(1.0), pytest.approx(1.0), 0.0]


def answering(told: Trajectory, seconds: float, box: Box) -> Step:
    [step] = told.steps
    assert isinstance(step.turn.move, Answer)
    moved = replace(step.turn.move, evidence=(Evidence(seconds, seconds, box=box),))
    return replace(step, turn=replace(step.turn, move=moved))


def test_videos_are_looked_for_before_anything_is_loaded(tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", lambda _: np.zeros((90, 160, 3), np.uint8), 1.0)
    rows = [{"video": name, "question": "What?", "answer": "this", "options": None} for name in ("a.mp4", "b.mp4")]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    opened = open_questions(str(tmp_path / "q.jsonl"), 4)
    with pytest.raises(
        ValueError, match=r"1 of 2 questions can't be asked, the first: .*b\.mp4.*; skip_unplayable = true"
    ):
        opened.check_videos(skip=False)
    assert "b.mp4" in opened.check_videos(skip=True)
    assert list(opened.examples) == ["a.mp4#1"]
    assert opened.check_videos(skip=False) == ""
    (tmp_path / "a.mp4").unlink()
    with pytest.raises(ValueError, match="1 of 1 questions can't be asked"):
        opened.check_videos(skip=True)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("composed,families=dance", "no family 'dance': there are which, read"),
        ("composed,view=smells", "no view 'smells'"),
        ("composed,first=one", "whole numbers"),
        ("composed,last=9", "first <= last <= 5"),
        ("composed,colour=red", "has no 'colour'"),
        (
            "composed,families=order",
            "only 0 of 4 questions are of the families order",
        ),  # of three needles, from level 2
    ],
)
def test_what_cannot_be_asked_is_told(data: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        open_questions(data, 4)
