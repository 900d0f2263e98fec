"""The results of a probe, as plain data."""

from dataclasses import dataclass

from agent.policies.openai_api.dialect import Dialect
from agent.trajectory import Setup


@dataclass(frozen=True)
class Rung:
    """The result of a request with a number of pictures: a rung of the ladder."""

    pictures: int
    """Pictures that were asked for."""
    left_out: int
    """Pictures that the rendering left out, as it says in the request."""
    seen: tuple[int, ...]
    """Indices of the sent pictures that were read right, from 0, in the order in which the model named them."""
    stated: int
    """Count of different numbers that the model named, right or wrong."""
    error: str = ""
    """Why the request was refused; empty if it was not."""
    is_cut: bool = False
    """Whether the reply ended at its token limit: pictures that it did not name may have been seen."""

    @property
    def sent(self) -> int:
        """Number of pictures in the request."""
        return self.pictures - self.left_out

    @property
    def is_complete(self) -> bool:
        """True if all pictures were read, in order."""
        return not self.error and self.seen == tuple(range(self.sent))

    @property
    def is_lossy(self) -> bool:
        """True if pictures were refused or not seen, and not only one or the other misread."""
        if self.error or self.missed > self.sent / 4:
            return True
        return self.stated < self.sent

    @property
    def missed(self) -> int:
        """Number of pictures that were not read."""
        return self.sent - len(self.seen)


@dataclass(frozen=True)
class Repeat:
    """The result of one request that was sent twice."""

    once_seconds: float
    again_seconds: float
    tokens: int | None
    """Tokens of the prompt; None where nobody counts them."""
    cached_tokens: int | None
    """Tokens of the second prompt that the server had in its cache; None if it does not say."""
    is_same: bool
    """Whether both replies are the same."""


@dataclass(frozen=True)
class Charts:
    """The result of small print: one chart in a 640x360 and one in a 1280x720 picture, with digits equally high."""

    small_pixels: int | None
    """Height in pixels of the smallest digits read at 640x360; None if none were read."""
    large_pixels: int | None
    """Height in pixels of the smallest digits read at 1280x720; None if none were read."""
    error: str = ""
    """Why one of the two requests was refused; empty if none was."""


@dataclass(frozen=True)
class Bill:
    """The cost of the probe. None where one request does not say."""

    requests: int
    seconds: float
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None


@dataclass(frozen=True)
class Measured:
    """All results of a probe. None is not measured."""

    spec: str
    setup: Setup | None
    dialect: Dialect | None
    """Dialect that the server takes; None for models in process."""
    seed: int
    """Seed of the drawn numbers."""
    why_unusable: str
    """Why the first reply was no usable answer; empty if it was one."""
    first_seconds: float
    rungs: tuple[Rung, ...]
    seen_beside_question: bool | None
    """Whether a picture in the question's message is read; None if one in a tool's message was read before."""
    times_right: int | None
    """Frames of the second rung whose time and number were put together rightly; None if no time was named."""
    charts: Charts | None
    """Result of the small print; None for a model that reads no picture."""
    call_fault: str
    """What was wrong with the tool call that the model was told to make; empty if nothing was."""
    frame_tokens: float | None
    """Prompt tokens of one more 640x360 frame, its time in words included."""
    large_frame_tokens: float | None
    """Prompt tokens of one more 1280x720 frame, its time in words included."""
    repeat: Repeat | None
    has_token_ids: bool
    has_logprobs: bool
    bill: Bill
