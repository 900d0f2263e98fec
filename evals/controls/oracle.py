"""Oracle controls that show only the evidence: the frames that hold it, or its crops.

What is wrong with the frame is wrong with looking, and what is wrong only without it is wrong with finding; the step
from frame to crop is what zooming would bring.
"""

from collections.abc import Callable, Sequence

from evals.controls.control import ControlContext, ControlledQuestion, ControlPlan, PolicyInputs
from evals.controls.fixed_looks import Look, fix_looks, frame_at, part_at
from evals.controls.stills import Still, StillsVideo
from evals.controls.subject import ControlSubject, EvidenceSpan
from tools.observation import Box, to_outer_box
from tools.video.source import VideoSource

_AROUND: Box = (-0.1, -0.1, 1.1, 1.1)
"""Crop relative to the evidence's box: a margin of a tenth of its size on each side."""
_MOMENT_SECONDS = 1.0
"""Time on screen of evidence that is given without a length."""


def plan_known_times(subjects: Sequence[ControlSubject]) -> ControlPlan:
    """A plan of the questions whose evidence times are known."""
    return _plan(subjects, lambda s: "" if s.evidence is not None else "it is not known when the answer is to be seen")


def plan_known_boxes(subjects: Sequence[ControlSubject]) -> ControlPlan:
    """A plan of the questions whose evidence boxes are known too."""

    def why(subject: ControlSubject) -> str:
        known = subject.evidence is not None and all(shown.box is not None for shown in subject.evidence)
        return "" if known else "it is not known where in the picture the answer is to be seen"

    return _plan(subjects, why)


def oracle_frame(subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """Inputs with the middle frame of each span of the evidence."""
    if desk.is_model:
        return fix_looks(desk.toolbox, [frame_at(shown.middle_seconds) for shown in subject.evidence or ()])
    return PolicyInputs(desk.over(frames_shown(subject, desk.toolbox.video)))


def oracle_crop(subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """Inputs with the crop of each middle frame that holds the evidence."""
    if desk.is_model:
        return fix_looks(desk.toolbox, [_crop_look(shown) for shown in subject.evidence or ()])
    return PolicyInputs(desk.over(crops_shown(subject, desk.toolbox.video)))


def frames_shown(subject: ControlSubject, video: VideoSource) -> StillsVideo:
    """A video that shows the middle frame of each span for as long as the span lasts, and grey elsewhere."""
    return _make_stills(subject, video, lambda shown: None)


def crops_shown(subject: ControlSubject, video: VideoSource) -> StillsVideo:
    """A video that shows the evidence's crop of each middle frame, enlarged, or in place where the place is asked
    for."""
    return _make_stills(subject, video, _widen_box)


def _crop_look(shown: EvidenceSpan) -> Look:
    box = _widen_box(shown)
    return part_at(shown.middle_seconds, box) if box is not None else frame_at(shown.middle_seconds)


def _make_stills(
    subject: ControlSubject, video: VideoSource, box_of: Callable[[EvidenceSpan], Box | None]
) -> StillsVideo:
    stills: dict[float, Still] = {0.0: Still(0.0)}
    for shown in subject.evidence or ():
        if shown.start_seconds >= video.info.duration_seconds:
            continue
        stop = max(
            shown.stop_seconds, shown.start_seconds + _MOMENT_SECONDS * (shown.stop_seconds == shown.start_seconds)
        )
        stills = {start: still for start, still in stills.items() if start < shown.start_seconds}
        middle = min(shown.middle_seconds, float(video.timestamps[-1]))
        stills[shown.start_seconds] = Still(shown.start_seconds, middle, box_of(shown), subject.asks_place)
        if stop < video.info.duration_seconds:
            stills[stop] = Still(stop)
    return StillsVideo(video, list(stills.values()))


def _widen_box(shown: EvidenceSpan) -> Box | None:
    if shown.box is None:
        return None
    left, top, right, bottom = (min(1.0, max(0.0, side)) for side in to_outer_box(_AROUND, shown.box))
    return left, top, right, bottom


def _plan(subjects: Sequence[ControlSubject], why: Callable[[ControlSubject], str]) -> ControlPlan:
    reasons = {s.question.id: reason for s in subjects if (reason := why(s))}
    kept = [s.question for s in subjects if s.question.id not in reasons]
    return ControlPlan(tuple(ControlledQuestion(question, question.id, question.id) for question in kept), reasons)
