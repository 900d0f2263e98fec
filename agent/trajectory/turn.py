"""A turn of a policy, word for word and as a move, and the step that it makes with what its calls brought."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Discriminator

from agent.trajectory.answer import Answer
from tools.observation import Amount, FrameRef, Observation, Usage

NOTHING_SPENT = Usage()


@dataclass(frozen=True)
class ToolCall:
    """A tool call that a policy asks for."""

    id: str
    """Unique within the trajectory, as in `t2c1`: turn 2, call 1."""
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Calls:
    """A turn that asks for one or several tool calls, run at the same time."""

    calls: tuple[ToolCall, ...]
    kind: Literal["calls"] = "calls"


@dataclass(frozen=True)
class Malformed:
    """A turn that is neither calls nor an answer."""

    text: str
    why: str
    kind: Literal["malformed"] = "malformed"


Move = Annotated[Calls | Answer | Malformed, Discriminator("kind")]


@dataclass(frozen=True)
class Reply:
    """What a model sent, word for word: later turns show it this again, so that no earlier token ever changes."""

    text: str
    reasoning: str = ""
    """Where the server gives the thinking apart from the text."""
    tool_calls: tuple[dict[str, Any], ...] = ()
    """Native tool calls, as the server sent them."""
    token_ids: tuple[int, ...] | None = None
    """Ids of the sampled tokens, (tokens,); None where the engine does not say."""
    logprobs: tuple[float, ...] | None = None
    """Natural logarithm of the probability of each sampled token, (tokens,); None where the engine does not say."""
    is_cut: bool = False
    """True for a reply that ended at the token limit and not by itself."""


@dataclass(frozen=True)
class Turn:
    """A policy's output: its thought, its move, and what they cost."""

    thought: str
    move: Move
    usage: Usage = NOTHING_SPENT
    reply: Reply | None = None
    """The model's reply, word for word; None for policies that are no language model."""
    is_opening: bool = False
    """True for the tool calls that the loop makes before the policy's first turn; not counted as a turn."""
    dropped: tuple[FrameRef, ...] = ()
    """Pictures shown earlier that this request left out for their text, since the policy takes only so many."""


@dataclass(frozen=True)
class Result:
    """The observation of one tool call."""

    call_id: str
    observation: Observation
    repeat_of: str | None = None
    """Id of the earlier identical call whose observation this is; None if the tool ran."""
    seconds: Amount = 0.0

    @property
    def usage(self) -> Usage | None:
        """Cost of the requests that the call made of a model; None where it made none, or repeats an earlier call."""
        return None if self.repeat_of is not None else self.observation.usage


@dataclass(frozen=True)
class Step:
    """One turn of a trajectory and its observations."""

    turn: Turn
    results: tuple[Result, ...] = ()
    notice: str = ""
    """Message of the loop to the policy: a correction, or that a limit is reached and an answer is due."""
    seconds: Amount = 0.0
    """Wall-clock seconds of all calls of the turn together."""
