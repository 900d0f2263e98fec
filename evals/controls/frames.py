"""Controls that show a few frames instead of the video: one at random, the middle one, the index's best, or N even
ones.

What is answered from a single frame needs no video. N even frames without tools are the baseline that a model is
published with.
"""

import random
from collections.abc import Callable

from evals.controls.control import ControlContext, PolicyInputs
from evals.controls.fixed_looks import Look, fix_looks, frame_at
from evals.controls.stills import hold_frames
from evals.controls.subject import ControlSubject
from tools.sampling import spread_times
from tools.toolbox import Toolbox

_A_LOOK = 32
"""Frames that one call of `select_frames` gives at most."""


def random_frame(subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """Inputs with one frame, drawn by the id of the question."""
    times = desk.toolbox.video.timestamps
    return _show_frame(float(times[random.Random(subject.question.id).randrange(len(times))]), desk)


def drawn_frames(count: int, draw: int) -> Callable[[ControlSubject, ControlContext], PolicyInputs]:
    """A control's function that shows `count` random frames, other ones for each number of the draw.

    All questions of a video are shown the same ones, so that these are indexed and read once.
    """

    def give(subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
        times = desk.toolbox.video.timestamps
        rng = random.Random(f"{subject.question.video}/{count}/{draw}")
        chosen = sorted(float(times[place]) for place in rng.sample(range(len(times)), min(count, len(times))))
        if desk.is_model:
            return fix_looks(desk.toolbox, [frame_at(seconds) for seconds in chosen])
        return PolicyInputs(desk.over(hold_frames(desk.toolbox.video, chosen)))

    return give


def top_frame(subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """Inputs with the frame that fits the words of the question and its options best, by the index."""
    return _show_frame(find_best_seconds(subject, desk.toolbox), desk)


def find_best_seconds(subject: ControlSubject, toolbox: Toolbox) -> float:
    """Time of the frame that the index ranks first; ToolError where nothing of the video could be indexed."""
    toolbox.index.wait_tiled()  # a part of the index could find another frame
    query = " ".join((subject.question.text, *subject.question.options))
    return toolbox.call("search_frames", {"query": query, "count": 1}).findings[0].start_seconds


def uniform_frames(count: int) -> Callable[[ControlSubject, ControlContext], PolicyInputs]:
    """A control's function that shows `count` frames, each from the middle of one of `count` equal parts."""
    looks = [(done, min(_A_LOOK, count - done)) for done in range(0, count, _A_LOOK)]

    def give(_subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
        duration = desk.toolbox.video.info.duration_seconds
        if desk.is_model:
            spans = [(duration * done / count, duration * (done + here) / count, here) for done, here in looks]
            return fix_looks(desk.toolbox, [_select(start, stop, here) for start, stop, here in spans])
        return PolicyInputs(desk.over(hold_frames(desk.toolbox.video, spread_times(0.0, duration, count))))

    return give


def _select(start: float, stop: float, count: int) -> Look:
    return "select_frames", {"start": start, "stop": stop, "count": count, "size": "medium"}


def _show_frame(seconds: float, desk: ControlContext) -> PolicyInputs:
    if desk.is_model:
        return fix_looks(desk.toolbox, [frame_at(seconds)])
    return PolicyInputs(desk.over(hold_frames(desk.toolbox.video, [seconds])))
