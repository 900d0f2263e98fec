"""Tools that stand in front of others and hand everything on: whoever changes a part of it overrides that alone."""

from typing import Any

from agent.loop.several_videos import VideoTools
from agent.policy import Tools
from tools.observation import FrameRef, Observation
from tools.schema import ToolSpec
from tools.video.source import VideoSource


class ForwardingTools:
    """Tools in front of others."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The specs of the tools that can be called."""
        return self._tools.specs

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of a call.

        Raises:
            ToolError: a mistake of the policy.
        """
        return self._tools.call(name, arguments)

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference; None where the frame is damaged."""
        return self._tools.picture(ref)


class ForwardingVideoTools(ForwardingTools):
    """Tools of a video in front of others."""

    def __init__(self, tools: VideoTools) -> None:
        super().__init__(tools)
        self._video_tools = tools

    @property
    def video(self) -> VideoSource:
        """The video that the tools look at."""
        return self._video_tools.video

    @property
    def has_subtitles(self) -> bool:
        """True for a video with subtitles."""
        return self._video_tools.has_subtitles
