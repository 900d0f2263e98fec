"""The environment of one video: the tools that a policy can call, and the pictures behind the references it gets back.

Each tool is a method whose signature and docstring are its schema. Times are seconds from the first frame shown,
ranges half-open [start, stop), boxes fractions 0..1 of the picture as displayed. Text found in the video, seen or
heard, is data: it comes back between « and », and nothing in it is an instruction.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self, TypeVar

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from pydantic import Field

from tools import observation_text
from tools.deadline import get_timeout_left, set_deadline
from tools.encoders.registry import Encoder, open_encoder
from tools.index.frame_store import decode_stored, fit_stored_size, is_same_moment, read_stored_size
from tools.index.fusion import Ranking, SenseSearch, choose_diverse, fuse_rankings
from tools.index.video_index import IndexProgress
from tools.observation import (
    FULL_FRAME,
    UNREADABLE_LETTERS,
    Box,
    Finding,
    FrameRef,
    MissingPartError,
    Observation,
    SearchedSense,
    Sense,
    ToolError,
    Usage,
    to_outer_box,
)
from tools.ocr.reader import TextSpan
from tools.ocr.video_text import WindowText, sort_by_showing
from tools.resources import Speech, ToolResources
from tools.runtime.once import OnceCache
from tools.runtime.spending import get_spending
from tools.sampling import (
    crop,
    fit_within,
    format_seconds,
    pick_apart,
    snap_to_samples,
    spread_times,
    to_pixel_box,
)
from tools.schema import ToolSpec, describe, validate
from tools.speech.recognition import search_lines
from tools.speech.search import TimedText
from tools.video.other_sources import open_video
from tools.video.source import VideoSource
from tools.video.video import SAME_MOMENT_SECONDS, Frame
from tools.vision.captioner import Captioner, CaptionModel, WindowWords
from tools.vision.changes import SHORT_SECONDS, find_changes
from tools.vision.clip_captions import ClipCaption, ClipCaptions
from tools.vision.shots import find_shots
from tools.vision.thing_classes import find_class

Size = Literal["small", "medium", "large"]
Where = Literal["everything", "pictures", "speech", "screen text", "captions"]
SIZES: dict[Size, tuple[int, int]] = {"small": (448, 252), "medium": (640, 360), "large": (1280, 720)}
"""Longest and shortest side, in pixels, that a shown frame fits in: about 140, 300 and 1,200 tokens."""

TOOL_NAMES = (
    "overview",
    "select_frames",
    "search",
    "search_frames",
    "zoom",
    "caption",
    "read_text",
    "search_text",
    "read_speech",
    "search_speech",
    "list_sounds",
    "list_shots",
    "find_changes",
)

CAPTION_TOOLS = ("read_captions", "ask_window")
"""The tools that are there only with a captioner of the user's; the second one asks a model."""

PULLED_TOOLS = ("detect",)
"""The tools that a model is told of only once `agent pull` has fetched what they need; they can always be called."""

OPTIONAL_TOOLS = (*CAPTION_TOOLS, *PULLED_TOOLS)

SPEECH_TOOLS = ("read_speech", "search_speech", "list_sounds")
"""The tools of a recording without pictures."""

_JPEG_QUALITY = 85
"""Quality of the frames shown, of libjpeg's 1 to 100."""
_CAPTION_FRAMES = 4
"""Frames of a window that `caption` describes; bounds its time."""
_CLIP_FRAMES = 6
"""Frames of a window that a model describes."""
_STANDING_SECONDS = 4.0
"""Seconds that one of the frames a model was shown stands for at most, as in `agent.coverage`."""
_HEARING_SECONDS = 30.0
"""Time that a search of all senses spends on recognising speech at most; the next one goes on from there."""
_CANDIDATES = 24
"""Findings of one sense, by one measure, that a search fuses."""
_APART_SECONDS = 4.0
"""Least distance of two moments of one search."""
_LEAST_MEANING = 0.3
"""Cosine of query and line from which a line is ranked by its meaning."""
_MAX_TEXT_FRAMES = 48
"""Frames that one `search_text` reads; at a second or less each on one core."""
_MOST_SKIPPED_SECONDS = 2.0
"""Longest stretch between two frames read that is no gap: text shown for less is hardly meant to be read."""
_TOLD_SECONDS = 1.0
"""Shortest unseen time that an observation reports as a gap."""
_MAX_LINES = 40
"""Lines of speech, by default, and shots that one observation lists; bounds its length."""
_SERVED = 256
"""JPEGs kept for other runs of the video, at 640x360 about 10 MB; a run keeps its own (`agent.loop.run_pictures`)."""
_CALLS_REMEMBERED = 1024
"""Frames of which it is known with which others they were shown."""

_LineT = TypeVar("_LineT", bound=TimedText)

Count = Annotated[int, Field(ge=1, le=32)]
Lines = Annotated[int, Field(ge=1, le=1000)]
Seconds = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
BoxArgument = tuple[Fraction, Fraction, Fraction, Fraction]


class Toolbox:
    """The tools over one video and its index. Several calls may run at once."""

    def __init__(self, resources: ToolResources) -> None:
        self.video = resources.video
        self.index = resources.index
        self._resources = resources
        self._pointed_at: tuple[float, float] | None = None
        """Window of the last call that gave one, (start, stop) in seconds."""
        self._heard = resources
        """Resources of the video whose speech `search` goes through."""
        self._captions = ClipCaptions(
            self.video, resources.captions_identity, self._describe_clip, resources.cache, resources.on_progress
        )
        asked = CAPTION_TOOLS if resources.caption_model is not None else CAPTION_TOOLS[:1]
        of_pictures = (*TOOL_NAMES, *PULLED_TOOLS, *(asked if resources.has_captioner else ()))
        names = of_pictures if self.video.info.has_pictures else SPEECH_TOOLS
        self._specs = {name: _describe_tool(name) for name in names}
        self._told = [name for name in names if name not in PULLED_TOOLS or resources.has_detector]
        self._served: OnceCache[FrameRef, bytes | None] = OnceCache(self._encode_pictures, _SERVED)
        self._calls_lock = threading.Lock()
        self._companions: OrderedDict[FrameRef, tuple[float, ...]] = OrderedDict()
        """Times of the frames that one call showed, by each of them, its size left out."""

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Schema of every tool that works here, for the policy."""
        return tuple(self._specs[name] for name in self._told)

    @property
    def has_subtitles(self) -> bool:
        """True if somebody wrote down what is said: a file was given or the video carries a text stream."""
        return self._resources.has_subtitles

    @property
    def captioner(self) -> CaptionModel | None:
        """The model that describes windows; None without one."""
        return self._resources.caption_model

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """Runs one tool and gives its observation.

        Raises:
            ToolError: unknown tool, arguments that do not fit, an empty window, a part that is not installed.
        """
        if name not in self._specs:
            raise ToolError(f"no tool {name!r:.80}; the tools are {', '.join(self._told)}")
        checked = validate(self._specs[name], arguments)
        # a model's reply is waited for, and the index has no reason to wait with it
        with nullcontext() if name in CAPTION_TOOLS else self.index.first():
            observation: Observation = getattr(self, name)(**checked)
        self._remember_call(observation.frames)
        return observation

    def overview(self, count: Count = 8) -> Observation:
        """Get evenly spread small frames of the whole video, with its duration, shape, cuts and sound.

        Args:
            count: how many frames, 1 to 32.
        """
        info = self.video.info
        duration = info.duration_seconds
        frames = self._refs(self._spread_frames(info.start_seconds, duration, count, "small"), "small")
        shape = "portrait" if info.height > info.width else "landscape" if info.width > info.height else "square"
        facts = {
            "duration": f"{info.length_seconds:.2f} s",
            "picture": f"{info.width}x{info.height} ({shape})",
            "frame rate": f"{info.average_fps:.2f} a second on average",
            "speech": self._resources.speech_source,
        }
        if info.created_at:
            facts["created"] = f"{info.created_at}, by the file"
        if info.start_seconds:
            facts["part of a longer video"] = f"from {info.start_seconds:.2f} to {duration:.2f} s"
        if info.is_cut_off:
            facts["cut off"] = f"the file is cut off; only the first {duration:.2f} s can be decoded"
        findings = tuple(
            Finding("fact", info.start_seconds, duration, f"{name}: {value}")
            for name, value in (
                *facts.items(),
                *(("note", n) for n in info.notes),
                *(("not seen", g) for g in info.gaps),
            )
        )
        text = observation_text.format_frame_times(frames) + "\n" + "\n".join(f.text for f in findings)
        return Observation(text, frames, findings)

    def select_frames(self, start: Seconds, stop: Seconds, count: Count = 8, size: Size = "medium") -> Observation:
        """Look at evenly spread frames of a window. Choose few and small to skim, many and large to study.

        Args:
            start: first second of the window.
            stop: end of the window in seconds, not included.
            count: how many frames, 1 to 32.
            size: small (448x252), medium (640x360) or large (1280x720).
        """
        begin, end = self._check_window(start, stop)
        frames = self._refs(self._spread_frames(begin, end, count, size), size)
        return Observation(observation_text.format_frame_times(frames), frames)

    def search(
        self,
        query: str,
        start: Seconds = 0.0,
        stop: Seconds | None = None,
        count: Count = 5,
        where: Where = "everything",
    ) -> Observation:
        """Find the moments that fit a description by what is seen, said, written on screen and told in captions.

        Args:
            query: what should be seen, said or written, in a few words.
            start: first second to search.
            stop: end of the search in seconds, not included; the end of the video if left out.
            count: how many moments, 1 to 32.
            where: everything, or only one of pictures, speech, screen text and captions.
        """
        if not query.strip():
            raise ToolError("search: the query is empty; describe what to find")
        begin, end = self._check_window(start, stop)
        searches: dict[str, Callable[[str, float, float], SenseSearch]] = {
            "pictures": self._search_pictures,
            "captions": self._search_captions,
            "speech": partial(
                self._search_speech, patience_seconds=_HEARING_SECONDS if where == "everything" else math.inf
            ),
            "screen text": self._search_screen_text,
        }
        wanted = list(searches) if where == "everything" else [where]
        parts = [searches[sense](query, begin, end) for sense in wanted]
        gaps = tuple(gap for part in parts for gap in part.gaps)
        if not any(part.spans for part in parts):
            return Observation("\n".join((*gaps, *(part.note for part in parts))), is_error=True, gaps=gaps, covered=())
        moments = fuse_rankings([ranking for part in parts for ranking in part.rankings])
        times = np.array([moment.seconds for moment in moments])
        chosen = choose_diverse(
            moments, self.index.frames.find_vectors(times), count, min(_APART_SECONDS, (end - begin) / (2 * count))
        )
        findings = tuple(dict.fromkeys(finding for moment in chosen for finding in moment.findings))
        senses = [part.sense for part in parts if part.spans]
        text = "\n".join(
            (
                observation_text.format_moments(query, chosen),
                f"Searched: {', '.join(senses)}.",
                *(part.note for part in parts if part.note),
                *gaps,
            )
        )
        told = any(finding.kind == "caption" for finding in findings)
        return Observation(
            text,
            self._refs([moment.seconds for moment in chosen], "small"),
            findings,
            gaps=gaps,
            covered=(),
            searched=tuple(SearchedSense(part.sense, part.spans) for part in parts if part.spans),
            captioner=self._resources.captioner_spec if told else "",
        )

    def search_frames(
        self, query: str, start: Seconds = 0.0, stop: Seconds | None = None, count: Count = 5
    ) -> Observation:
        """Find the moments whose picture fits a description best. Scores compare moments of one query, no more.

        Args:
            query: what should be seen, in a few words, as in "a red car at night".
            start: first second to search.
            stop: end of the search in seconds, not included; the end of the video if left out.
            count: how many moments, 1 to 32.
        """
        if not query.strip():
            raise ToolError("search_frames: the query is empty; describe what should be seen")
        begin, end = self._check_window(start, stop)
        self._resources.samples.wait()
        if not self.index.wait_searchable(get_timeout_left()):
            return _report_not_searched(
                "No picture was indexed in the time that was left: nothing was searched for in them."
            )
        vector = self._resources.encode_texts([query])[0]
        moments = self.index.search(vector, count, begin, end)
        if not moments:
            return _report_not_searched(
                f"No picture is indexed yet in [{begin:g}, {end:g}): nothing was searched for in them."
            )
        frames = self._refs([m.seconds for m in moments], "small")
        findings = tuple(
            Finding("moment", m.seconds, self._find_sample_stop(m.seconds), query, round(m.score, 4), m.box)
            for m in moments
        )
        lines = [
            f"{format_seconds(f.start_seconds)} s: score {f.score:.3f}{observation_text.format_place(f.box)}"
            for f in findings
        ]
        share, gaps = self.index.frames.indexed_share, self._describe_search_gaps(begin, end)
        text = "\n".join((f"Best matches for {observation_text.quote_untrusted(query)}:", *lines, *gaps))
        reached = self.video.info.start_seconds + share * self.video.info.length_seconds
        covered = None if share >= 1 else ((begin, max(begin, min(end, reached))),)
        return Observation(text, frames, findings, gaps=gaps, covered=covered)

    def zoom(self, seconds: Seconds, box: BoxArgument) -> Observation:
        """Look at one part of one frame at the full resolution of the source.

        Args:
            seconds: when.
            box: left, top, right, bottom as fractions 0..1 of the picture, with left < right and top < bottom.
        """
        area = _check_box(box)
        frame = self._read_frame(seconds)
        height, width = crop(frame.pixels, area).shape[:2]
        width, height = _fit_size(width, height, "large")
        shown = (FrameRef(frame.seconds, height, width, area),)
        return Observation(
            f"{format_seconds(frame.seconds)} s, {observation_text.format_place(area).strip()}, "
            f"{width}x{height} pixels",
            shown,
        )

    def caption(
        self, start: Seconds = 0.0, stop: Seconds | None = None, focus: str = "", box: BoxArgument | None = None
    ) -> Observation:
        """Get a description of a window in words: things, colours and text that the captioner recognises.

        Args:
            start: first second of the window.
            stop: end of the window in seconds, not included; the end of the video if left out.
            focus: what to pay attention to, in words.
            box: the part to describe, as left, top, right, bottom in fractions 0..1; the whole frame if left out.
        """
        begin, end = self._check_window(start, stop)
        area = FULL_FRAME if box is None else _check_box(box)
        if (model := self._resources.caption_model) is not None:
            shown = self._refs(spread_times(begin, end, _CLIP_FRAMES), "medium", area)
            return replace(self._quote_model(model, (begin, end), shown, focus=focus), frames=shown, covered=None)
        frames = list(self.video.read(spread_times(begin, end, _CAPTION_FRAMES), self._fit_height("large")))
        if not frames:
            raise ToolError(f"caption: no frame can be decoded in [{begin:g}, {end:g})")
        parts = [Frame(np.ascontiguousarray(crop(frame.pixels, area)), frame.seconds) for frame in frames]
        found = self._resources.get_captioner().describe(parts, focus)
        findings = tuple(replace(f, box=to_outer_box(f.box, area)) if f.box is not None else f for f in found)
        shown = tuple(self._make_ref(frame.seconds, "small", area) for frame in frames)
        return Observation(
            observation_text.format_description(findings) or "The captioner recognises nothing.", shown, findings
        )

    def read_captions(self, start: Seconds = 0.0, stop: Seconds | None = None) -> Observation:
        """Read what a window shows, clip by clip, as a captioner describes it: to skim, and to know where to look.

        Args:
            start: first second of the window.
            stop: end of the window in seconds, not included; the end of the video if left out.
        """
        begin, end = self._check_window(start, stop)
        found = self._captions.make(begin, end)
        why = found.why or "there was no time for it"
        if not found.captions:
            raise ToolError(f"read_captions: no clip could be described: {why}")
        findings = tuple(_make_caption_finding(caption) for caption in found.captions)
        missing = sum(stop - start for start, stop in found.missing)
        gaps = (f"{missing:.0f} s of this window have no caption: {why}.",) if found.missing else ()
        spans = [span for one in found.captions for span in _stand_for(one.start_seconds, one.stop_seconds, one.frames)]
        return Observation(
            "\n".join((observation_text.format_description(findings), *gaps)),
            findings=findings,
            gaps=gaps,
            covered=tuple(spans),
            captioner=self._resources.captioner_spec,
            usage=found.usage,
        )

    def ask_window(self, start: Seconds, stop: Seconds, question: str, count: Count = 8) -> Observation:
        """Ask a model that sees about a window: it looks at frames of it for you and answers in words.

        Args:
            start: first second of the window.
            stop: end of the window in seconds, not included.
            question: what you want to know of this window; the model knows nothing else of the video or your task.
            count: how many frames it is shown, 1 to 32.
        """
        begin, end = self._check_window(start, stop)
        if not question.strip():
            raise ToolError("ask_window: the question is empty")
        assert self._resources.caption_model is not None, "the tool is offered only where there is one"
        frames = self._refs(spread_times(begin, end, count), "medium")
        return self._quote_model(self._resources.caption_model, (begin, end), frames, question)

    def read_text(self, seconds: Seconds, box: BoxArgument | None = None) -> Observation:
        """Read the text on screen in one frame, at the full resolution of the source.

        Args:
            seconds: when.
            box: the part to read, as left, top, right, bottom in fractions 0..1; the whole frame if left out.
        """
        area = FULL_FRAME if box is None else _check_box(box)
        frame = self._read_frame(seconds)
        findings = self._resources.screen_text.read_frame(frame, area, self._find_frame_stop(frame.seconds))
        shown = (self._make_ref(frame.seconds, "medium", area),)
        text = observation_text.format_text_lines(findings, f"No text is read at {format_seconds(frame.seconds)} s.")
        return Observation(text, shown, findings, gaps=observation_text.describe_unreadable(findings))

    def search_text(
        self, query: str = "", start: Seconds = 0.0, stop: Seconds | None = None, count: Count = 24
    ) -> Observation:
        """Read the text on screen through a window, and list the lines nearest to a query, with when each is seen.

        Args:
            query: words to look for; with none, lines come in order of time.
            start: first second of the window.
            stop: end of the window in seconds, not included; the end of the video if left out.
            count: how many lines, 1 to 32.
        """
        begin, end = self._check_window(start, stop)
        screen = self._resources.screen_text
        reading = screen.read_window(begin, end, _MAX_TEXT_FRAMES)
        spans = reading.spans
        if query.strip() and (legible := [span for span in spans if not span.doubt]):
            ranked = [found.line for found in search_lines(legible, query, self._resources.encode_texts)]
            first, *others = sort_by_showing(ranked)
            spans = (screen.refined(first, reading.looked_at), *others, *(span for span in spans if span.doubt))
        found = tuple(map(_make_text_finding, spans))
        gaps, unknown = self._describe_text_gaps(reading, found, query, end - begin)
        findings = found[:count]
        frames = self._refs(pick_first([f.start_seconds for f in findings], 4), "small")
        text = "\n".join((observation_text.format_text_lines(findings, "No text is read in this window."), *gaps))
        facts = (Finding("fact", begin, end, UNREADABLE_LETTERS + unknown),) if unknown else ()
        return Observation(text, frames, (*findings, *facts), gaps=gaps, covered=reading.covered)

    def read_speech(self, start: Seconds = 0.0, stop: Seconds | None = None, count: Lines = _MAX_LINES) -> Observation:
        """Get what is said in a window, line by line, with times. Doubtful lines may be invented by the recogniser.

        Args:
            start: first second of the window.
            stop: end of the window in seconds, not included; the end of the video if left out.
            count: how many lines at most, 1 to 1000.
        """
        begin, end = self._check_window(start, stop)
        speech = self._resources.find_speech(begin, end)
        nothing = (
            f"Nothing is said in [{begin:g}, {end:g})." if not speech.gaps else "No speech was found in what was heard."
        )
        told = observation_text.make_speech_observation(speech.lines[:count], nothing, len(speech.lines), speech.gaps)
        return replace(told, covered=subtract_spans(begin, end, speech.unheard))

    def search_speech(self, query: str, count: Count = 8) -> Observation:
        """Find the lines of speech nearest to a query, by words and by meaning.

        Args:
            query: what should be said, in a few words.
            count: how many lines, 1 to 32.
        """
        if self._pointed_at is not None and get_timeout_left() is not None:  # it may be too short to hear all
            self._resources.find_speech(*self._pointed_at)
        speech = self._resources.find_speech()
        scored = search_lines(speech.lines, query, self._resources.encode_texts)
        chosen = sorted((item.line for item in scored[:count]), key=lambda x: x.start_seconds)
        nothing = "No speech was found in what was heard." if speech.gaps else "Nothing is said."
        told = observation_text.make_speech_observation(chosen, nothing, len(chosen), speech.gaps)
        return replace(
            told,
            covered=subtract_spans(self.video.info.start_seconds, self.video.info.duration_seconds, speech.unheard),
        )

    def list_sounds(self, start: Seconds = 0.0, stop: Seconds | None = None, count: Lines = _MAX_LINES) -> Observation:
        """List when there is speech, singing and music, which may be at the same time. Other sounds are not told apart.

        Args:
            start: first second of the window.
            stop: end of the window in seconds, not included; the end of the video if left out.
            count: how many stretches at most, 1 to 1000.
        """
        begin, end = self._check_window(start, stop)
        heard = self._resources.find_sounds(begin, end)
        told = observation_text.make_sound_observation(heard, self.video.info.has_audio, count)
        return replace(told, covered=subtract_spans(begin, end, heard.unheard))

    def list_shots(self, start: Seconds = 0.0, stop: Seconds | None = None) -> Observation:
        """List the shots of a window: from cut to cut, in seconds.

        Args:
            start: first second of the window.
            stop: end of the window in seconds, not included; the end of the video if left out.
        """
        begin, end = self._check_window(start, stop)
        samples = self._resources.samples.select(self.video.info.start_seconds, self.video.info.duration_seconds)
        listed = find_shots(self.video, samples.seconds, samples.thumbs, begin, end)
        shots = listed.shots
        findings = tuple(Finding("shot", s.start_seconds, s.stop_seconds, "", s.score) for s in shots[:_MAX_LINES])
        text = "\n".join(f"{f.start_seconds:.2f}-{f.stop_seconds:.2f} s" for f in findings)
        more = f"\n({len(shots) - _MAX_LINES} more)" if len(shots) > _MAX_LINES else ""
        gaps = (
            ()
            if listed.unseen_seconds < _TOLD_SECONDS
            else (observation_text.describe_unseen("cuts", listed.unseen_seconds),)
        )
        return Observation("\n".join((f"{len(shots)} shots:", text + more, *gaps)), (), findings, gaps=gaps)

    def find_changes(self, start: Seconds = 0.0, stop: Seconds | None = None, count: Count = 5) -> Observation:
        """Find when and where the picture changes most without a cut: something enters, leaves, starts or moves.

        Args:
            start: first second of the window.
            stop: end of the window in seconds, not included; the end of the video if left out.
            count: how many moments, 1 to 32.
        """
        begin, end = self._check_window(start, stop)
        if end - begin <= SHORT_SECONDS:
            seen = find_changes(self.video, begin, end, count)
        else:
            samples = self._resources.samples.select(begin, end)
            seen = find_changes(self.video, begin, end, count, samples.seconds, samples.thumbs)
        changes = seen.changes
        findings = tuple(
            Finding("change", c.start_seconds, c.stop_seconds, c.place, round(c.strength, 5), c.box) for c in changes
        )
        lines = [f"{f.start_seconds:.2f}-{f.stop_seconds:.2f} s: {f.text}, strength {f.score:.4f}" for f in findings]
        frames = self._refs([f.start_seconds for f in findings], "small")
        unseen = end - begin - seen.seen_seconds
        gaps = () if unseen < _TOLD_SECONDS else (observation_text.describe_unseen("changes", unseen),)
        told = lines or ["The picture hardly changes where it was looked at."]
        return Observation("\n".join((*told, *gaps)), frames, findings, gaps=gaps)

    def detect(self, query_class: str, start: Seconds = 0.0, stop: Seconds | None = None) -> Observation:
        """Find things or people of one class, with boxes, and count them: at most at once, and one by one if followed.

        Args:
            query_class: one of the detector's 80 classes, such as person, car, dog, cat, bicycle, bottle, chair, book.
            start: first second of the window.
            stop: end of the window in seconds, not included; in half a minute or less, things are followed.
        """
        begin, end = self._check_window(start, stop)
        name = find_class(query_class)
        found = self._resources.find_things(name, begin, end)
        told = observation_text.make_thing_observation(name, found, begin, end)
        best = [round(track.seconds[track.best], 6) for track in found.tracks[:_MAX_LINES]]
        frames = self._refs(pick_first([found.most_at_seconds, *best], 4) if found.tracks else [], "medium")
        return replace(told, frames=frames, covered=subtract_spans(begin, end, found.unseen))

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference, always the same bytes for the same one; None where the frame is damaged."""
        with self._calls_lock:
            times = self._companions.get(_forget_size(ref), ())
        return self._served.get(ref, [replace(ref, seconds=seconds) for seconds in times])

    def _encode_pictures(self, refs: Sequence[FrameRef]) -> dict[FrameRef, bytes | None]:
        """The JPEGs behind references: from the stored frames where they hold as much, else decoded in one pass."""
        stored = [ref for ref in refs if self._is_stored(ref)]
        jpegs = self.index.read_stored(sorted({ref.seconds for ref in stored})) if stored else {}
        made: dict[FrameRef, bytes | None] = dict.fromkeys(refs)
        for ref in stored:
            if ref.seconds in jpegs:
                made[ref] = _resize_stored(jpegs[ref.seconds], ref)
        others = [ref for ref in refs if ref not in stored]
        for frame in self.video.read(sorted({ref.seconds for ref in others})) if others else ():
            made |= {ref: _encode_resized(frame, ref) for ref in others if is_same_moment(ref.seconds, frame.seconds)}
        return made

    def _is_stored(self, ref: FrameRef) -> bool:
        """Whether the store holds, or will hold, the whole frame of a reference in no fewer pixels."""
        width, height = fit_stored_size(self.video.info.width, self.video.info.height)
        if ref.box != FULL_FRAME or ref.width > width or ref.height > height:
            return False
        first, fps = self.video.info.start_seconds, self.index.fps
        number = max(0, math.ceil((ref.seconds - first) * fps - SAME_MOMENT_SECONDS))
        return is_same_moment(self._find_shown_time(first + number / fps), ref.seconds)

    def _remember_call(self, frames: Sequence[FrameRef]) -> None:
        """Notes which frames were shown together, so that they are decoded together once one of them is wanted."""
        times = tuple(ref.seconds for ref in frames)
        with self._calls_lock:
            for ref in frames:
                self._companions[_forget_size(ref)] = times
                self._companions.move_to_end(_forget_size(ref))
            while len(self._companions) > _CALLS_REMEMBERED:
                self._companions.popitem(last=False)

    def take_speech_of(self, other: "Toolbox") -> None:
        """Has `search` go through the speech of another video, where a control changes the pictures alone."""
        self._heard = other._resources

    def prepare(self, *, text: bool, speech: bool, captions: bool = False) -> None:
        """Waits for the whole index; then reads, hears and describes the whole video, as asked, for later calls.

        Args:
            text: whether to read all text on screen.
            speech: whether to hear all speech.
            captions: whether to caption all clips.

        Raises:
            ToolError: the captioner fails; what it described before is kept.
        """
        self.index.wait_tiled()
        if speech:
            self._resources.find_speech()
        if text:
            self._resources.screen_text.prepare()
        if (
            captions
            and (found := self._captions.make(self.video.info.start_seconds, self.video.info.duration_seconds)).missing
        ):
            raise ToolError(f"{len(found.missing)} clips have no caption: {found.why or 'there was no time for it'}")

    def transcribe(self, start_seconds: float = 0.0, stop_seconds: float = math.inf) -> Speech:
        """Every line said in a window, and what of it was not heard; written down before, or recognised now."""
        return self._resources.find_speech(start_seconds, stop_seconds)

    def read_all_text(self) -> WindowText:
        """Every line of text on screen, read first where it was not yet, which may take longer than the video."""
        self.prepare(text=True, speech=False)
        info = self.video.info
        return self._resources.screen_text.read_window(info.start_seconds, info.duration_seconds, _MAX_TEXT_FRAMES)

    def list_known_lines(self) -> list[tuple[Literal["speech", "screen text"], float, float, str]]:
        """Lines of speech and text that are known without hearing or reading any: source, start, stop and text.

        They are written in subtitles, or were heard or read ahead; doubtful ones are left out.
        """
        said = [line for line in self._resources.find_known_speech().lines if not line.doubts]
        read = self.read_all_text().spans if self.is_text_prepared else ()
        return [
            *(("speech", line.start_seconds, line.stop_seconds, line.text) for line in said),
            *(("screen text", span.start_seconds, span.stop_seconds, span.text) for span in read if not span.doubt),
        ]

    @property
    def is_known_in_words(self) -> bool:
        """Whether all text on screen was read ahead, and all that is said is written down or was heard."""
        return self.is_text_prepared and self._resources.is_speech_known

    @property
    def is_text_prepared(self) -> bool:
        """Whether all text on screen has been read."""
        return self._resources.screen_text.is_prepared

    @property
    def needs_recognition(self) -> bool:
        """Whether speech has to be recognised: there is sound, and nobody wrote down all that is said."""
        return self._resources.needs_recognition

    def close(self) -> None:
        """Stops indexing, leaving a usable cache, and closes the video."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_window(self, start: float, stop: float | None) -> tuple[float, float]:
        first, duration = self.video.info.start_seconds, self.video.info.duration_seconds
        begin, end = max(start, first), duration if stop is None else min(stop, duration)
        if not begin < end:
            asked = f"[{start:g}, {duration if stop is None else stop:g})"
            bounds = f"need {first:g} <= start < stop and start < {duration:.2f}"
            raise ToolError(f"{bounds} ({'the duration' if not first else 'the end'}), got {asked}")
        if (begin, end) != (first, duration):
            self._pointed_at = (begin, end)
        return begin, end

    def _read_frame(self, seconds: float) -> Frame:
        first, duration = self.video.info.start_seconds, self.video.info.duration_seconds
        if not first <= seconds < duration:
            end = "the duration" if not first else "the end"
            raise ToolError(f"need {first:g} <= seconds < {duration:.2f} ({end}), got {seconds:g}")
        for frame in self.video.read([seconds]):
            return frame
        raise ToolError(f"the frame at {seconds:g} s is damaged and cannot be decoded; try another time")

    def _spread_frames(self, start: float, stop: float, count: int, size: Size) -> tuple[float, ...]:
        """Evenly spread times of a window: of stored frames, unless they are too few or too small for what is asked."""
        times = spread_times(start, stop, count)
        width, height = _fit_size(self.video.info.width, self.video.info.height, size)
        stored_width, stored_height = fit_stored_size(self.video.info.width, self.video.info.height)
        if width > stored_width or height > stored_height:
            return times
        return snap_to_samples(times, (stop - start) / count, self.index.fps, self.video.info.start_seconds)

    def _refs(self, times: Sequence[float], size: Size, box: Box = FULL_FRAME) -> tuple[FrameRef, ...]:
        shown = (self._make_ref(self._find_shown_time(t), size, box) for t in sorted(times))
        return tuple(dict.fromkeys(shown))

    def _find_shown_time(self, seconds: float) -> float:
        """Presentation time of the frame on screen at `seconds`."""
        times = self.video.timestamps
        return float(times[np.searchsorted(times, seconds + SAME_MOMENT_SECONDS, side="right") - 1])

    def _make_ref(self, seconds: float, size: Size, box: Box = FULL_FRAME) -> FrameRef:
        left, top, right, bottom = to_pixel_box(box, self.video.info.width, self.video.info.height)
        width, height = _fit_size(right - left, bottom - top, size)
        return FrameRef(seconds, height, width, box)

    def _fit_height(self, size: Size) -> int:
        return _fit_size(self.video.info.width, self.video.info.height, size)[1]

    def _describe_text_gaps(
        self, reading: WindowText, found: Sequence[Finding], query: str, seconds: float
    ) -> tuple[tuple[str, ...], str]:
        """Sentences that say which text of a window was not read, and letters of the query that can't be."""
        unknown = self._resources.screen_text.find_unknown_letters(query)
        gaps = (*observation_text.describe_unreadable(found), *observation_text.describe_unknown_letters(unknown))
        if reading.covered is not None:
            share = sum(stop - start for start, stop in reading.covered) / seconds
            gaps = (*gaps, f"Text was looked for in {observation_text.format_percent(share)} of this window only.")
        if reading.skipped_seconds > _MOST_SKIPPED_SECONDS:
            skipped = f"Up to {reading.skipped_seconds:.1f} s lie between two pictures that were read"
            gaps = (*gaps, f"{skipped}: text that was shown for less may be missed.")
        return gaps, unknown

    def _search_pictures(self, query: str, begin: float, end: float) -> SenseSearch:
        self._resources.samples.wait()
        if not self.index.wait_searchable(get_timeout_left()):
            return SenseSearch("pictures", gaps=("No picture was indexed in the time that was left.",))
        vector = self._resources.encode_texts([query])[0]
        moments = self.index.search(vector, _CANDIDATES, begin, end)
        if not moments:
            return SenseSearch("pictures", gaps=(f"No picture is indexed yet in [{begin:g}, {end:g}).",))
        findings = (
            Finding("moment", m.seconds, self._find_sample_stop(m.seconds), query, round(m.score, 4), m.box)
            for m in moments
        )
        reached = self.video.info.start_seconds + self.index.frames.indexed_share * self.video.info.length_seconds
        spans = ((begin, max(begin, min(end, reached))),)
        return SenseSearch(
            "pictures", (Ranking("pictures", tuple(findings)),), spans, self._describe_search_gaps(begin, end)
        )

    def _search_captions(self, query: str, begin: float, end: float) -> SenseSearch:
        found = self._captions.find(begin, end)
        if not found.captions:
            return SenseSearch("captions", note="No captions were made: none were searched.")
        rankings = self._rank_lines("captions", found.captions, _make_caption_finding, query)
        spans = tuple((caption.start_seconds, caption.stop_seconds) for caption in found.captions)
        missing = sum(stop - start for start, stop in found.missing)
        gaps = (f"{missing:.0f} s of this window have no caption yet.",) if found.missing else ()
        return SenseSearch("captions", rankings, spans, gaps)

    def _search_speech(self, query: str, begin: float, end: float, patience_seconds: float) -> SenseSearch:
        try:
            with set_deadline(patience_seconds):
                speech = self._heard.find_speech(begin, end)
        except MissingPartError as error:
            return SenseSearch("speech", gaps=(f"Speech was not searched: {error}.",))
        if not self._heard.has_speech:
            return SenseSearch("speech", note="There is no sound and there are no subtitles.")
        rankings = self._rank_lines("speech", speech.lines, observation_text.make_speech_finding, query)
        spans = subtract_spans(begin, end, speech.unheard)
        gaps = tuple(f"Not known: {gap}." for gap in speech.gaps)
        return SenseSearch("speech", rankings, ((begin, end),) if spans is None else spans, gaps)

    def _search_screen_text(self, query: str, begin: float, end: float) -> SenseSearch:
        try:
            reading = self._resources.screen_text.read_window(begin, end, _MAX_TEXT_FRAMES)
            found = tuple(map(_make_text_finding, reading.spans))
            gaps, _letters = self._describe_text_gaps(reading, found, query, end - begin)
        except MissingPartError as error:
            return SenseSearch("screen text", gaps=(f"Text on screen was not searched: {error}.",))
        legible = [span for span in reading.spans if not span.doubt]
        rankings = self._rank_lines("screen text", legible, _make_text_finding, query)
        spans = ((begin, end),) if reading.covered is None else reading.covered
        return SenseSearch("screen text", rankings, spans, gaps)

    def _rank_lines(
        self, sense: Sense, lines: Sequence[_LineT], make_finding: Callable[[_LineT], Finding], query: str
    ) -> tuple[Ranking, ...]:
        """The lines by shared words and, apart from that, by meaning; those that have none of either are left out."""
        scored = search_lines(lines, query, self._resources.encode_texts)
        by_words = sorted((s for s in scored if s.shared_words > 0), key=lambda s: -s.shared_words)
        by_meaning = sorted(
            (s for s in scored if (s.meaning or 0.0) >= _LEAST_MEANING), key=lambda s: -(s.meaning or 0.0)
        )
        return tuple(
            Ranking(sense, tuple(make_finding(one.line) for one in ranked[:_CANDIDATES]))
            for ranked in (by_words, by_meaning)
        )

    def _describe_clip(self, start: float, stop: float) -> WindowWords:
        """A captioner's words about a clip."""
        if (model := self._resources.caption_model) is not None:
            frames = self._refs(spread_times(start, stop, _CLIP_FRAMES), "medium")
            return self._ask_model(model, (start, stop), frames)
        read = list(self.video.read(spread_times(start, stop, _CAPTION_FRAMES), self._fit_height("large")))
        described = self._resources.get_captioner().describe(read) if read else ()
        words = " ".join(finding.text for finding in described if finding.kind == "caption")
        return WindowWords(words, Usage(), len(read))

    def _ask_model(
        self,
        model: CaptionModel,
        window: tuple[float, float],
        frames: Sequence[FrameRef],
        question: str = "",
        focus: str = "",
    ) -> WindowWords:
        spending = get_spending()
        spending.check()
        words = model.look_at(window, frames, self.picture, question=question, focus=focus)
        spending.add(words.usage)
        return words

    def _quote_model(
        self,
        model: CaptionModel,
        window: tuple[float, float],
        frames: Sequence[FrameRef],
        question: str = "",
        focus: str = "",
    ) -> Observation:
        """The observation of what a model says of a window; it shows no frames."""
        words = self._ask_model(model, window, frames, question, focus)
        area = frames[0].box
        finding = Finding("caption", *window, words.text, box=None if area == FULL_FRAME else area)
        return Observation(
            observation_text.format_description((finding,)),
            findings=(finding,),
            covered=_stand_for(*window, words.frames),
            captioner=model.spec,
            usage=words.usage,
        )

    def _describe_search_gaps(self, start: float, stop: float) -> tuple[str, ...]:
        """Sentences that say what a search of the window could not have found."""
        gaps = []
        percent = observation_text.format_percent
        if (share := self.index.frames.indexed_share) < 1:
            gaps.append(f"The index covered only {percent(share)} of the video when it was searched.")
        if (share := self.index.frames.compute_tiled_share(start, stop)) < 1:
            gaps.append(f"Small things were looked for in only {percent(share)} of the pictures searched.")
        return tuple(gaps)

    def _find_sample_stop(self, seconds: float) -> float:
        later = self.index.seconds[self.index.seconds > seconds + 1e-6]
        return float(later[0]) if len(later) else self.video.info.duration_seconds

    def _find_frame_stop(self, seconds: float) -> float:
        later = self.video.timestamps[self.video.timestamps > seconds + 1e-6]
        return float(later[0]) if len(later) else self.video.info.duration_seconds


@cache
def _describe_tool(name: str) -> ToolSpec:
    """The spec of a tool, made once for all videos: a model of its arguments takes milliseconds."""
    return describe(getattr(Toolbox, name), left_out=("self",))


def _report_not_searched(gap: str) -> Observation:
    """Observation of a search that had no picture to search: no mistake of the policy, and a gap in what is known."""
    return Observation(f"{gap} Try select_frames.", is_error=True, gaps=(gap,), covered=())


def open_toolbox(
    path: str | Path,
    *,
    encoder: str | Encoder | None = None,
    subtitles: str | Path | None = None,
    cache: Path | None = None,
    captioner: Captioner | CaptionModel | None = None,
    start: float | None = None,
    until: float | None = None,
    picture_stream: int | None = None,
    audio: int | None = None,
    fps: float | None = None,
    on_progress: Callable[[IndexProgress], None] | None = None,
) -> Toolbox:
    """The tools of a video file, its index built or being built in the background.

    Args:
        path: the video.
        encoder: frame encoder: a spec as `open_encoder` takes it, or one that is open already; None is `auto`.
        subtitles: a file with what is said.
        cache: root of the cache, the user's own if None.
        captioner: takes the place of the packaged one.
        start: the video begins at that second for every tool, and keeps its times.
        until: the video ends at that second for every tool: nothing from later is there, and nothing that was kept of
            the whole video is used.
        picture_stream: number of the stream of moving pictures, from 1; None takes the file's main one.
        audio: number of the sound track to hear, from 1; None finds the one with speech.
        fps: pictures a second, where the path is a folder of them; None is 1.
        on_progress: called with the progress of indexing, of reading text and of recognising speech.

    Raises:
        ValueError: no such file, not a video, nothing decodable, no such stream or sound track, nothing before
            `until`, an unknown encoder, unreadable subtitles.
    """
    return make_toolbox(
        open_video(path, until, picture_stream, start, fps),
        encoder=encoder,
        subtitles=subtitles,
        cache=cache,
        captioner=captioner,
        audio=audio,
        on_progress=on_progress,
    )


def make_toolbox(
    video: VideoSource,
    *,
    encoder: str | Encoder | None = None,
    subtitles: str | Path | None = None,
    cache: Path | None = None,
    captioner: Captioner | CaptionModel | None = None,
    audio: int | None = None,
    on_progress: Callable[[IndexProgress], None] | None = None,
) -> Toolbox:
    """The tools of an open video, which closes with them.

    Args:
        video: the video, closed when this fails.
        encoder: spec of the frame encoder; None is `auto`.
        subtitles: a file with what is said.
        cache: root of the cache, the user's own if None.
        captioner: takes the place of the packaged one.
        audio: number of the sound track to hear, from 1; None finds the one with speech.
        on_progress: called with the progress of indexing, of reading text and of recognising speech.
    """
    try:
        resources = ToolResources(
            video,
            open_encoder(encoder or "auto") if encoder is None or isinstance(encoder, str) else encoder,
            subtitles,
            cache,
            captioner,
            audio,
            on_progress=on_progress or (lambda _: None),
        )
    except BaseException:
        video.close()
        raise
    return Toolbox(resources)


def subtract_spans(
    start_seconds: float, stop_seconds: float, left_out: Sequence[tuple[float, float]]
) -> tuple[tuple[float, float], ...] | None:
    """What is left of a window without some parts, ascending; None where nothing is left out.

    Args:
        start_seconds: start of the window.
        stop_seconds: end of the window, not included.
        left_out: (start, stop) of each part in seconds, ascending.
    """
    parts, at = [], start_seconds
    for start, stop in left_out:
        parts += [(at, start)] if start > at else []
        at = max(at, stop)
    return (*parts, *([(at, stop_seconds)] if at < stop_seconds else [])) if left_out else None


def _make_text_finding(span: TextSpan) -> Finding:
    return Finding(
        "text", span.start_seconds, span.stop_seconds, span.text, round(span.score, 3), span.box, doubt=span.doubt
    )


def _make_caption_finding(caption: ClipCaption) -> Finding:
    return Finding("caption", caption.start_seconds, caption.stop_seconds, caption.text)


def _stand_for(start: float, stop: float, count: int) -> tuple[tuple[float, float], ...]:
    """The parts of a window that evenly spread frames of it stand for, (start, stop) in seconds."""
    length = (stop - start) / count
    half = min(length, _STANDING_SECONDS) / 2
    if 2 * half >= length:
        return ((start, stop),)
    return tuple((t - half, t + half) for t in spread_times(start, stop, count))


def pick_first(times: Sequence[float], count: int) -> list[float]:
    """The first distinct times of a ranked list, at least a second apart."""
    return [times[i] for i in pick_apart(range(len(times)), times, count, 1.0)]


def _fit_size(width: int, height: int, size: Size) -> tuple[int, int]:
    longest, shortest = SIZES[size]
    if width >= height:
        return fit_within(width, height, longest, shortest)
    return fit_within(width, height, shortest, longest)


def _check_box(box: Sequence[float]) -> Box:
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ToolError(f"need 0 <= left < right <= 1 and 0 <= top < bottom <= 1, got {tuple(box)}")
    return left, top, right, bottom


def _forget_size(ref: FrameRef) -> FrameRef:
    return replace(ref, width=1, height=1)


def _resize_stored(jpeg: bytes, ref: FrameRef) -> bytes:
    """A stored picture in the size of a reference; as it is where it has that size."""
    if read_stored_size(jpeg) == (ref.width, ref.height):
        return jpeg
    return _encode_resized(Frame(decode_stored(jpeg), ref.seconds), ref)


def _encode_resized(frame: Frame, ref: FrameRef) -> bytes:
    pixels = crop(frame.pixels, ref.box)
    if pixels.shape[:2] != (ref.height, ref.width):
        pixels = cv2.resize(pixels, (ref.width, ref.height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    upright = np.ascontiguousarray(pixels)
    encoded: bytes = simplejpeg.encode_jpeg(upright, _JPEG_QUALITY, colorspace="RGB", colorsubsampling="420")
    return encoded
