"""Controls that ask questions about a video they were not made for.

With a wrong video, what is still answered as before came from the words. For a question that the other video can't
answer, the correct answer is "not shown", and a policy is scored by whether it says so.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evals.controls.control import ControlledQuestion, ControlPlan
from evals.controls.subject import ControlSubject

_SEED = "another video"


def plan_wrong_video(subjects: Sequence[ControlSubject]) -> ControlPlan:
    """A plan that asks every question about another video of the set: a permutation of the videos."""
    firsts = {s.question.video: s for s in reversed(subjects)}
    videos = random.Random(_SEED).sample(sorted(firsts), len(firsts))
    if len(videos) < 2:
        return ControlPlan((), {s.question.id: "the set has only one video" for s in subjects})
    after = dict(zip(videos, [*videos[1:], videos[0]], strict=True))
    return ControlPlan(tuple(_move_question(s, firsts[after[s.question.video]]) for s in subjects), {})


def plan_unanswerable(subjects: Sequence[ControlSubject]) -> ControlPlan:
    """A plan that asks questions about a video which, as far as is known, does not answer them.

    Another video fits if nobody asks the same words about it, no question about it has the same answer, and nothing
    that the question names is known to be in it. Where little is known of the videos a question may still have an
    answer there ("How many people are there?"), so the share of "not shown" is read against the share on their own.
    """
    videos: dict[str, list[ControlSubject]] = {}
    for subject in subjects:
        videos.setdefault(subject.question.video, []).append(subject)
    known = {video: _gather_known(theirs) for video, theirs in sorted(videos.items())}
    asked, left_out = [], {}
    for subject in subjects:
        question = subject.question
        if subject.answer is None:
            left_out[question.id] = "its answer is not known, or is not shown even in its own video"
        elif (fit := _draw_fitting(subject, subject.answer, known)) is None:
            left_out[question.id] = "every other video of the set may answer it"
        else:
            asked.append(replace(_move_question(subject, videos[fit][0]), is_answerable=False))
    return ControlPlan(tuple(asked), left_out)


def _draw_fitting(subject: ControlSubject, answer: str, known: Mapping[str, "_Known"]) -> str | None:
    """A video that does not answer the question, drawn by the question's id; None where there is none."""
    text, said, own = _plain(subject.question.text), _plain(answer), subject.question.video
    others = random.Random(f"{_SEED} {subject.question.id}").sample(tuple(known), len(known))
    return next((video for video in others if video != own and known[video].leaves_open(text, said)), None)


def _move_question(subject: ControlSubject, other: ControlSubject) -> ControlledQuestion:
    question = replace(subject.question, video=other.question.video)
    return ControlledQuestion(question, subject.question.id, other.question.id)


@dataclass(frozen=True)
class _Known:
    """Texts, answers and things of a video, known from the questions about it, in plain words."""

    texts: frozenset[str]
    answers: frozenset[str]
    things: frozenset[str]

    def leaves_open(self, text: str, answer: str) -> bool:
        """Whether nothing known says that the video answers a question, given in plain words."""
        if text in self.texts or answer in self.answers:
            return False
        return not any(thing in text and re.search(rf"\b{re.escape(thing)}\b", text) for thing in self.things)


def _gather_known(subjects: Sequence[ControlSubject]) -> _Known:
    return _Known(
        frozenset(_plain(s.question.text) for s in subjects),
        frozenset(_plain(s.answer) for s in subjects if s.answer is not None),
        frozenset(_plain(thing) for s in subjects for thing in s.things),
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
