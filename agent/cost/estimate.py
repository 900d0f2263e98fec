"""What a question may cost, before it is asked: arithmetic on tokens, prices and limits, and nothing else.

Each turn sends everything that came before it again, so the prompts add up; nothing is taken to be cached, which most
servers would charge less for. Tokens of pictures and words are upper bounds, stated below, and differ between models.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from agent.cost.prices import Price, how_to_add
from agent.policy import Policy
from agent.trajectory import Estimate, Limits, Setup, Trajectory, Usage, VideoFacts
from tools.sampling import fit_within
from tools.toolbox import SIZES

USUAL_TURNS = 5
USUAL_FRAMES = 32
PATCH_PIXELS = 28
"""A side of the square that is one token, as in Qwen2.5-VL; Qwen3-VL's is 32, so that its pictures have fewer."""
PROMPT_TOKENS = 3000
"""System prompt, tools and question: 8,800 characters of JSON, 2,870 tokens by CLIP's vocabulary."""
USUAL_RESULT_TOKENS = 400
MOST_RESULT_TOKENS = 4000
"""Words that the tools of one turn bring; forty lines of speech are about 1,200."""
USUAL_REPLY_TOKENS = 250
USUAL_EVIDENCE_FRAMES = 4
MOST_SECOND_LOOKS = 4
"""Requests of the second look: it is taken of an answer and of what is answered after it, and may call tools once."""


@runtime_checkable
class Priced(Protocol):
    """A policy whose tokens have a price, or would have if it were known."""

    price: Price | None

    @property
    def host(self) -> str:
        """Name or address of its server."""
        ...

    @property
    def model(self) -> str:
        """Name of its model there."""
        ...


@dataclass(frozen=True)
class _RunShape:
    """How long a game is taken to be."""

    turns: int
    frames: int
    frames_come_first: bool
    """All before the first turn; otherwise evenly, a share before each."""
    frame_tokens: int
    result_tokens: int
    reply_tokens: int
    evidence_frames: int


def estimated(policy: Policy, start: Trajectory, *, verify: bool = True) -> Estimate | None:
    """What a question may cost; 0 where no tokens are paid for, None where their price is not known.

    Args:
        policy: who plays.
        start: the question before its first turn.
        verify: whether the second look at the evidence is taken.
    """
    if not isinstance(policy, Priced) or policy.setup is None:
        return Estimate(0.0, 0.0)
    if policy.price is None:
        return None
    return estimate(start.facts, start.limits, policy.setup, policy.price, verify=verify)


def estimate(facts: VideoFacts, limits: Limits, setup: Setup, price: Price, *, verify: bool = True) -> Estimate:
    """What a question about such a video may cost at its usual length and at most."""
    usual = _cost_usd(_usual(facts, limits, setup), price, 1 if verify else 0)
    longest = _longest(facts, limits, setup)
    bounds = [] if longest is None else [_cost_usd(longest, price, MOST_SECOND_LOOKS if verify else 0)]
    if limits.max_cost_usd is not None:
        bounds.append(limits.max_cost_usd)
    if price.is_free:
        bounds.append(0.0)
    most = min(bounds, default=None)
    return Estimate(usual if most is None else min(usual, most), most)


def check_cost_limit(policy: Policy, limits: Limits) -> None:
    """Passes where the cost limit can be kept, or where there is none.

    Raises:
        ValueError: the policy costs nobody knows what; says where to add its price.
    """
    if limits.max_cost_usd is None or not isinstance(policy, Priced) or policy.price is not None:
        return
    raise ValueError(
        f"no price is known for {policy.model} at {policy.host}, so --max-cost can't be kept: "
        + how_to_add(policy.host, policy.model)
    )


def frame_tokens(facts: VideoFacts, size: tuple[int, int], max_pixels: int) -> int:
    """The most tokens that one whole frame is, shown at a size (longest and shortest side) and within a pixel limit."""
    longest, shortest = size
    portrait = facts.height > facts.width
    box = (shortest, longest) if portrait else (longest, shortest)
    width, height = fit_within(facts.width, facts.height, *box)
    scale = min(1.0, math.sqrt(max_pixels / (width * height)))
    return math.ceil(width * scale / PATCH_PIXELS) * math.ceil(height * scale / PATCH_PIXELS)


def _usual(facts: VideoFacts, limits: Limits, setup: Setup) -> _RunShape:
    frames = min(USUAL_FRAMES, limits.max_frames or USUAL_FRAMES)
    return _RunShape(
        turns=min(USUAL_TURNS, limits.max_turns),
        frames=min(frames, setup.max_pictures or frames),
        frames_come_first=False,
        frame_tokens=frame_tokens(facts, SIZES["medium"], setup.max_frame_pixels),
        result_tokens=USUAL_RESULT_TOKENS,
        reply_tokens=min(USUAL_REPLY_TOKENS, setup.max_reply_tokens),
        evidence_frames=min(USUAL_EVIDENCE_FRAMES, frames),
    )


def _longest(facts: VideoFacts, limits: Limits, setup: Setup) -> _RunShape | None:
    """The longest game that the limits allow; None if they allow any number of pictures."""
    bounds = [bound for bound in (limits.max_frames, setup.max_pictures) if bound is not None]
    if not bounds:
        return None
    frames = min(bounds)
    return _RunShape(
        turns=limits.max_turns,
        frames=frames,
        frames_come_first=True,
        frame_tokens=frame_tokens(facts, SIZES["large"], setup.max_frame_pixels),
        result_tokens=MOST_RESULT_TOKENS,
        reply_tokens=setup.max_reply_tokens,
        evidence_frames=frames,
    )


def _cost_usd(game: _RunShape, price: Price, second_looks: int) -> float:
    """Turn k sends again what the k - 1 turns before it said and brought, a second look the evidence."""
    turns = game.turns
    times_sent = turns if game.frames_come_first else (turns + 1) / 2  # each picture, on average
    prompt = turns * PROMPT_TOKENS + game.frames * game.frame_tokens * times_sent
    prompt += (game.result_tokens + game.reply_tokens) * turns * (turns - 1) / 2
    completion = turns * game.reply_tokens
    prompt += second_looks * (PROMPT_TOKENS + game.evidence_frames * game.frame_tokens + game.result_tokens)
    completion += second_looks * game.reply_tokens
    cost = price.cost_usd(Usage(prompt_tokens=math.ceil(prompt), completion_tokens=completion))
    assert cost is not None, "both counts are given"
    return cost
