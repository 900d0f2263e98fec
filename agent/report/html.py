"""Renders a trajectory as one HTML page with everything inside: pictures, style and script, nothing fetched.

All text of the video, a tool or a model is escaped by the template and shown as a quotation; the page's own content
policy forbids the network and any script but its own, so that hostile words stay words.
"""

import base64
import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined, Template

from agent.cost.prices import format_dollars
from agent.coverage import compute_coverages, format_mmss
from agent.outputs import write_output
from agent.rendering.answer_parser import is_not_shown
from agent.report.console import describe_coverages, format_gaps
from agent.report.images import ImageStore, PictureOf, StoredImage, gather_pictures
from agent.report.json_output import explain_too_few
from agent.report.overlay import BoxView, place_boxes, quotes
from agent.report.timeline import STRIP_SLOTS, Timeline, build_timeline, make_frame_anchor
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Result,
    Step,
    Stop,
    ToolCall,
    Trajectory,
    VideoFacts,
    collect_evidence,
    restrict_to_video,
)
from tools.observation import FULL_FRAME, Finding, FrameRef
from tools.observation_text import format_percent

_HEAD_LINES = 14
"""Lines of an observation that are shown before the rest is folded."""
_LEAST_PLAYED_SECONDS = 2.0
"""Seconds of the video that an exhibit plays at least."""
_PLAYED = frozenset({".m4v", ".mkv", ".mov", ".mp4", ".ogv", ".webm"})
"""Suffixes of files that some browser plays."""
_CONFIDENCE_WORDS = ((0.85, "sure"), (0.65, "fairly sure"), (0.4, "unsure"), (0.0, "little more than a guess"))

_STOP_SENTENCES = {
    Stop.ANSWERED: "The policy answered of its own accord.",
    Stop.TURN_LIMIT: "The turn limit was reached; the answer was asked for then.",
    Stop.FRAME_LIMIT: "The frame limit was reached; the answer was asked for then.",
    Stop.TOKEN_LIMIT: "The token limit was reached; the answer was asked for then.",
    Stop.TIME_LIMIT: "The time limit was reached; the answer was asked for then.",
    Stop.COST_LIMIT: "The cost limit was reached; the answer was asked for then.",
    Stop.POLICY_FAILED: "The policy could not be reached, or refused. That says nothing of the answer.",
    Stop.MALFORMED: "Too many turns in a row could not be read.",
    Stop.CRASHED: "It crashed. That is a bug of Video Sleuth and says nothing of the answer.",
    Stop.INTERRUPTED: "It was interrupted by the user.",
    None: "It has not ended.",
}


@dataclass(frozen=True)
class FrameView:
    """A picture of the page, with the boxes drawn on it."""

    anchor: str
    ref: FrameRef
    picture: StoredImage | None
    boxes: tuple[BoxView, ...]
    boxes_left_out: int = 0

    @property
    def is_crop(self) -> bool:
        """True for a picture of a part of the frame."""
        return self.ref.box != FULL_FRAME

    @property
    def alt(self) -> str:
        """Alternative text of the picture: its time and its boxes."""
        of = "" if self.ref.video is None else f" of video {self.ref.video}"
        part = ", a part of the picture" if self.is_crop else ""
        count = len(self.boxes)
        marked = f", {count} {'box' if count == 1 else 'boxes'} drawn" if count else ""
        return f"Frame{of} at {format_mmss(self.ref.seconds)}{part}{marked}"


@dataclass(frozen=True)
class SourceView:
    """A video of the question on the page."""

    number: int | None
    """Number of the video among several; None for the only one."""
    path: str
    facts: VideoFacts
    timeline: Timeline

    @property
    def name(self) -> str:
        """Name of the file."""
        return Path(self.path).name


@dataclass(frozen=True)
class ExhibitView:
    """A piece of evidence on the page, with its pictures and calls."""

    number: int
    evidence: Evidence
    frames: tuple[FrameView, ...]
    calls: tuple[tuple[str, str], ...]
    """Calls as (what is shown, address in the page); the address is empty for an unknown call."""
    doubts: tuple[str, ...]
    """Doubts of the tools about the findings that the evidence quotes, a sentence each."""
    source: SourceView | None
    """Video of the evidence among several; None for the only one, or where it is not known."""
    video_href: str
    """Address of the video relative to the page; empty where it can't be played."""

    @property
    def played(self) -> str:
        """Seconds of the evidence as a media fragment, at least _LEAST_PLAYED_SECONDS of them."""
        start, stop = self.evidence.start_seconds, self.evidence.stop_seconds
        around = max(0.0, (_LEAST_PLAYED_SECONDS - (stop - start)) / 2)
        return f"{max(0.0, start - around):.2f},{stop + around:.2f}"


@dataclass(frozen=True)
class EventView:
    """A claim, a step of a causal chain, or a prediction on the page."""

    number: int
    event: str
    why: str
    """Reason of a step, or justification of a prediction; empty for the first step and for claims."""
    confidence: float | None
    """Confidence of a prediction, 0..1; None for claims and steps."""
    exhibits: tuple[ExhibitView, ...]
    """Exhibits of its evidence, as the page numbers them."""

    @property
    def frame(self) -> FrameView | None:
        """First picture of the exhibits that could be had; None without one."""
        return next((f for exhibit in self.exhibits for f in exhibit.frames if f.picture is not None), None)


@dataclass(frozen=True)
class CallView:
    """A tool call on the page, with its observation."""

    anchor: str
    call: ToolCall
    result: Result | None
    """Result of the call; None if the run ended before it came."""
    frames: tuple[FrameView, ...]
    text_head: str
    text_rest: str
    first_anchor: str
    """Address in the page of the first call of a repeat; else empty."""


@dataclass(frozen=True)
class StepView:
    """A step of the trajectory on the page."""

    number: int
    step: Step
    calls: tuple[CallView, ...]


@dataclass(frozen=True)
class LimitMeter:
    """A quantity of the cost against its limit, on the page."""

    name: str
    used: str
    limit: str
    share: float | None
    """Share of the limit, 0..1; None where there is no limit or nothing was measured."""


def write_report(trajectory: Trajectory, path: Path, picture: PictureOf) -> None:
    """Writes the page of a trajectory.

    Args:
        trajectory: the trajectory.
        path: the HTML file, overwritten if there is one.
        picture: gives the JPEG of a frame, or None where it can't be had; asked for every frame shown to the policy
            and, larger, for the whole frames behind the evidence.
    """
    # a lone surrogate out of a model's JSON must not stop the page
    hrefs = [_make_video_href(trajectory, Path(video), path.absolute().parent) for video in trajectory.question.videos]
    write_output(path, render(trajectory, picture, hrefs).encode("utf-8", errors="replace"))


def _make_video_href(trajectory: Trajectory, video: Path, folder: Path) -> str:
    """A video's address relative to the folder of the page; empty for a file, or a stream, that no browser plays."""
    if video.suffix.lower() not in _PLAYED or trajectory.question.picture_stream is not None:
        return ""
    try:
        way = os.path.relpath(video.absolute(), folder)
    except ValueError:  # on another drive
        return ""
    return quote(Path(way).as_posix())


def render(trajectory: Trajectory, picture: PictureOf, video_hrefs: Sequence[str] = ()) -> str:
    """The page of a trajectory as text.

    Args:
        trajectory: the trajectory.
        picture: gives the JPEG of a frame, or None where it can't be had.
        video_hrefs: address of each video relative to the page, empty where it can't be played; () where none can.
    """
    sources = _build_sources(trajectory)
    shown = _list_exhibit_refs(trajectory)
    pictures = gather_pictures((*shown, *trajectory.frames_seen), picture, first=frozenset(shown))
    style, script = _build_style(trajectory), _read_part("report.js") + "\nenliven(document);\n"
    answer = trajectory.answer
    exhibits = _build_exhibits(trajectory, pictures, sources, video_hrefs)
    return _load_template().render(
        trajectory=trajectory,
        question=trajectory.question,
        sources=sources,
        answer=answer,
        confidence_words=describe_confidence(trajectory.confidence),
        stop_sentence=_STOP_SENTENCES[trajectory.stop],
        coverage_words=" ".join(describe_coverages(trajectory)),
        exhibits=exhibits,
        events=_build_events(answer, exhibits),
        until_seconds=_get_until_seconds(trajectory),
        too_few=explain_too_few(trajectory),
        gap_lines=format_gaps(trajectory),
        steps=_build_steps(trajectory, pictures),
        meters=build_meters(trajectory),
        plays=any(video_hrefs),
        pictures=pictures,
        style=style,
        script=script,
        style_hash=_compute_csp_hash(style),
        script_hash=_compute_csp_hash(script),
    )


def describe_confidence(confidence: float | None) -> str:
    """A confidence in words."""
    if confidence is None:
        return "no confidence stated"
    return next(words for least, words in _CONFIDENCE_WORDS if confidence >= least or least == 0.0)


def build_meters(trajectory: Trajectory) -> tuple[LimitMeter, ...]:
    """The cost of a question against its limits, as meters."""
    limits = trajectory.limits
    spent, most = trajectory.spent, limits.max_cost_usd
    share = min(1.0, spent.cost_usd / most) if spent.cost_usd is not None and most is not None else None
    asks_model = trajectory.setup is not None or spent.tokens is not None
    cost = "not known" if spent.cost_usd is None else format_dollars(spent.cost_usd)
    return (
        _build_meter("Turns", trajectory.turns, limits.max_turns),
        _build_meter("Frames", len(trajectory.frames_seen), limits.max_frames),
        *([_build_meter("Tokens", spent.tokens, limits.max_tokens)] if asks_model else []),
        _build_meter("Seconds", round(spent.seconds, 1), limits.max_seconds),
        *(
            [LimitMeter("Cost", cost, "no limit" if most is None else f"of {format_dollars(most)}", share)]
            if asks_model
            else []
        ),
    )


def _build_meter(name: str, used: float | None, limit: float | None) -> LimitMeter:
    share = min(1.0, used / limit) if used is not None and limit is not None else None
    said = "not measured" if used is None else f"{used:,}"
    return LimitMeter(name, said, "no limit" if limit is None else f"of {limit:,}", share)


def _build_sources(trajectory: Trajectory) -> tuple[SourceView, ...]:
    coverages, paths = compute_coverages(trajectory), trajectory.question.videos
    return tuple(
        SourceView(number, path, facts, build_timeline(trajectory, coverages[number], number))
        for path, (number, facts) in zip(paths, trajectory.facts_by_number.items(), strict=True)
    )


def make_whole_frame(ref: FrameRef, trajectory: Trajectory) -> FrameRef:
    """The reference to the whole frame, at most 960x540 or 540x960: the page shows it about 700 pixels wide."""
    facts = trajectory.facts_by_number.get(ref.video, trajectory.facts)
    scale = min(1.0, 960 / max(facts.width, facts.height, 1), 540 / max(1, min(facts.width, facts.height)))
    height, width = max(1, round(facts.height * scale)), max(1, round(facts.width * scale))
    return FrameRef(ref.seconds, height, width, video=ref.video)


def _list_exhibit_refs(trajectory: Trajectory) -> tuple[FrameRef, ...]:
    evidence = collect_evidence(trajectory.answer) if trajectory.answer is not None else ()
    return tuple(dict.fromkeys(ref for item in evidence for ref in _list_evidence_refs(trajectory, item)))


def _list_evidence_refs(trajectory: Trajectory, evidence: Evidence) -> tuple[FrameRef, ...]:
    """The frames of an exhibit: a crop comes with its whole frame, text without a frame with the one it was read in."""
    if evidence.frames:
        whole = {ref: make_whole_frame(ref, trajectory) for ref in evidence.frames}
        pairs = ((whole[ref], ref) if ref.box != FULL_FRAME else (whole[ref],) for ref in evidence.frames)
        return tuple(dict.fromkeys(ref for pair in pairs for ref in pair))
    boxed = [f for f in _find_findings(trajectory, evidence) if f.box is not None and f.kind != "speech"]
    times = dict.fromkeys(f.start_seconds for f in boxed)
    return tuple(make_whole_frame(FrameRef(t, 1, 1, video=evidence.video), trajectory) for t in list(times)[:1])


def _find_findings(trajectory: Trajectory, evidence: Evidence) -> tuple[Finding, ...]:
    """The findings that an exhibit rests on: those of its calls within its span; none where its video is not known."""
    if evidence.video not in trajectory.facts_by_number:
        return ()
    whole = restrict_to_video(trajectory, evidence.video).as_one
    named = whole.findings(evidence.call_ids) if evidence.call_ids else whole.findings()
    return tuple(
        f for f in named if f.start_seconds <= evidence.stop_seconds and evidence.start_seconds <= f.stop_seconds
    )


def _build_exhibits(
    trajectory: Trajectory, pictures: ImageStore, sources: Sequence[SourceView], video_hrefs: Sequence[str]
) -> tuple[ExhibitView, ...]:
    answer = trajectory.answer
    if answer is None:
        return ()
    anchors = _make_anchors(trajectory)
    hrefs = dict(zip(trajectory.facts_by_number, video_hrefs, strict=False))
    exhibits = []
    for number, item in enumerate(collect_evidence(answer), start=1):
        findings = _find_findings(trajectory, item)
        frames = tuple(
            _keep_cited(_build_frame_view(f"exhibit-{number}-frame-{i}", ref, pictures, findings, item))
            for i, ref in enumerate(_list_evidence_refs(trajectory, item), start=1)
        )
        # labels come with every caption, unasked, and an exhibit mostly rests on other findings
        quoted = [f for f in findings if f.doubt and (quotes(item, f) or not (item.quote or f.kind == "label"))]
        doubts = tuple(dict.fromkeys(_format_doubt(f) for f in quoted))
        calls = tuple(anchors.get(call_id, (call_id, "")) for call_id in item.call_ids)
        source = None if item.video is None else sources[item.video - 1]
        href = hrefs.get(item.video, "")
        exhibits.append(ExhibitView(number, item, frames, calls, doubts, source, href))
    return tuple(exhibits)


def _build_events(answer: Answer | None, exhibits: tuple[ExhibitView, ...]) -> tuple[EventView, ...]:
    """The claims, the steps of the chain, or the predictions, with the exhibits of each."""
    if answer is None:
        return ()
    of = {exhibit.evidence: exhibit for exhibit in exhibits}
    claims = [(x.text, "", None, x.evidence) for x in answer.claims]
    steps = [(x.event, x.because, None, x.evidence) for x in answer.chain]
    predictions = [(x.event, x.justification, x.confidence, x.evidence) for x in answer.predictions]
    return tuple(
        EventView(number, event, why, confidence, tuple(of[item] for item in dict.fromkeys(evidence)))
        for number, (event, why, confidence, evidence) in enumerate([*claims, *steps, *predictions], start=1)
    )


def _get_until_seconds(trajectory: Trajectory) -> float | None:
    """The second at which the question ends the video; None where it was seen whole."""
    until, length = trajectory.question.until_seconds, trajectory.facts.duration_seconds
    return until if until is not None and until <= length else None


def _make_anchors(trajectory: Trajectory) -> dict[str, tuple[str, str]]:
    """Label and id in the page of each call, by call id; the ids are ours, since a call's own id may hold anything."""
    of_earlier = {
        call.id: (f"question {number}, turn {turn}, {call.name}", "")
        for number, run in enumerate(trajectory.earlier, start=1)
        for turn, step in enumerate(run.steps, start=1)
        if isinstance(step.turn.move, Calls)
        for call in step.turn.move.calls
    }
    return of_earlier | {
        call.id: (f"turn {turn}, {call.name}", f"turn-{turn}-call-{i}")
        for turn, step in enumerate(trajectory.steps, start=1)
        if isinstance(step.turn.move, Calls)
        for i, call in enumerate(step.turn.move.calls, start=1)
    }


def _build_steps(trajectory: Trajectory, pictures: ImageStore) -> tuple[StepView, ...]:
    return tuple(
        StepView(number, step, _build_calls(number, step, pictures, trajectory))
        for number, step in enumerate(trajectory.steps, start=1)
    )


def _build_calls(turn: int, step: Step, pictures: ImageStore, trajectory: Trajectory) -> tuple[CallView, ...]:
    if not isinstance(step.turn.move, Calls):
        return ()
    results = {result.call_id: result for result in step.results}
    cited = collect_evidence(trajectory.answer) if trajectory.answer is not None else ()
    anchors = _make_anchors(trajectory)
    views = []
    for i, call in enumerate(step.turn.move.calls, start=1):
        result = results.get(call.id)
        refs = result.observation.frames if result else ()
        video = result.observation.video if result else None
        findings = tuple(f for r in step.results if r.observation.video == video for f in r.observation.findings)
        frames = tuple(
            _build_frame_view(make_frame_anchor(turn, i, k), ref, pictures, findings, *cited)
            for k, ref in enumerate(refs, start=1)
        )
        head, rest = _cut_text(result.observation.text if result else "")
        first = anchors.get(result.repeat_of or "", ("", ""))[1] if result else ""
        views.append(CallView(anchors[call.id][1], call, result, frames, head, rest, first))
    return tuple(views)


def _build_frame_view(
    anchor: str, ref: FrameRef, pictures: ImageStore, findings: tuple[Finding, ...], *cited: Evidence
) -> FrameView:
    picture = pictures.get(ref)
    if picture is None:
        return FrameView(anchor, ref, None, ())
    boxes, left_out = place_boxes(picture, ref, findings, [item for item in cited if item.video == ref.video])
    return FrameView(anchor, ref, picture, boxes, left_out)


def _keep_cited(view: FrameView) -> FrameView:
    """A view without the boxes that its exhibit does not quote; unchanged if it quotes none."""
    cited = tuple(box for box in view.boxes if box.is_cited)
    return replace(view, boxes=cited, boxes_left_out=0) if cited else view


def _format_doubt(finding: Finding) -> str:
    """The doubt of a finding, with the probability of silence where there is one."""
    if finding.no_speech is None:
        return finding.doubt
    return f"{finding.doubt} (silence: {100 * finding.no_speech:.0f} %)"


def _cut_text(text: str) -> tuple[str, str]:
    """The first lines of a text, and the rest."""
    lines = text.split("\n")
    if len(lines) <= _HEAD_LINES + 2:
        return text, ""
    return "\n".join(lines[:_HEAD_LINES]), "\n".join(lines[_HEAD_LINES:])


_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _make_visible(text: object) -> str:
    """A text whose control characters, which HTML may not hold, are visible signs."""
    return _CONTROLS.sub(lambda match: chr(0x2400 + min(ord(match[0]), 0x21)), str(text))


def _format_argument(value: object) -> str:
    return _make_visible(json.dumps(value, ensure_ascii=False, default=str))


def _compute_csp_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _read_part(name: str) -> str:
    return files("agent.report").joinpath(name).read_text(encoding="utf-8")


def _build_style(trajectory: Trajectory) -> str:
    """The style sheet, with each film strip as high as its pictures are at that width, so that none is cropped."""
    style = _read_part("report.css")
    for number, facts in trajectory.facts_by_number.items():
        row = ".row.strip" if number is None else f".tracks.of-{number} .row.strip"
        width, height = max(1, facts.width), max(1, facts.height)
        style += f"{row} .field {{ aspect-ratio: {STRIP_SLOTS * width} / {height}; }}\n"
    return style


@cache
def _load_template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_finalize
    )
    environment.filters |= {
        "mmss": format_mmss,
        "argument": _format_argument,
        "visible": _make_visible,
        "doubt": _format_doubt,
        "percent": format_percent,
    }
    environment.filters["says_not_shown"] = is_not_shown
    return environment.from_string(_read_part("report.html.jinja"))


def _finalize(value: object) -> object:
    """Makes the value of a template's expression visible, so that control characters never reach the page."""
    return _make_visible(value) if type(value) is str else value
