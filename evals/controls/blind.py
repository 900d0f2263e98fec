"""Controls that hide the video: the question alone, or with speech only.

A model is shown no picture, and a policy of rules a grey clip of the same length for all, so that not even the duration
is known. What is answered here is answered by the words of the question.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from agent.trajectory import Question
from evals.controls.control import NO_VIDEO, ControlContext, ControlledQuestion, ControlPlan, PolicyInputs
from evals.controls.fixed_looks import fix_looks
from evals.controls.senses import PicturesAndSpeech
from evals.controls.stills import Still, StillsVideo
from evals.controls.subject import ControlSubject
from tools.video.generated import GeneratedVideo

BLIND_SECONDS = 10

"""Length of the grey clip: the same for all, so that it gives nothing away."""
_GREY = 128
"""Middle of 0..255."""
_HEIGHT, _WIDTH = 180, 320
_FPS = 5
"""Frames a second of the grey clip, few because all are the same."""


def no_video() -> GeneratedVideo:
    """A grey clip without sound, for questions whose video is `NO_VIDEO`."""
    return GeneratedVideo(_grey, name=NO_VIDEO, content_hash="0" * 32, seconds=BLIND_SECONDS, fps=_FPS)


def plan_without_video(subjects: Sequence[ControlSubject]) -> ControlPlan:
    """A plan that asks every question about no video."""
    return ControlPlan(tuple(ControlledQuestion(_drop_video(s.question), s.question.id, None) for s in subjects), {})


def give_nothing(_subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """Inputs without the video: no look and no tool for a model; for rules the tools of the grey clip."""
    return fix_looks(desk.toolbox, ()) if desk.is_model else PolicyInputs(desk.toolbox)


def give_speech(_subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """Inputs with speech alone, from subtitles or recognised; for rules all pictures are grey."""
    if desk.is_model:
        return PolicyInputs(desk.toolbox, mode="subtitles")
    grey = desk.over(StillsVideo(desk.toolbox.video, [Still(0.0)]))
    return PolicyInputs(PicturesAndSpeech(grey, desk.toolbox))


def _drop_video(question: Question) -> Question:
    return replace(question, video=NO_VIDEO)


def _grey(_seconds: float) -> NDArray[np.uint8]:
    return np.full((_HEIGHT, _WIDTH, 3), _GREY, np.uint8)
