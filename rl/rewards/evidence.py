"""Rewards for evidence: does the answer rest on the reference moment, and can it be given from that alone.

None wherever the example has no reference moment, or no reference box: for all answers of a group alike.
"""

import math
from typing import Literal

from agent.coverage import compute_frame_spans, merge_to_window
from agent.trajectory import Evidence, Trajectory
from evals.example import Example
from evals.scoring import scoring
from evals.scoring.published.spans import strict_span
from evals.scoring.spans import merge_spans
from rl.data.references import TimedBox
from rl.rewards.aids import Aids
from rl.rewards.answers import read_second_answer, score_right
from rl.rewards.tool_use import find_worked_calls, list_own_calls
from tools.observation import FULL_FRAME, Box, FrameRef
from tools.sampling import compute_area, compute_overlap

_KEY_FRAME_SECONDS = 1.0
"""A box is compared with the reference box nearest in time if that is no further away (Open-o3-Video)."""

Asked = Literal["anything", "span", "no span"]
"""Questions for which a reward counts: all, those that ask for a span of time, the others."""


def evidence_iou(example: Example, trajectory: Trajectory) -> float | None:
    """Temporal IoU of all evidence together and the reference: `evals.scoring.scoring.evidence_iou`."""
    return scoring.evidence_iou(example, trajectory.answer)


def evidence_hit(example: Example, trajectory: Trajectory) -> float | None:
    """1 if some evidence overlaps the reference, else 0; a span over the whole video always does."""
    hit = scoring.evidence_hit(example, trajectory.answer)
    return None if hit is None else float(hit)


def evidence_recall(example: Example, trajectory: Trajectory) -> float | None:
    """Share of the reference seconds that the evidence spans cover, 0..1; a span over the whole video has all."""
    if example.evidence_seconds is None:
        return None
    start, stop = example.evidence_seconds
    if start == stop:
        return evidence_hit(example, trajectory)
    spans = merge_spans(_cited_spans(trajectory))
    return sum(max(0.0, min(stop, b) - max(start, a)) for a, b in spans) / (stop - start)


def claims_right(example: Example, trajectory: Trajectory, *, slack_seconds: float = 2.0) -> float | None:
    """Share of evidence spans that come within `slack_seconds` of the reference, 0..1; 0 without evidence.

    Video-R2 also wants words that mean the same (cosine at least 0.75); there is one reference moment here, without
    words. Each claim of several that name the same moment counts once: the second is no match (one to one).

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        slack_seconds: distance from the reference up to which a span counts.
    """
    if example.evidence_seconds is None:
        return None
    start, stop = example.evidence_seconds
    spans = _cited_spans(trajectory)
    meets = [span for span in spans if span[0] <= stop + slack_seconds and span[1] >= start - slack_seconds]
    return min(len(meets), 1) / len(spans) if spans else 0.0


def claims_inside(example: Example, trajectory: Trajectory, *, asked: Asked = "anything") -> float | None:
    """Share of evidence spans whose middle lies in the reference, 0..1; 0 without evidence: Open-o3's thk_segment.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        asked: questions for which the reward counts.
    """
    if example.evidence_seconds is None or not _counts_for(example, asked):
        return None
    spans = _cited_spans(trajectory)
    return sum(_is_in((a + b) / 2, example.evidence_seconds) for a, b in spans) / len(spans) if spans else 0.0


def sigma_at(progress: float) -> float:
    """Open-o3's tolerance in seconds: 4 (1 - progress) until three quarters of the training, then 1."""
    return 4 * (1 - progress) if progress < 0.75 else 1.0


def claim_nearness(example: Example, trajectory: Trajectory, *, aids: Aids, asked: Asked = "anything") -> float | None:
    """Mean over evidence of exp(-d^2 / 2 sigma^2), d the seconds from its middle to the reference: Open-o3's thk_point.

    d is 0 inside the reference; sigma shrinks with training by `sigma_at`; 0 without evidence.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        aids: the judge, the reference boxes and the progress of training.
        asked: questions for which the reward counts.
    """
    if example.evidence_seconds is None or not _counts_for(example, asked):
        return None
    start, stop = example.evidence_seconds
    sigma = sigma_at(aids.progress)
    middles = [(a + b) / 2 for a, b in _cited_spans(trajectory)]
    distances = [max(start - middle, middle - stop, 0.0) for middle in middles]
    return sum(math.exp(-(d**2) / (2 * sigma**2)) for d in distances) / len(distances) if distances else 0.0


def last_window_iou(example: Example, trajectory: Trajectory, *, full_at: float = 1.0) -> float | None:
    """IoU of what the last call that showed pictures looked at and the reference; 0 without one: LongVT.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        full_at: IoU from which the reward is 1, below it is linear (VideoSEAL's target).
    """
    if example.evidence_seconds is None:
        return None
    windows = _list_windows(trajectory)
    return min(1.0, _iou(windows[-1], example.evidence_seconds) / full_at) if windows else 0.0


def best_window_f1(example: Example, trajectory: Trajectory) -> float | None:
    """Best F1 that a call's window has with the reference, in seconds; 0 without a call: VideoSEAL's tool hit."""
    if example.evidence_seconds is None:
        return None
    start, stop = example.evidence_seconds
    windows = _list_windows(trajectory)
    shared = [2 * max(0.0, min(stop, b) - max(start, a)) / (stop - start + b - a) for a, b in windows if b > a]
    return max(shared, default=0.0)


def frames_jaccard(example: Example, trajectory: Trajectory) -> float | None:
    """Jaccard index of the frames cited and the frames seen in the reference, 0..1; 0 if both are none: Conan's clue.

    Conan has its policy rate every frame and takes those with at least 4 of 5; here the cited ones are meant.
    """
    if example.evidence_seconds is None:
        return None
    cited = {frame.seconds for item in _evidence(trajectory) for frame in item.frames}
    wanted = {f.seconds for f in trajectory.frames_seen if _is_in(f.seconds, example.evidence_seconds)}
    return len(cited & wanted) / len(cited | wanted) if cited | wanted else 0.0


def frames_found(example: Example, trajectory: Trajectory, *, at_most: int = 8) -> float | None:
    """Frames of the reference that the policy's own calls showed, over min(those there are, at_most): Conan's action.

    There is one frame for each second of the reference, as in Conan, less those that the initial looks had shown.
    Where these showed all, or the policy made no call at all, the reward is `frames_jaccard`.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        at_most: frames that suffice for the full reward.
    """
    if example.evidence_seconds is None:
        return None
    start, stop = example.evidence_seconds
    own = {
        f.seconds
        for _, r in find_worked_calls(trajectory)
        for f in r.observation.frames
        if _is_in(f.seconds, (start, stop))
    }
    unseen = max(1, math.ceil(stop - start)) - len(_opening_frames(trajectory, (start, stop)))
    if unseen <= 0 or not list_own_calls(trajectory):
        return frames_jaccard(example, trajectory)
    return min(1.0, len(own) / min(unseen, at_most))


def frame_hit(example: Example, trajectory: Trajectory) -> float | None:
    """1 if some picture that was looked at lies in the reference, else 0."""
    if example.evidence_seconds is None:
        return None
    return float(any(_is_in(frame.seconds, example.evidence_seconds) for frame in trajectory.frames_seen))


def visits_f1(example: Example, trajectory: Trajectory) -> float | None:
    """F1 of precision and recall, in seconds, of what was looked at against the reference (LongVideo-R1)."""
    if example.evidence_seconds is None:
        return None
    spans = merge_spans(_looked_spans(trajectory))
    shared = _shared_seconds(spans, example.evidence_seconds)
    total = sum(b - a for a, b in spans) + (example.evidence_seconds[1] - example.evidence_seconds[0])
    return 2 * shared / total if total else 0.0


def calls_right(example: Example, trajectory: Trajectory, *, aids: Aids, least_box_iou: float = 0.35) -> float | None:
    """Share of the policy's calls that show the reference moment, and, where they crop, the reference box (Video-CoM).

    A call is right if a picture it shows lies in the reference, and, for a crop where reference boxes are known, its
    box has an IoU of `least_box_iou`. 0 without calls.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        aids: the judge, the reference boxes and the progress of training.
        least_box_iou: IoU with the reference box from which a crop counts.
    """
    if example.evidence_seconds is None:
        return None
    boxes = aids.boxes(example) if aids.boxes else None
    calls = list_own_calls(trajectory)
    hits = [
        result is not None
        and result.repeat_of is None
        and any(_is_right(f, example.evidence_seconds, boxes, least_box_iou) for f in result.observation.frames)
        for _, result in calls
    ]
    return sum(hits) / len(hits) if hits else 0.0


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    shared = compute_overlap(first, second)
    areas = compute_area(first) + compute_area(second)
    return shared / (areas - shared) if areas > shared else 0.0


def evidence_box_iou(example: Example, trajectory: Trajectory, *, aids: Aids) -> float | None:
    """Mean IoU of the boxes in the evidence with the reference box nearest in time; None without reference boxes.

    A box whose nearest reference is over a second away counts 0, and so does evidence without any box.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        aids: the judge, the reference boxes and the progress of training.
    """
    boxes = aids.boxes(example) if aids.boxes else None
    if not boxes:
        return None
    values = [
        _nearest_iou((item.start_seconds + item.stop_seconds) / 2, item.box, boxes)
        for item in _evidence(trajectory)
        if item.box is not None
    ]
    return sum(values) / len(values) if values else 0.0


def verified(example: Example, trajectory: Trajectory) -> float | None:  # noqa: ARG001 (a reward by its signature)
    """1 if the second look, at the evidence alone, gave the same answer, else 0; None where there was none."""
    if trajectory.answer is None or not trajectory.answer.evidence:
        return 0.0
    look = trajectory.second_look
    return None if look is None else float(bool(look.agrees))


def answer_from_evidence(example: Example, trajectory: Trajectory) -> float | None:
    """Reward of the answer times that of a second answer from its evidence alone (TimeSearch-R's CSV, a1 a2).

    TimeSearch-R raises either to 1 where it passes 0.5, and answers from all frames that were searched; here they are
    0 or 1, and the second look has what the answer cites. Without evidence the reward is 0: there is nothing to answer
    from. None where the second look was not taken.
    """
    first = score_right(example, trajectory.answer)
    if not first or trajectory.answer is None or not trajectory.answer.evidence:
        return 0.0 if first is not None else None
    if trajectory.second_look is None:
        return None
    return score_right(example, read_second_answer(example, trajectory))


def second_answer_right(example: Example, trajectory: Trajectory) -> float | None:
    """1 if the second look, at the evidence alone, answers right, whatever the first answer was: ERGO's region reward.

    0 without evidence, of which nothing can be told; None where the second look was not taken.
    """
    if trajectory.answer is None or not trajectory.answer.evidence:
        return 0.0
    if trajectory.second_look is None:
        return None
    return score_right(example, read_second_answer(example, trajectory))


def looked_iou(example: Example, trajectory: Trajectory, up_to: int) -> float:
    """Temporal IoU of the reference and what the first `up_to` steps looked at.

    Args:
        example: the question with its reference.
        trajectory: the run.
        up_to: number of first steps, initial looks included.
    """
    assert example.evidence_seconds is not None, "checked by the caller"
    spans = merge_spans(_looked_spans(trajectory, up_to))
    shared = _shared_seconds(spans, example.evidence_seconds)
    start, stop = example.evidence_seconds
    either = sum(b - a for a, b in spans) + (stop - start) - shared
    return shared / either if either else 0.0


def _counts_for(example: Example, asked: Asked) -> bool:
    return asked == "anything" or (strict_span(example.answer or "") is not None) == (asked == "span")


def _evidence(trajectory: Trajectory) -> tuple[Evidence, ...]:
    return trajectory.answer.evidence if trajectory.answer else ()


def _cited_spans(trajectory: Trajectory) -> list[tuple[float, float]]:
    return [(item.start_seconds, item.stop_seconds) for item in _evidence(trajectory)]


def _looked_spans(trajectory: Trajectory, up_to: int | None = None) -> list[tuple[float, float]]:
    calls = {call.id: call for call in trajectory.calls}
    duration = trajectory.facts.duration_seconds
    results = [result for step in trajectory.steps[:up_to] for result in step.results if result.call_id in calls]
    looked = [look for result in results for look in compute_frame_spans(calls[result.call_id], result, duration)]
    return [(look.start_seconds, look.stop_seconds) for look in looked]


def _list_windows(trajectory: Trajectory) -> list[tuple[float, float]]:
    """The seconds that each call of the policy which showed pictures looked at, in order."""
    windows = []
    for call, result in find_worked_calls(trajectory):
        if result.observation.frames:
            spans = merge_to_window(compute_frame_spans(call, result, trajectory.facts.duration_seconds))
            windows.append((spans[0].start_seconds, spans[0].stop_seconds) if spans else (0.0, 0.0))
    return windows


def _opening_frames(trajectory: Trajectory, span: tuple[float, float]) -> set[float]:
    opening = (step for step in trajectory.steps if step.turn.is_opening)
    frames = (frame for step in opening for result in step.results for frame in result.observation.frames)
    return {frame.seconds for frame in frames if _is_in(frame.seconds, span)}


def _is_right(
    frame: FrameRef, span: tuple[float, float], boxes: tuple[TimedBox, ...] | None, least_box_iou: float
) -> bool:
    if not _is_in(frame.seconds, span):
        return False
    return frame.box == FULL_FRAME or not boxes or _nearest_iou(frame.seconds, frame.box, boxes) >= least_box_iou


def _nearest_iou(seconds: float, box: Box, boxes: tuple[TimedBox, ...]) -> float:
    nearest = min(boxes, key=lambda timed: abs(timed.seconds - seconds))
    return box_iou(box, nearest.box) if abs(nearest.seconds - seconds) <= _KEY_FRAME_SECONDS else 0.0


def _is_in(seconds: float, span: tuple[float, float]) -> bool:
    return span[0] <= seconds < span[1] or seconds == span[0] == span[1]


def _shared_seconds(spans: list[tuple[float, float]], reference: tuple[float, float]) -> float:
    return sum(max(0.0, min(reference[1], b) - max(reference[0], a)) for a, b in spans)


def _iou(first: tuple[float, float], second: tuple[float, float]) -> float:
    shared = max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
    either = first[1] - first[0] + second[1] - second[0] - shared
    return shared / either if either > 0 else 0.0
