"""A video whose frames are told by their grey, one with known content, and a model that keeps what it is shown."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.policy import PolicyOptions, ToolAccess
from agent.rendering.messages import Conversation, Text, render
from agent.trajectory import Answer, Question, Setup, Trajectory, Turn
from evals.controls.subject import ControlSubject, EvidenceSpan
from tests.drawn import SECONDS, drawn_picture
from tools.toolbox import Toolbox, make_toolbox
from tools.video.generated import GeneratedVideo
from tools.video.source import VideoSource

FPS = 10
COUNTED_SECONDS = 24.0
SQUARE = (520 / 640, 270 / 360, 600 / 640, 330 / 360)
"""Where the white square of the drawn video is, on green, from second 2 to 4."""


def counted() -> GeneratedVideo:
    """240 frames of 32x18; frame n is of grey n."""

    def picture(seconds: float) -> NDArray[np.uint8]:
        return np.full((18, 32, 3), round(seconds * FPS), np.uint8)

    return GeneratedVideo(picture, name="counted", content_hash=_hash("counted"), seconds=COUNTED_SECONDS, fps=FPS)


def drawn() -> GeneratedVideo:
    """2 s of red, 2 s of green with a white square, 2 s of blue with words."""
    return GeneratedVideo(drawn_picture, name="drawn", content_hash=_hash("drawn"), seconds=SECONDS, fps=FPS)


def toolbox_of(footage: VideoSource, subtitles: Path | None = None) -> Toolbox:
    """The tools over it, with the encoder that needs no weights."""
    return make_toolbox(footage, encoder="hashing", subtitles=subtitles)


def subject(
    *evidence: EvidenceSpan, question_id: str = "q1", video: str = "drawn", text: str = "What is white?"
) -> ControlSubject:
    """A question about the drawn video."""
    return ControlSubject(
        Question(video, text, ("a square", "a disc", "a line", "a word"), question_id), "a square", evidence
    )


class Looker:
    """A model that answers at once and keeps what it was asked."""

    spec = "test:looker"
    setup = Setup("text", 0.0, 1.0, 0, 100, 10**6, None, "prompts")

    def __init__(self) -> None:
        self.conversation: Conversation | None = None
        self.jpegs: list[bytes | None] = []
        self.tools: list[str] = []

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """The first option."""
        self.tools = [spec.name for spec in sight.specs]
        self.conversation = render(trajectory, sight.specs, "text", PolicyOptions())
        self.jpegs = [sight.picture(ref) for ref in self.conversation.pictures]
        return Turn("", Answer(trajectory.question.options[0], 0))

    @property
    def words(self) -> str:
        """All that it was told."""
        assert self.conversation is not None
        return "".join(b.text for m in self.conversation.messages for b in m.blocks if isinstance(b, Text))


def _hash(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
