"""Questions about a video that they were not made for.

With a wrong video, what is still answered as before came from the words. Of a question that can't be answered from the
other video the right answer is "not shown", and a policy is scored by whether it says so.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evals.controls.control import Asked, Plan
from evals.controls.subject import Subject

_SEED = "another video"


def wrong_video(subjects: Sequence[Subject]) -> Plan:
    """Every question about another video of the set: one for all questions of a video, and each used once."""
    firsts = {s.question.video: s for s in reversed(subjects)}
    videos = random.Random(_SEED).sample(sorted(firsts), len(firsts))
    if len(videos) < 2:
        return Plan((), {s.question.id: "the set has only one video" for s in subjects})
    after = dict(zip(videos, [*videos[1:], videos[0]], strict=True))
    return Plan(tuple(_moved(s, firsts[after[s.question.video]]) for s in subjects), {})


def unanswerable(subjects: Sequence[Subject]) -> Plan:
    """Questions about a video of which nothing known says that it answers them.

    Another video fits if nobody asks the same words about it, no question about it has the same answer, and nothing
    that the question names is known to be in it. Where little is known of the videos a question may still have an
    answer there ("How many people are there?"), so the share of "not shown" is read against the share on their own.
    """
    videos: dict[str, list[Subject]] = {}
    for subject in subjects:
        videos.setdefault(subject.question.video, []).append(subject)
    known = {video: _known(theirs) for video, theirs in videos.items()}
    asked, left_out = [], {}
    for subject in subjects:
        question = subject.question
        others = random.Random(f"{_SEED} {question.id}").sample(sorted(known), len(known))
        fitting = (video for video in others if video != question.video and known[video].leaves_open(subject))
        if subject.answer is None:
            left_out[question.id] = "its answer is not known, or is not shown even in its own video"
        elif (fit := next(fitting, None)) is None:
            left_out[question.id] = "every other video of the set may answer it"
        else:
            asked.append(replace(_moved(subject, videos[fit][0]), is_answerable=False))
    return Plan(tuple(asked), left_out)


def _moved(subject: Subject, other: Subject) -> Asked:
    question = replace(subject.question, video=other.question.video)
    return Asked(question, subject.question.id, other.question.id)


@dataclass(frozen=True)
class _Known:
    """What is known of a video from the questions about it."""

    texts: frozenset[str]
    answers: frozenset[str]
    things: frozenset[str]

    def leaves_open(self, subject: Subject) -> bool:
        """Whether nothing says that the video answers the question."""
        text = _plain(subject.question.text)
        is_named = any(re.search(rf"\b{re.escape(_plain(thing))}\b", text) for thing in self.things)
        return text not in self.texts and _plain(subject.answer or "") not in self.answers and not is_named


def _known(subjects: Sequence[Subject]) -> _Known:
    return _Known(
        frozenset(_plain(s.question.text) for s in subjects),
        frozenset(_plain(s.answer) for s in subjects if s.answer is not None),
        frozenset(thing for s in subjects for thing in s.things),
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
