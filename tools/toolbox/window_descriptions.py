"""Describes windows of a video in words, by a captioner or by a model that sees.

A model's words show no frames: they stand for the parts of the window that its frames stand for.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tools import observation_text
from tools.observation import FULL_FRAME, Box, Finding, FrameRef, Observation, ToolError, Usage, to_outer_box
from tools.resources import ToolResources
from tools.runtime.spending import get_spending
from tools.sampling import crop, spread_times
from tools.toolbox.frame_server import FrameServer
from tools.video.video import Frame
from tools.vision.captioner import CaptionModel, WindowWords
from tools.vision.clip_captions import ClipCaptions

_CAPTION_FRAMES = 4
"""Frames of a window that `caption` describes; bounds its time."""
_CLIP_FRAMES = 6
"""Frames of a window that a model describes."""
_STANDING_SECONDS = 4.0
"""Seconds that one of the frames a model was shown stands for at most, as in `agent.coverage`."""


class WindowDescriber:
    """Describes windows of one video, and keeps the captions of its clips."""

    def __init__(self, resources: ToolResources, frames: FrameServer) -> None:
        self._resources = resources
        self._frames = frames
        self.captions = ClipCaptions(
            resources.video,
            resources.captions_identity,
            self._describe_clip,
            resources.cache,
            resources.on_progress,
        )

    def describe(self, begin: float, end: float, focus: str, area: Box) -> Observation:
        """The description of a part of the picture through a window.

        Args:
            begin: start of the window in seconds.
            end: end of the window, not included.
            focus: what to pay attention to, in words.
            area: the part to describe.

        Raises:
            ToolError: no frame of the window can be decoded, or the model fails.
        """
        if (model := self._resources.caption_model) is not None:
            shown = self._frames.make_refs(spread_times(begin, end, _CLIP_FRAMES), "medium", area)
            return replace(self._quote_model(model, (begin, end), shown, focus=focus), frames=shown, covered=None)
        frames = self._read_frames(begin, end)
        if not frames:
            raise ToolError(f"caption: no frame can be decoded in [{begin:g}, {end:g})")
        parts = [Frame(np.ascontiguousarray(crop(frame.pixels, area)), frame.seconds) for frame in frames]
        found = self._resources.get_captioner().describe(parts, focus)
        findings = tuple(replace(f, box=to_outer_box(f.box, area)) if f.box is not None else f for f in found)
        shown = tuple(self._frames.make_ref(frame.seconds, "small", area) for frame in frames)
        return Observation(
            observation_text.format_description(findings) or "The captioner recognises nothing.", shown, findings
        )

    def read_captions(self, begin: float, end: float) -> Observation:
        """The captions of the clips of a window; those that are missing are made.

        Args:
            begin: start of the window in seconds.
            end: end of the window, not included.

        Raises:
            ToolError: no clip could be described.
        """
        found = self.captions.make(begin, end)
        why = found.why or "there was no time for it"
        if not found.captions:
            raise ToolError(f"read_captions: no clip could be described: {why}")
        findings = tuple(map(observation_text.make_caption_finding, found.captions))
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

    def ask(self, begin: float, end: float, question: str, count: int) -> Observation:
        """The answer of the model to a question about a window.

        Args:
            begin: start of the window in seconds.
            end: end of the window, not included.
            question: what to find out.
            count: number of frames that the model is shown.

        Raises:
            ToolError: the model fails.
        """
        assert self._resources.caption_model is not None, "the tool is offered only where there is one"
        frames = self._frames.make_refs(spread_times(begin, end, count), "medium")
        return self._quote_model(self._resources.caption_model, (begin, end), frames, question)

    def _describe_clip(self, start: float, stop: float) -> WindowWords:
        """A captioner's words about a clip."""
        if (model := self._resources.caption_model) is not None:
            frames = self._frames.make_refs(spread_times(start, stop, _CLIP_FRAMES), "medium")
            return self._ask_model(model, (start, stop), frames)
        read = self._read_frames(start, stop)
        described = self._resources.get_captioner().describe(read) if read else ()
        words = " ".join(finding.text for finding in described if finding.kind == "caption")
        return WindowWords(words, Usage(), len(read))

    def _read_frames(self, begin: float, end: float) -> list[Frame]:
        """Decodes the frames that the captioner without a model describes."""
        times = spread_times(begin, end, _CAPTION_FRAMES)
        return list(self._resources.video.read(times, self._frames.fit_height("large")))

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
        words = model.look_at(window, frames, self._frames.picture, question=question, focus=focus)
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


def _stand_for(start: float, stop: float, count: int) -> tuple[tuple[float, float], ...]:
    """The parts of a window that evenly spread frames of it stand for, (start, stop) in seconds."""
    length = (stop - start) / count
    half = min(length, _STANDING_SECONDS) / 2
    if 2 * half >= length:
        return ((start, stop),)
    return tuple((t - half, t + half) for t in spread_times(start, stop, count))
