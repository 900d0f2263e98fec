"""What a run goes by: strategy, effort and limits, a model's settings, and the dollars it may cost."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import Field

from tools.observation import MOST_AMOUNT, Amount, Count, Probability

MOST_TURNS = 1000
"""Turns of one run at most; each turn goes through all before it, so that more would take hours."""
_LIMITS = {"max_turns": MOST_TURNS, "max_malformed": MOST_TURNS}


Strategy = Literal["direct", "reflect", "uncertain", "program"]
"""How a model goes about its question (`agent.loop.strategies`)."""


STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


Effort = Literal["low", "medium", "high"]
"""How much a question may take where its limits are not given (`agent.limits.QuestionBudget`)."""


EFFORTS: tuple[Effort, ...] = get_args(Effort)


Vote = Literal["majority", "confidence"]
"""What the vote of one of several runs weighs: one, or the confidence that it states, 1/2 where it states none."""


VOTES: tuple[Vote, ...] = get_args(Vote)


Form = Literal["native", "text"]
"""Tool calls by the server's own API, or as `<tool_call>` JSON in the text."""


@dataclass(frozen=True)
class Setup:
    """The settings that a model was asked with: what another run needs in order to be the same."""

    form: Form
    temperature: Amount
    top_p: Probability
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    max_reply_tokens: Count
    max_frame_pixels: Count
    """A picture with more pixels is sent smaller, and said to be."""
    max_pictures: Count | None
    """Pictures in one request; past it the oldest are left out for their text, in blocks."""
    prompt_hash: str
    """Hash of the prompt files, so that a changed wording shows."""
    sees_pictures: bool = True
    """False for a model that only reads: pictures are words to it."""
    left_out: tuple[str, ...] = ()
    """Parameters that the server refused and that were asked for no more, such as `temperature`."""
    adapted: tuple[str, ...] = ()
    """Other changes that the server's refusals led to, such as `system prompt in the first question`."""


@dataclass(frozen=True)
class Estimate:
    """Dollars that a question may cost, estimated before it is asked."""

    usual_usd: Amount
    """Dollars at the usual length: 5 turns and 32 frames, or the limits where these are lower."""
    most_usd: Amount | None
    """Dollars at the limits; None if nothing limits the run."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one run. A limit that is None does not bind."""

    max_turns: int = 8
    max_frames: int | None = 128
    """Pictures shown to the policy, repeats not counted."""
    max_tokens: int | None = None
    """Prompt and completion tokens, summed over turns, as far as the policy reports them."""
    max_seconds: float | None = None
    """Wall-clock seconds from the start to the answer: opening the video, turns, tools, and whatever these wait for."""
    max_malformed: int = 3
    """Malformed turns in a row that end the run."""
    max_cost_usd: float | None = None
    """US dollars, by the price table."""

    def __post_init__(self) -> None:
        for name in ("max_turns", "max_frames", "max_tokens", "max_seconds", "max_malformed", "max_cost_usd"):
            value, most = getattr(self, name), _LIMITS.get(name, MOST_AMOUNT)
            if value is not None and not 0 < value <= most:  # nor "not a number"
                raise ValueError(f"need 0 < {name} <= {most}, got {value!s:.40}")
