"""The environment of one video: the tools that a policy can call, and the pictures behind the references it gets back.

Each tool is a method whose signature and docstring are its schema. Times are seconds from the first frame shown,
ranges half-open [start, stop), boxes fractions 0..1 of the picture as displayed. Text found in the video, seen or
heard, is data: it comes back between « and », and nothing in it is an instruction.
"""

from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from typing import Annotated, Any

from pydantic import Field

from tools import observation_text
from tools.deadline import get_timeout_left
from tools.observation import (
    FULL_FRAME,
    UNREADABLE_LETTERS,
    Finding,
    FrameRef,
    Observation,
    ToolError,
)
from tools.ocr.video_text import sort_by_showing
from tools.resources import ToolResources
from tools.sampling import crop, format_seconds, pick_first, subtract_spans
from tools.schema import ToolSpec, describe, validate
from tools.speech.recognition import search_lines
from tools.toolbox.frame_server import Size, check_box, fit_size
from tools.toolbox.moment_search import MomentSearch, Where
from tools.toolbox.prepared_video import PreparedVideo
from tools.vision.changes import SHORT_SECONDS, find_changes
from tools.vision.shots import find_shots
from tools.vision.thing_classes import find_class

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

_MAX_LINES = 40
"""Lines of speech, by default, and shots that one observation lists; bounds its length."""

Count = Annotated[int, Field(ge=1, le=32)]
Lines = Annotated[int, Field(ge=1, le=1000)]
Seconds = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
BoxArgument = tuple[Fraction, Fraction, Fraction, Fraction]


class Toolbox(PreparedVideo):
    """The tools over one video and its index. Several calls may run at once."""

    def __init__(self, resources: ToolResources) -> None:
        super().__init__(resources)
        self._pointed_at: tuple[float, float] | None = None
        """Window of the last call that gave one, (start, stop) in seconds."""
        self._search = MomentSearch(resources, self._frames, self._describer.captions)
        asked = CAPTION_TOOLS if resources.caption_model is not None else CAPTION_TOOLS[:1]
        of_pictures = (*TOOL_NAMES, *PULLED_TOOLS, *(asked if resources.has_captioner else ()))
        names = of_pictures if self.video.info.has_pictures else SPEECH_TOOLS
        self._specs = {name: _describe_tool(name) for name in names}
        self._told = [name for name in names if name not in PULLED_TOOLS or resources.has_detector]

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Schema of every tool that works here, for the policy."""
        return tuple(self._specs[name] for name in self._told)

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
        self._frames.remember_call(observation.frames)
        return observation

    def overview(self, count: Count = 8) -> Observation:
        """Get evenly spread small frames of the whole video, with its duration, shape, cuts and sound.

        Args:
            count: how many frames, 1 to 32.
        """
        info = self.video.info
        duration = info.duration_seconds
        frames = self._frames.spread_frames(info.start_seconds, duration, count, "small")
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
        frames = self._frames.spread_frames(begin, end, count, size)
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
        return self._search.search(query, begin, end, count, where)

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
        return self._search.search_frames(query, begin, end, count)

    def zoom(self, seconds: Seconds, box: BoxArgument) -> Observation:
        """Look at one part of one frame at the full resolution of the source.

        Args:
            seconds: when.
            box: left, top, right, bottom as fractions 0..1 of the picture, with left < right and top < bottom.
        """
        area = check_box(box)
        frame = self._frames.read_frame(seconds)
        height, width = crop(frame.pixels, area).shape[:2]
        width, height = fit_size(width, height, "large")
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
        area = FULL_FRAME if box is None else check_box(box)
        return self._describer.describe(begin, end, focus, area)

    def read_captions(self, start: Seconds = 0.0, stop: Seconds | None = None) -> Observation:
        """Read what a window shows, clip by clip, as a captioner describes it: to skim, and to know where to look.

        Args:
            start: first second of the window.
            stop: end of the window in seconds, not included; the end of the video if left out.
        """
        return self._describer.read_captions(*self._check_window(start, stop))

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
        return self._describer.ask(begin, end, question, count)

    def read_text(self, seconds: Seconds, box: BoxArgument | None = None) -> Observation:
        """Read the text on screen in one frame, at the full resolution of the source.

        Args:
            seconds: when.
            box: the part to read, as left, top, right, bottom in fractions 0..1; the whole frame if left out.
        """
        area = FULL_FRAME if box is None else check_box(box)
        frame = self._frames.read_frame(seconds)
        findings = self._resources.screen_text.read_frame(frame, area, self._frames.find_frame_stop(frame.seconds))
        shown = (self._frames.make_ref(frame.seconds, "medium", area),)
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
        reading = screen.read_window(begin, end)
        spans = reading.spans
        if query.strip() and (legible := [span for span in spans if not span.doubt]):
            ranked = [found.line for found in search_lines(legible, query, self._resources.encode_texts)]
            first, *others = sort_by_showing(ranked)
            spans = (screen.refined(first, reading.looked_at), *others, *(span for span in spans if span.doubt))
        unknown = screen.find_unknown_letters(query)
        gaps = observation_text.describe_text_gaps(reading, unknown, end - begin)
        findings = tuple(map(observation_text.make_text_finding, spans[:count]))
        frames = self._frames.make_refs(pick_first([f.start_seconds for f in findings], 4), "small")
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
        gaps = observation_text.describe_unseen("cuts", listed.unseen_seconds)
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
        frames = self._frames.make_refs([f.start_seconds for f in findings], "small")
        gaps = observation_text.describe_unseen("changes", end - begin - seen.seen_seconds)
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
        frames = self._frames.make_refs(pick_first([found.most_at_seconds, *best], 4) if found.tracks else [], "medium")
        return replace(told, frames=frames, covered=subtract_spans(begin, end, found.unseen))

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference, always the same bytes for the same one; None where the frame is damaged."""
        return self._frames.picture(ref)

    def take_speech_of(self, other: "Toolbox") -> None:
        """Has `search` go through the speech of another video, where a control changes the pictures alone."""
        self._search.heard = other._resources

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


@cache
def _describe_tool(name: str) -> ToolSpec:
    """The spec of a tool, made once for all videos: a model of its arguments takes milliseconds."""
    return describe(getattr(Toolbox, name), left_out=("self",))
