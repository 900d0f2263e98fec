"""Lays out a trajectory over the time of its video: one lane for each turn, evidence across all of them.

Positions are percentages of the duration, as SVG takes them, so that one layout fits every width.
"""

import math
from dataclasses import dataclass

from agent.coverage import (
    CLOSE_SPACING_SECONDS,
    Coverage,
    Span,
    compute_frame_spans,
    compute_searched_spans,
    format_mmss,
    merge_to_window,
)
from agent.trajectory import Answer, Calls, Step, Trajectory
from tools.observation import FULL_FRAME, Finding, FrameRef

_STEPS_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_MOST_TICKS = 6
"""Ticks at most, so that their labels don't meet at a width of 360 pixels."""
_MOST_HOUR_TICKS = 4
"""Ticks of a video from an hour on at most: their labels are longer."""

STRIP_SLOTS = 12
"""Places for pictures in the film strip."""


@dataclass(frozen=True)
class Bar:
    """A span of the video in a lane."""

    x: str
    width: str
    kind: str
    """CSS class of the bar: evidence, close, sparse, searched, window, hit, shot or shot odd."""
    title: str
    href: str = ""


@dataclass(frozen=True)
class Mark:
    """An instant in a lane: a frame that was looked at."""

    x: str
    title: str
    href: str


@dataclass(frozen=True)
class TimelineLane:
    """A row of the timeline."""

    label: str
    href: str
    summary: str
    """The lane in words, for screen readers."""
    bars: tuple[Bar, ...] = ()
    marks: tuple[Mark, ...] = ()
    word: str = ""
    """Word shown in a lane that would otherwise be empty."""


@dataclass(frozen=True)
class Tick:
    """A labelled time on the axis."""

    x: str
    label: str


@dataclass(frozen=True)
class Slot:
    """A piece of the film strip; without a frame nothing was looked at there."""

    share: int
    """Length of the piece in STRIP_SLOTS-ths of the video."""
    frame: FrameRef | None
    href: str = ""


@dataclass(frozen=True)
class Timeline:
    """The layout of a timeline."""

    ticks: tuple[Tick, ...]
    strip: tuple[Slot, ...]
    lanes: tuple[TimelineLane, ...]
    bands: tuple[Bar, ...]
    """Spans of the evidence once more, to be drawn across all lanes."""


def build_timeline(trajectory: Trajectory, coverage: Coverage, video: int | None = None) -> Timeline:
    """The timeline of a video of a trajectory; without lanes and ticks for a video of no length.

    Args:
        trajectory: the trajectory.
        coverage: coverage of the video.
        video: number of the video among several.
    """
    whole = coverage.whole
    if coverage.length_seconds <= 0:
        return Timeline((), (), (), ())
    evidence = _build_evidence_lane(trajectory, whole, video)
    shots = _build_shots_lane(trajectory, whole, video)
    turns = tuple(
        _build_turn_lane(i, step, whole, video)
        for i, step in enumerate(trajectory.steps, start=1)
        if video is None or _is_about(step, video)
    )
    return Timeline(
        ticks=_build_ticks(whole),
        strip=_build_strip(trajectory, coverage, video),
        lanes=(*((evidence,) if evidence else ()), *((shots,) if shots else ()), _build_seen_lane(coverage), *turns),
        bands=evidence.bars if evidence else (),
    )


def make_frame_anchor(turn: int, call: int, frame: int) -> str:
    """The id of a frame's figure in the page.

    Args:
        turn: number of the turn, from 1.
        call: number of the call in its turn, from 1.
        frame: number of the frame in its observation, from 1.
    """
    return f"turn-{turn}-call-{call}-frame-{frame}"


def _format_percent(seconds: float, whole: Span) -> str:
    return f"{100 * min(max((seconds - whole.start_seconds) / _measure(whole), 0.0), 1.0):.3f}%"


def _measure(whole: Span) -> float:
    return whole.stop_seconds - whole.start_seconds


def _make_bar(start: float, stop: float, whole: Span, kind: str, title: str, href: str = "") -> Bar:
    start, stop = (min(max(seconds, whole.start_seconds), whole.stop_seconds) for seconds in (start, stop))
    width = f"{100 * max(0.0, stop - start) / _measure(whole):.3f}%"
    return Bar(_format_percent(start, whole), width, kind, title, href)


def _format_span(start: float, stop: float) -> str:
    return f"{format_mmss(start)} to {format_mmss(stop)}"


def _is_about(step: Step, video: int) -> bool:
    """Whether a step of a question about several videos looks at one of them, or at none."""
    return not isinstance(step.turn.move, Calls) or any(r.observation.video == video for r in step.results)


def _build_evidence_lane(trajectory: Trajectory, whole: Span, video: int | None) -> TimelineLane | None:
    answer = trajectory.answer
    bars = tuple(
        _make_bar(
            item.start_seconds,
            item.stop_seconds,
            whole,
            "evidence",
            f"Exhibit {number}, {_format_span(item.start_seconds, item.stop_seconds)}",
            f"#exhibit-{number}",
        )
        for number, item in enumerate(answer.evidence if answer is not None else (), start=1)
        if item.video == video
    )
    if not bars:
        return None
    return TimelineLane("Evidence", "#evidence", "; ".join(bar.title for bar in bars), bars)


def _build_shots_lane(trajectory: Trajectory, whole: Span, video: int | None) -> TimelineLane | None:
    found = (f for r in trajectory.results if r.observation.video == video for f in r.observation.findings)
    shots = sorted({(f.start_seconds, f.stop_seconds) for f in found if f.kind == "shot"})
    if not shots:
        return None
    bars = tuple(
        _make_bar(
            start, stop, whole, "shot odd" if number % 2 else "shot", f"Shot {number}, {_format_span(start, stop)}"
        )
        for number, (start, stop) in enumerate(shots, start=1)
    )
    return TimelineLane("Shots", "", f"{len(bars)} shots found", bars)


def _build_seen_lane(coverage: Coverage) -> TimelineLane:
    searched = tuple(
        _make_bar(
            span.start_seconds,
            span.stop_seconds,
            coverage.whole,
            "searched",
            f"Only searched, {_format_span(span.start_seconds, span.stop_seconds)}",
        )
        for span in coverage.searched
    )
    looked = tuple(
        _make_bar(
            look.start_seconds,
            look.stop_seconds,
            coverage.whole,
            "close" if look.spacing_seconds <= CLOSE_SPACING_SECONDS else "sparse",
            f"Looked at, a frame each {look.spacing_seconds:.3g} s, "
            f"{_format_span(look.start_seconds, look.stop_seconds)}",
        )
        for look in coverage.looked
    )
    told = f"{len(looked)} spans seen in frames, {len(searched)} only searched"
    return TimelineLane("Seen", "", told, (*searched, *looked))


def _build_turn_lane(number: int, step: Step, whole: Span, video: int | None) -> TimelineLane:
    label, href = f"Turn {number}", f"#turn-{number}"
    move = step.turn.move
    if isinstance(move, Answer):
        return TimelineLane(label, href, "the answer", word="answers")
    if not isinstance(move, Calls):
        return TimelineLane(label, href, "a turn that could not be read", word="could not be read")
    calls = {call.id: (i, call) for i, call in enumerate(move.calls, start=1)}
    bars: list[Bar] = []
    marks: list[Mark] = []
    results = [result for result in step.results if result.observation.video == video]
    for result in results:
        if result.call_id not in calls or result.observation.is_error:
            continue
        index, call = calls[result.call_id]
        looks = compute_frame_spans(call, result, whole.stop_seconds)
        for span in compute_searched_spans(call, result, whole.stop_seconds) or merge_to_window(looks):
            start, stop = span.start_seconds, span.stop_seconds
            bars.append(_make_bar(start, stop, whole, "window", f"{call.name}, {_format_span(start, stop)}", href))
        bars += [
            _make_hit(f, whole, href)
            for f in result.observation.findings
            if f.kind in ("text", "speech", "sound", "thing", "change")
        ]
        marks += [
            Mark(
                _format_percent(frame.seconds, whole),
                f"Frame {format_mmss(frame.seconds)}",
                # the frames of a repeat are shown once, with the first call
                href if result.repeat_of else f"#{make_frame_anchor(number, index, i)}",
            )
            for i, frame in enumerate(result.observation.frames, start=1)
        ]
    shown = move.calls if video is None else [calls[r.call_id][1] for r in results if r.call_id in calls]
    names = ", ".join(call.name for call in shown)
    return TimelineLane(label, href, f"{names}: {len(marks)} frames", tuple(bars), tuple(marks))


def _make_hit(finding: Finding, whole: Span, href: str) -> Bar:
    title = f"{finding.kind.capitalize()} at {format_mmss(finding.start_seconds)}"
    return _make_bar(finding.start_seconds, finding.stop_seconds, whole, "hit", title, href)


def _build_ticks(whole: Span) -> tuple[Tick, ...]:
    length = _measure(whole)
    most = _MOST_TICKS if whole.stop_seconds < 3600 else _MOST_HOUR_TICKS
    step = next((s for s in _STEPS_SECONDS if length / s <= most), length)
    first = math.ceil(whole.start_seconds / step)
    # a label too close to the end would be cut off
    last = whole.start_seconds + length * 0.89
    times = [i * step for i in range(first, first + most + 1) if i * step <= last]
    return tuple(Tick(_format_percent(t, whole), _format_axis_label(t, step)) for t in times)


def _format_axis_label(seconds: float, step: float) -> str:
    label = format_mmss(seconds)
    return label.removesuffix(".0") if step >= 1 else label


def _build_strip(trajectory: Trajectory, coverage: Coverage, video: int | None) -> tuple[Slot, ...]:
    """The film strip: whole frames in their places; a frame reaches on over the time that a sweep lets it stand for."""
    frames = _list_whole_frames(trajectory, video)
    slots: list[Slot] = []
    for number in range(STRIP_SLOTS):
        start, stop = (coverage.start_seconds + coverage.length_seconds * n / STRIP_SLOTS for n in (number, number + 1))
        middle = (start + stop) / 2
        inside = [pair for pair in frames if start <= pair[0].seconds < stop]
        was_looked_at = any(look.start_seconds < stop and start < look.stop_seconds for look in coverage.looked)
        near = inside or (frames if was_looked_at else [])
        frame, href = min(near, key=lambda pair: abs(pair[0].seconds - middle), default=(None, ""))
        if slots and slots[-1].frame == frame:
            slots.append(Slot(slots.pop().share + 1, frame, href))
        else:
            slots.append(Slot(1, frame, href))
    return tuple(slots)


def _list_whole_frames(trajectory: Trajectory, video: int | None) -> list[tuple[FrameRef, str]]:
    return [
        (frame, f"#{make_frame_anchor(turn, call, i)}")
        for turn, step in enumerate(trajectory.steps, start=1)
        for call, result in enumerate(step.results, start=1)
        if result.repeat_of is None
        for i, frame in enumerate(result.observation.frames, start=1)
        if frame.box == FULL_FRAME and frame.video == video
    ]
