"""Cost estimate of a question before it is asked: arithmetic on tokens, prices and limits, and nothing else.

Each turn sends everything that came before it again, so the prompts add up; nothing is taken to be cached, which most
servers would charge less for. Tokens of pictures and words are upper bounds, stated below, and differ between models.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from agent.cost.prices import Price, explain_adding
from agent.policy import Policy
from agent.trajectory import Estimate, Limits, Setup, Trajectory, Usage, VideoFacts
from tools.sampling import fit_within
from tools.toolbox import SIZES

USUAL_TURNS = 5
"""Turns of a run of usual length."""
USUAL_FRAMES = 32
"""Frames shown in a run of usual length."""
PATCH_PIXELS = 28
"""Side of the square of pixels that is one token, as in Qwen2.5-VL; Qwen3-VL's is 32, so its pictures have fewer."""
PROMPT_TOKENS = 3000
"""Tokens of system prompt, tools and question: 8,800 characters of JSON, 2,870 tokens by CLIP's vocabulary."""
USUAL_RESULT_TOKENS = 400
"""Text tokens of one turn's observations, usually."""
MOST_RESULT_TOKENS = 4000
"""Text tokens of one turn's observations at most; forty lines of speech are about 1,200."""
USUAL_REPLY_TOKENS = 250
"""Tokens that one turn samples, usually."""
USUAL_EVIDENCE_FRAMES = 4
"""Frames that a verification is shown, usually."""
USUAL_WINDOW_QUESTIONS = 2
"""Requests of a captioner beside its captions, usually."""
WINDOW_FRAMES = 8
"""Frames of a window that a captioner is shown."""
WINDOW_PROMPT_TOKENS = 250
"""Tokens of what a captioner is asked: 800 characters and the times of the frames."""
MOST_SECOND_LOOKS = 4
"""Requests of verification at most: of an answer and of the one that replaces it, each with one call of tools."""


@runtime_checkable
class Priced(Protocol):
    """A policy that pays for tokens, whether or not their price is known."""

    price: Price | None

    @property
    def host(self) -> str:
        """Name or address of the policy's server."""
        ...

    @property
    def model(self) -> str:
        """Name of the policy's model on that server."""
        ...


@dataclass(frozen=True)
class _RunShape:
    """The length of a run that a cost is estimated for."""

    turns: int
    frames: int
    frames_come_first: bool
    """True for all frames before the first turn; False for an equal share before each turn."""
    frame_tokens: int
    result_tokens: int
    reply_tokens: int
    evidence_frames: int


def estimate_for_policy(policy: Policy, start: Trajectory, *, verify: bool = True) -> Estimate | None:
    """The cost estimate of a run; 0 where no tokens are paid for, None where their price is not known.

    Args:
        policy: the policy.
        start: the trajectory before its first turn.
        verify: whether the answer is verified.
    """
    if not isinstance(policy, Priced) or policy.setup is None:
        return Estimate(0.0, 0.0)
    told_tokens = _tokens_of_earlier(start)
    if policy.price is None or told_tokens is None:
        return None
    setup = policy.setup
    facts = max(
        start.facts_by_number.values(),
        key=lambda video: count_frame_tokens(video, SIZES["large"], setup.max_frame_pixels),
    )
    return estimate_cost(facts, start.limits, setup, policy.price, verify=verify, told_tokens=told_tokens)


def _tokens_of_earlier(start: Trajectory) -> int | None:
    """Tokens that every request carries of the earlier questions; None where they were not counted."""
    tokens = [step.turn.usage.tokens for run in start.earlier for step in run.steps if not step.turn.is_opening]
    counted = [count for count in tokens if count is not None]
    return max(counted, default=0) if len(counted) == len(tokens) else None


def estimate_cost(
    facts: VideoFacts, limits: Limits, setup: Setup, price: Price, *, verify: bool = True, told_tokens: int = 0
) -> Estimate:
    """The cost estimate of a question about a video, at the usual length of a run and at most.

    Args:
        facts: the video's properties.
        limits: bounds of the run.
        setup: settings of the model, which bound replies and pictures.
        price: the model's price.
        verify: whether the answer is verified.
        told_tokens: tokens of earlier questions, which every turn sends again.
    """
    usual = _compute_cost_usd(_make_usual_shape(facts, limits, setup), price, 1 if verify else 0, told_tokens)
    longest = _make_longest_shape(facts, limits, setup)
    bounds = (
        [] if longest is None else [_compute_cost_usd(longest, price, MOST_SECOND_LOOKS if verify else 0, told_tokens)]
    )
    if limits.max_cost_usd is not None:
        bounds.append(limits.max_cost_usd)
    if price.is_free:
        bounds.append(0.0)
    most = min(bounds, default=None)
    return Estimate(usual if most is None else min(usual, most), most)


def add_captioner(estimate: Estimate | None, captioner: Policy, start: Trajectory, clips: int) -> Estimate | None:
    """The estimate with the requests of a captioner: one for each clip to begin with, and a few questions.

    Args:
        estimate: estimate of the policy's own requests.
        captioner: policy of the captioner.
        start: the trajectory before its first turn.
        clips: clips that are described before the first turn.
    """
    if not isinstance(captioner, Priced) or captioner.setup is None:
        return estimate
    if estimate is None or captioner.price is None:
        return None
    frame_tokens = count_frame_tokens(start.facts, SIZES["medium"], captioner.setup.max_frame_pixels)
    requests = clips + USUAL_WINDOW_QUESTIONS
    usage = Usage(
        prompt_tokens=requests * (WINDOW_PROMPT_TOKENS + WINDOW_FRAMES * frame_tokens),
        completion_tokens=requests * USUAL_REPLY_TOKENS,
    )
    usual = estimate.usual_usd + (captioner.price.cost_usd(usage) or 0.0)
    most = estimate.most_usd if captioner.price.is_free else start.limits.max_cost_usd
    return Estimate(usual if most is None else min(usual, most), most)


def check_cost_limit(policy: Policy, limits: Limits) -> None:
    """Checks that the cost limit, if there is one, can be kept.

    Raises:
        ValueError: the price of the policy's model is not known; says where to add it.
    """
    if limits.max_cost_usd is None or not isinstance(policy, Priced) or policy.price is not None:
        return
    raise ValueError(
        f"no price is known for {policy.model} at {policy.host}, so --max-cost can't be kept: "
        + explain_adding(policy.host, policy.model)
    )


def count_frame_tokens(facts: VideoFacts, size: tuple[int, int], max_pixels: int) -> int:
    """The number of tokens of one whole frame at most.

    Args:
        facts: the video's properties.
        size: longest and shortest side in pixels that the frame is shown at.
        max_pixels: pixel limit of a picture, above which it is made smaller.
    """
    if not facts.has_pictures:
        return 0
    longest, shortest = size
    portrait = facts.height > facts.width
    box = (shortest, longest) if portrait else (longest, shortest)
    width, height = fit_within(facts.width, facts.height, *box)
    scale = min(1.0, math.sqrt(max_pixels / (width * height)))
    return math.ceil(width * scale / PATCH_PIXELS) * math.ceil(height * scale / PATCH_PIXELS)


def _make_usual_shape(facts: VideoFacts, limits: Limits, setup: Setup) -> _RunShape:
    frames = min(USUAL_FRAMES, limits.max_frames or USUAL_FRAMES)
    return _RunShape(
        turns=min(USUAL_TURNS, limits.max_turns),
        frames=min(frames, setup.max_pictures or frames),
        frames_come_first=False,
        frame_tokens=count_frame_tokens(facts, SIZES["medium"], setup.max_frame_pixels),
        result_tokens=USUAL_RESULT_TOKENS,
        reply_tokens=min(USUAL_REPLY_TOKENS, setup.max_reply_tokens),
        evidence_frames=min(USUAL_EVIDENCE_FRAMES, frames),
    )


def _make_longest_shape(facts: VideoFacts, limits: Limits, setup: Setup) -> _RunShape | None:
    """The longest run that the limits allow; None if they allow any number of pictures."""
    bounds = [bound for bound in (limits.max_frames, setup.max_pictures) if bound is not None]
    if not bounds:
        return None
    frames = min(bounds)
    return _RunShape(
        turns=limits.max_turns,
        frames=frames,
        frames_come_first=True,
        frame_tokens=count_frame_tokens(facts, SIZES["large"], setup.max_frame_pixels),
        result_tokens=MOST_RESULT_TOKENS,
        reply_tokens=setup.max_reply_tokens,
        evidence_frames=frames,
    )


def _compute_cost_usd(shape: _RunShape, price: Price, second_looks: int, told_tokens: int) -> float:
    """The dollars of a run: turn k sends again all replies and observations before it, a verification the evidence."""
    turns = shape.turns
    times_sent = turns if shape.frames_come_first else (turns + 1) / 2  # each picture, on average
    prompt = turns * (PROMPT_TOKENS + told_tokens) + shape.frames * shape.frame_tokens * times_sent
    prompt += (shape.result_tokens + shape.reply_tokens) * turns * (turns - 1) / 2
    completion = turns * shape.reply_tokens
    prompt += second_looks * (PROMPT_TOKENS + shape.evidence_frames * shape.frame_tokens + shape.result_tokens)
    completion += second_looks * shape.reply_tokens
    cost = price.cost_usd(Usage(prompt_tokens=math.ceil(prompt), completion_tokens=completion))
    assert cost is not None, "both counts are given"
    return cost
