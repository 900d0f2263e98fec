"""Bodies of requests. What clients send beside is ignored in a chat, since they send much; elsewhere it is refused."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.observation import MOST_VIDEOS

_MOST_TEXT = 200_000
"""Characters of a text; questions have a hundred."""
_MOST_PARTS = 4096
"""Parts of a message, of which frames are many."""

Text = Annotated[str, Field(max_length=_MOST_TEXT)]


class AskedOptions(BaseModel):
    """Options of a question: those of `Sleuth.ask`. A limit above the server's is lowered to it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    options: Annotated[list[Text], Field(max_length=100)] | None = None
    """Answers to choose from, two or more; without them the question is open."""
    task: Literal["answer", "explain", "predict"] | None = None
    subtitles: Text | None = None
    """Id of an uploaded file of subtitles, or its path in an allowed folder."""
    from_seconds: float | None = None
    """Second at which the video begins for every tool, and keeps its times."""
    until_seconds: float | None = None
    """Second at which the video ends for every tool."""
    fps: Annotated[float, Field(gt=0)] | None = None
    """Pictures a second, where the video is a folder of them."""
    audio_track: Annotated[int, Field(ge=1, le=1000)] | None = None
    picture_stream: Annotated[int, Field(ge=1, le=1000)] | None = None
    mode: Literal["look", "subtitles", "captions"] | None = None
    verify: bool | None = None
    samples: Annotated[int, Field(ge=1, le=32)] | None = None
    strategy: Literal["direct", "reflect", "uncertain", "program"] | None = None
    """How a model goes about it."""
    vote: Literal["majority", "confidence"] | None = None
    """What the vote of one of several samples weighs."""
    effort: Literal["low", "medium", "high"] | None = None
    """How many turns and frames there may be where they are not given."""
    max_turns: Annotated[int, Field(ge=1)] | None = None
    max_frames: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_seconds: Annotated[float, Field(gt=0)] | None = None
    max_cost_usd: Annotated[float, Field(gt=0)] | None = None


class JobRequest(AskedOptions):
    """A question as a job."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"video": "clip.mp4", "question": "What does the sign say?", "max_seconds": 60},
                {"video": "file-0123456789abcdef0123456789abcdef", "question": "Who wins?", "options": ["red", "blue"]},
            ]
        }
    )

    video: Text | Annotated[list[Text], Field(min_length=1, max_length=MOST_VIDEOS)]
    """Id of an upload, a path in an allowed folder, a data URI, or a URL where those are allowed; a list of such for a
    question about several videos, which are numbered from 1 in that order. The path may be that of a folder of videos,
    of which those that fit the question best are looked into, or of pictures, which are one video."""
    question: Text
    model: Annotated[str, Field(max_length=200)] | None = None
    """Who answers: one of `/v1/models`; the server's own policy if left out."""
    after: Annotated[str, Field(max_length=100)] | None = None
    """Id of the job before, whose question and answer this one follows."""


class ChatMessage(BaseModel):
    """A message of a chat."""

    role: Annotated[str, Field(max_length=50)]
    content: Text | Annotated[list[dict[str, Any]], Field(max_length=_MOST_PARTS)] | None = None


class StreamOptions(BaseModel):
    """What a stream has beside its deltas."""

    include_usage: bool | None = None


class ChatRequest(BaseModel):
    """A chat completion as OpenAI's clients ask for it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "video-sleuth",
                    "messages": [
                        {
                            "role": "user",
                            "content": [
                                {"type": "text", "text": "What does the sign say?"},
                                {"type": "file", "file": {"file_id": "file-0123456789abcdef0123456789abcdef"}},
                            ],
                        }
                    ],
                    "video_sleuth": {"max_seconds": 60},
                }
            ]
        }
    )

    model: Annotated[str, Field(max_length=200)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1000)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    video_sleuth: AskedOptions | None = None
