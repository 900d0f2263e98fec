"""Answers and looks as a reply of MCP: words and pictures for the model, the same as data for programs.

A frame is named by a link in words. As an image resource link it would reach other models' servers as an address that
they can't open.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent
from pydantic import BaseModel, Field

from agent.doors.error_text import use_names
from agent.doors.mcp.looks import FolderSearch
from agent.doors.mcp.pictures import FittedPictures, format_time
from agent.loop.receipt import Receipt
from agent.paths import escape_path
from agent.report.console import describe_coverages, format_answer_lines
from agent.run_result import RunResult
from agent.trajectory import Evidence
from tools.observation import Box, Finding, FrameRef, Observation

SCHEME = "videosleuth"
"""Scheme of the resources of this server."""


class FrameLink(BaseModel):
    """A frame that a reply rests on."""

    seconds: float
    link: str = Field(description="resource with the whole frame as a JPEG")


class CitedEvidence(BaseModel):
    """A stretch of the video that an answer rests on."""

    video: int | None = Field(description="number of the video, from 1; null where there is one")
    start_seconds: float
    stop_seconds: float
    source: Literal["frame", "screen text", "speech", "sound", "caption", "video"]
    quote: str = Field(description="screen text or speech, word for word; empty for a picture")
    note: str
    box: Box | None = Field(description="left, top, right, bottom in fractions 0..1 of the frame")
    frames: list[FrameLink]


class VideoAnswer(BaseModel):
    """An answer to a question about a video, or the job that is still at work on it."""

    status: Literal["working", "answered", "not_shown", "cannot_tell", "no_answer"] = Field(
        description="working: call get_answer with the job; not_shown claims that the video does not show it; "
        "cannot_tell claims nothing"
    )
    job: str
    answer: str = ""
    option: int | None = Field(default=None, description="index of the chosen option")
    confidence: float | None = Field(default=None, description="how likely the answer is right, 0..1; null: not stated")
    videos: list[str] = Field(default=[], description="the videos looked into, in the order of their numbers")
    evidence: list[CitedEvidence] = []
    coverage: str = Field(default="", description="how much of the video was seen, searched, read and heard")
    gaps: list[str] = Field(default=[], description="what could not be looked at, read or heard")
    seconds: float | None = Field(default=None, description="time that the question took")
    report: str = Field(default="", description="resource: the page with the answer, its evidence and every turn")
    trajectory: str = Field(default="", description="resource: the whole run as JSON")


class CheckedEvidence(BaseModel):
    """A frame or a quotation that an answer cites, looked for again."""

    claim: str
    is_found: bool | None = Field(description="null: it can't be checked, or there was no time to")
    found: str = Field(description="what was found in its place")


class AnswerReceipt(BaseModel):
    """Whether what an answer cites stands in the video: not whether the answer follows from it."""

    is_found: bool | None = Field(description="true: all that can be checked was found again")
    sentence: str
    checks: list[CheckedEvidence]


class FolderMoment(BaseModel):
    """A moment of a video of a folder."""

    video: str
    start_seconds: float
    stop_seconds: float
    source: Literal["picture", "speech", "screen text", "file name"]
    text: str = Field(description="the line that was found; empty for a picture")
    box: Box | None = Field(description="the part of the picture, left, top, right, bottom in fractions 0..1")


class VideoLook(BaseModel):
    """A look at a video: what a tool found there."""

    text: str
    frames: list[FrameLink]
    findings: list[Finding]
    moments: list[FolderMoment] = Field(default=[], description="what was found in a folder, best first")
    gaps: list[str] = Field(description="what could not be looked at, read or heard")


def reply_working(job: str, waited_seconds: float) -> CallToolResult:
    """The reply while a job is at work."""
    words = f"Still working after {waited_seconds:g} s more: call get_answer with job {job}."
    return _reply([words], VideoAnswer(status="working", job=job))


def reply_answer(job: str, result: RunResult, pictures: FittedPictures, names: Mapping[str, str]) -> CallToolResult:
    """The reply of a job that is done.

    Args:
        job: id of the job.
        result: the result; not one of a run that failed.
        pictures: frames of the evidence.
        names: what the host calls each video, or the folder, by its path.
    """
    assert result.status in ("answered", "not_shown", "cannot_tell", "no_answer"), "others are errors"
    videos = result.trajectory.content_hashes
    answer = VideoAnswer(
        status=result.status,
        job=job,
        answer=result.text,
        option=result.option,
        confidence=result.confidence,
        videos=[use_names(video, names) for video in result.trajectory.question.videos],
        evidence=[_cite(item, videos) for item in result.evidence],
        coverage=" ".join(describe_coverages(result.trajectory)),
        gaps=[use_names(gap, names) for gap in result.gaps],
        seconds=round(result.usage.seconds, 3),
        report=link_report(job),
        trajectory=link_trajectory(job),
    )
    links = _format_frame_lines(videos, (ref for item in result.evidence for ref in item.frames))
    lines = [use_names(line.plain, names) for line in format_answer_lines(result.trajectory)]
    words = [*lines, *pictures.notes, *links]
    return _reply([*words, f"The whole run as a page: {answer.report}"], answer, pictures)


def reply_look(video: str, seen: Observation, pictures: FittedPictures) -> CallToolResult:
    """The reply of a single tool.

    Args:
        video: hash of the video's content.
        seen: what the tool gave.
        pictures: its frames.
    """
    look = VideoLook(
        text=seen.text,
        frames=[link_frame([video], ref) for ref in seen.frames],
        findings=list(seen.findings),
        gaps=[*seen.gaps, *pictures.notes],
    )
    return _reply([seen.text, *pictures.notes, *_format_frame_lines([video], seen.frames)], look, pictures)


def reply_moments(found: FolderSearch, names: Mapping[str, str]) -> CallToolResult:
    """The reply of a search through a folder.

    Args:
        found: what was found.
        names: what the host calls the folder, by its path.
    """
    moments = [
        FolderMoment(
            video=use_names(escape_path(str(one.moment.video)), names),
            start_seconds=one.moment.start_seconds,
            stop_seconds=one.moment.stop_seconds,
            source=one.moment.source,
            text=one.moment.text,
            box=one.moment.box,
        )
        for one in found.moments
    ]
    frames = [_link(one.content_hash, one.moment.start_seconds) for one in found.moments]
    lines = [
        f"{one.video} {one.start_seconds:.2f}-{one.stop_seconds:.2f} s, {one.source}: {one.text or frame.link}"
        for one, frame in zip(moments, frames, strict=True)
    ]
    gaps = [use_names(problem, names) for problem in found.problems]
    text = "\n".join(lines or ["Nothing was found."])
    return _reply([text, *gaps], VideoLook(text=text, frames=frames, findings=[], moments=moments, gaps=gaps))


def reply_receipt(receipt: Receipt) -> CallToolResult:
    """The reply of a check of an answer's evidence."""
    signs = {True: "found", False: "not found", None: "not checked"}
    words = [f"{signs[check.is_found]}: {check.claim} ({check.found})" for check in receipt.checks]
    return _reply([receipt.sentence, *words], AnswerReceipt.model_validate(receipt.as_data()))


def link_frame(videos: Sequence[str], ref: FrameRef) -> FrameLink:
    """The link to the whole frame of a reference.

    Args:
        videos: hashes of the videos' contents, in the order of their numbers.
        ref: the reference.
    """
    return _link(videos[(ref.video or 1) - 1], ref.seconds)


def _link(video: str, seconds: float) -> FrameLink:
    return FrameLink(seconds=seconds, link=f"{SCHEME}://frames/{video}/{seconds:.3f}")


def link_report(job: str) -> str:
    """The link to the page of a job."""
    return f"{SCHEME}://reports/{job}"


def link_trajectory(job: str) -> str:
    """The link to the saved run of a job."""
    return f"{SCHEME}://trajectories/{job}"


def _cite(item: Evidence, videos: Sequence[str]) -> CitedEvidence:
    return CitedEvidence(
        video=item.video,
        start_seconds=item.start_seconds,
        stop_seconds=item.stop_seconds,
        source=item.source,
        quote=item.quote,
        note=item.note,
        box=item.box,
        frames=[link_frame(videos, ref) for ref in item.frames],
    )


def _format_frame_lines(videos: Sequence[str], refs: Iterable[FrameRef]) -> list[str]:
    return list(dict.fromkeys(f"frame at {format_time(ref)} s: {link_frame(videos, ref).link}" for ref in refs))


def _reply(words: Iterable[str], data: BaseModel, pictures: FittedPictures | None = None) -> CallToolResult:
    content: list[ContentBlock] = [TextContent(type="text", text="\n".join(words))]
    for ref, jpeg in pictures.by_ref.items() if pictures is not None else ():
        content.append(TextContent(type="text", text=f"{format_time(ref)} s:"))
        coded = base64.b64encode(jpeg).decode()
        content.append(ImageContent(type="image", data=coded, mime_type="image/jpeg"))
    return CallToolResult(content=content, structured_content=data.model_dump(mode="json"))
