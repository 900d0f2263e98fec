"""What a probe found out about a model, as plain data."""

from dataclasses import dataclass

from agent.policies.openai_api.dialect import Dialect
from agent.trajectory import Setup


@dataclass(frozen=True)
class Rung:
    """What became of so many pictures in one request."""

    pictures: int
    """Asked for."""
    left_out: int
    """By the rendering, which says so."""
    seen: tuple[int, ...]
    """Which of those sent were read right, counted from 0, in the order in which the model named them."""
    stated: int
    """Different numbers that the model named, right or wrong."""
    error: str = ""
    """Why the request was refused."""
    is_cut: bool = False
    """Whether the reply ended at its token limit: what it did not name may have been seen."""

    @property
    def sent(self) -> int:
        """Pictures that were in the request."""
        return self.pictures - self.left_out

    @property
    def is_complete(self) -> bool:
        """True if every picture was read, in order."""
        return not self.error and self.seen == tuple(range(self.sent))

    @property
    def is_lossy(self) -> bool:
        """True if pictures were refused or not seen, and not only one or the other misread."""
        if self.error or self.missed > self.sent / 4:
            return True
        return self.stated < self.sent

    @property
    def missed(self) -> int:
        """Pictures whose number was not read."""
        return self.sent - len(self.seen)


@dataclass(frozen=True)
class Repeat:
    """The very same request, sent twice."""

    once_seconds: float
    again_seconds: float
    tokens: int | None
    """Of the prompt."""
    cached_tokens: int | None
    """Those of the second prompt that the server had kept; None if it does not say."""
    is_same: bool
    """Whether both replies say the same."""


@dataclass(frozen=True)
class Charts:
    """Small print: the same heights in pixels in a 640x360 and in a 1280x720 picture."""

    small_pixels: int | None
    """Height of the smallest digits read at 640x360; None if none were read."""
    large_pixels: int | None
    """The same at 1280x720."""
    error: str = ""
    """Why one of the two was refused."""


@dataclass(frozen=True)
class Bill:
    """What the probe itself took. None where one request does not say."""

    requests: int
    seconds: float
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None


@dataclass(frozen=True)
class Measured:
    """Everything that was found out. None is not measured."""

    spec: str
    setup: Setup | None
    dialect: Dialect | None
    """How a server had to be asked; None for models in process."""
    seed: int
    """Of the numbers drawn."""
    why_unusable: str
    """Why the first reply was no answer; empty if it was one."""
    first_seconds: float
    rungs: tuple[Rung, ...]
    seen_beside_question: bool | None
    """Whether the picture is read when it stands in the question's message; only asked if none was in a tool's."""
    times_right: int | None
    """Of the frames of the second rung: those whose time and number were put together rightly; None if not told."""
    charts: Charts | None
    """None for a model that reads no picture."""
    call_fault: str
    """What was wrong with the tool call that it was told to make; empty if nothing was."""
    frame_tokens: float | None
    """Prompt tokens that one more 640x360 frame takes, its time in words included."""
    large_frame_tokens: float | None
    """The same for a 1280x720 frame."""
    repeat: Repeat | None
    has_token_ids: bool
    has_logprobs: bool
    bill: Bill
