"""The tools of several videos as one set: each takes the number of the video that it looks at, and says it again."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Protocol

from pydantic import Field, create_model

from agent.policy import Tools
from tools.observation import FrameRef, Observation, ToolError
from tools.schema import ToolSpec, validate
from tools.video.source import VideoSource


class VideoTools(Tools, Protocol):
    """The tools of a video with the video's properties: a `Toolbox`, or what stands in front of one."""

    @property
    def video(self) -> VideoSource:
        """The video that the tools look at."""
        ...

    @property
    def has_subtitles(self) -> bool:
        """True for a video with subtitles."""
        ...


class SeveralVideos:
    """The tools of several videos, numbered from 1 in the order given."""

    def __init__(self, videos: Sequence[VideoTools]) -> None:
        self.videos = tuple(videos)
        """Tools of each video by itself."""
        self._specs: dict[str, ToolSpec] = {}
        for spec in (spec for video in videos for spec in video.specs):
            self._specs.setdefault(spec.name, _add_number(spec, len(videos)))

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Every tool that one of the videos has, with the number of the video as a further argument."""
        return tuple(self._specs.values())

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of one tool call, its frames under the number of their video.

        Raises:
            ToolError: a mistake of the policy.
        """
        if name not in self._specs:
            raise ToolError(f"no tool {name!r:.80}; the tools are {', '.join(self._specs)}")
        checked = validate(self._specs[name], arguments)
        number: int = checked.pop("video")
        try:
            seen = self.videos[number - 1].call(name, checked)
        except ToolError as mistake:
            raise ToolError(f"video {number}: {mistake}") from None
        return replace(seen, frames=tuple(replace(frame, video=number) for frame in seen.frames), video=number)

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference; None where the frame is damaged, or of no video here."""
        if ref.video is None or ref.video > len(self.videos):
            return None
        return self.videos[ref.video - 1].picture(replace(ref, video=None))


def _add_number(spec: ToolSpec, count: int) -> ToolSpec:
    if "video" in spec.arguments.model_fields:
        raise ValueError(f"{spec.name} has an argument `video` of its own: with several videos that is their number")
    number: Any = (Annotated[int, Field(ge=1, le=count)], Field(description=f"number of the video, 1 to {count}."))
    return ToolSpec(spec.name, spec.description, create_model(spec.name, __base__=spec.arguments, video=number))
