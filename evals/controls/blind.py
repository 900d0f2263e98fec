"""The question alone: a model is shown no picture, and a policy of rules a grey clip of the same length for all.

Not even the duration of the video is told. What is answered here is answered by the words of the question.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from agent.trajectory import Question
from evals.controls.control import NO_VIDEO, ControlContext, ControlledQuestion, ControlPlan, PolicyInputs
from evals.controls.fixed_looks import fixed
from evals.controls.senses import PicturesAndSpeech
from evals.controls.stills import Still, StillsVideo
from evals.controls.subject import ControlSubject
from tools.video.generated import GeneratedVideo

BLIND_SECONDS = 10

_GREY = 128
_HEIGHT, _WIDTH = 180, 320
_FPS = 5


def no_video() -> GeneratedVideo:
    """One even grey without sound: what is opened where the video of a question is `NO_VIDEO`."""
    return GeneratedVideo(_grey, name=NO_VIDEO, content_hash="0" * 32, seconds=BLIND_SECONDS, fps=_FPS)


def without_video(subjects: Sequence[ControlSubject]) -> ControlPlan:
    """Every question, of no video."""
    return ControlPlan(tuple(ControlledQuestion(_of_none(s.question), s.question.id, None) for s in subjects), {})


def nothing(_subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """No look and no tool for a model; for rules the tools of the grey clip."""
    return fixed(desk.toolbox, ()) if desk.is_model else PolicyInputs(desk.toolbox)


def speech_alone(_subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """What is said, from subtitles or recognised, and no picture; for rules all pictures are grey."""
    if desk.is_model:
        return PolicyInputs(desk.toolbox, mode="subtitles")
    grey = desk.over(StillsVideo(desk.toolbox.video, [Still(0.0)]))
    return PolicyInputs(PicturesAndSpeech(grey, desk.toolbox))


def _of_none(question: Question) -> Question:
    return replace(question, video=NO_VIDEO)


def _grey(_seconds: float) -> NDArray[np.uint8]:
    return np.full((_HEIGHT, _WIDTH, 3), _GREY, np.uint8)
