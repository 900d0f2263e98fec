"""What a question may cost, checked by hand, and the cost limit that nobody could keep."""

import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cost import estimate as subject
from agent.cost.estimate import (
    add_captioner,
    check_cost_limit,
    count_frame_tokens,
    estimate_cost,
    estimate_for_policy,
)
from agent.cost.prices import Price, find_price
from agent.policies.http import HttpPolicy
from agent.policies.registry import open_policy
from agent.policies.scripted import ScriptedPolicy
from agent.policy import PolicyOptions
from agent.trajectory import Estimate, Limits, Question, Setup, Trajectory, VideoFacts

FACTS = VideoFacts("h", 60.0, 1280, 720)
SETUP = Setup(
    "native", 0.0, 1.0, 0, max_reply_tokens=100, max_frame_pixels=1280 * 720, max_pictures=None, prompt_hash=""
)
DOLLAR = Price(("*",), ("*",), 1.0, 10.0, datetime.date(2026, 1, 1), "here")
"""A dollar a million tokens in, ten out."""


@pytest.mark.parametrize(
    ("facts", "size", "tokens"),
    [
        (FACTS, (640, 360), 23 * 13),
        (FACTS, (1280, 720), 46 * 26),
        (VideoFacts("h", 60.0, 720, 1280), (640, 360), 13 * 23),  # portrait
        (VideoFacts("h", 60.0, 100, 100), (640, 360), 4 * 4),  # never shown larger than it is
    ],
)
def test_a_frame_is_as_many_tokens_as_it_has_squares_of_28(
    facts: VideoFacts, size: tuple[int, int], tokens: int
) -> None:
    assert count_frame_tokens(facts, size, 10**9) == tokens


def test_a_pixel_limit_makes_a_frame_smaller() -> None:
    assert count_frame_tokens(FACTS, (1280, 720), 640 * 360) == 23 * 13


def test_two_turns_and_one_frame_by_hand() -> None:
    game = Limits(max_turns=2, max_frames=1)
    # both turns send the prompt, the second also what the first brought and said
    usual_prompt = 2 * subject.PROMPT_TOKENS + 1.5 * 299 + subject.USUAL_RESULT_TOKENS + 100
    most_prompt = 2 * subject.PROMPT_TOKENS + 2 * 1196 + subject.MOST_RESULT_TOKENS + 100
    result = estimate_cost(FACTS, game, SETUP, DOLLAR, verify=False)
    assert result.usual_usd == pytest.approx((usual_prompt + 10 * 200) / 1e6, abs=2e-6)
    assert result.most_usd == pytest.approx((most_prompt + 10 * 200) / 1e6, abs=2e-6)


def test_the_second_look_costs_too_once_as_a_rule_and_four_requests_at_most() -> None:
    game = Limits(max_turns=2, max_frames=1)
    given, without = (estimate_cost(FACTS, game, SETUP, DOLLAR, verify=verify) for verify in (True, False))
    usual = subject.PROMPT_TOKENS + 299 + subject.USUAL_RESULT_TOKENS + 10 * 100
    most = 4 * (subject.PROMPT_TOKENS + 1196 + subject.MOST_RESULT_TOKENS + 10 * 100)
    assert given.usual_usd - without.usual_usd == pytest.approx(usual / 1e6, abs=2e-6)
    assert given.most_usd is not None
    assert without.most_usd is not None
    assert given.most_usd - without.most_usd == pytest.approx(most / 1e6, abs=2e-6)


def test_usual_is_never_more_than_the_most() -> None:
    for limits in (Limits(), Limits(max_turns=1, max_frames=1), Limits(max_cost_usd=0.001)):
        result = estimate_cost(FACTS, limits, SETUP, DOLLAR)
        assert result.most_usd is not None
        assert result.usual_usd <= result.most_usd


def test_without_a_limit_of_frames_there_is_no_most() -> None:
    assert estimate_cost(FACTS, Limits(max_frames=None), SETUP, DOLLAR).most_usd is None
    assert estimate_cost(FACTS, Limits(max_frames=None, max_cost_usd=0.5), SETUP, DOLLAR).most_usd == 0.5


def test_what_is_free_costs_nothing_and_what_is_unknown_is_none() -> None:
    start = Trajectory(Question("v", "what?"), FACTS)
    local = open_policy("http:m@http://localhost:1/v1")
    assert estimate_for_policy(local, start) == Estimate(0.0, 0.0)
    assert estimate_for_policy(ScriptedPolicy(()), start) == Estimate(0.0, 0.0)
    assert estimate_for_policy(open_policy("http:m@http://gpu-box:8000/v1"), start) is None


def test_a_hosted_model_of_a_known_price_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    known = estimate_for_policy(open_policy("http:gpt-5-mini@openai"), Trajectory(Question("v", "what?"), FACTS))
    assert known is not None
    assert known.most_usd is not None
    assert 0.005 < known.usual_usd < 0.05 < known.most_usd < 1


def test_a_cost_limit_without_a_price_says_what_to_add_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = HttpPolicy("m@http://gpu-box:8000/v1", PolicyOptions())
    check_cost_limit(policy, Limits())
    with pytest.raises(ValueError, match=r"m at gpu-box, so --max-cost can't be kept: .*VIDEOSLEUTH_PRICES") as refused:
        check_cost_limit(policy, Limits(max_cost_usd=1.0))
    # the entry that it shows is one that works
    (tmp_path / "mine.toml").write_text(str(refused.value)[str(refused.value).index("[[price]]") :], encoding="utf-8")
    monkeypatch.setenv("VIDEOSLEUTH_PRICES", str(tmp_path / "mine.toml"))
    assert find_price("gpu-box", "m") is not None
    check_cost_limit(HttpPolicy("m@http://gpu-box:8000/v1", PolicyOptions()), Limits(max_cost_usd=1.0))


class PricedCaptioner(ScriptedPolicy):
    """Stands for a captioner behind a server."""

    host, model, setup = "h", "m", SETUP

    def __init__(self, price: Price | None) -> None:
        super().__init__(())
        self.price = price


def test_the_requests_of_a_captioner_are_in_the_estimate() -> None:
    start = Trajectory(Question("v.mp4", "q"), FACTS)
    alone = Estimate(0.01, 0.05)
    clips = 6 + subject.USUAL_WINDOW_QUESTIONS
    dollars = clips * (subject.WINDOW_PROMPT_TOKENS + 8 * 299 + 10 * subject.USUAL_REPLY_TOKENS) / 1e6
    both = add_captioner(alone, PricedCaptioner(DOLLAR), start, clips=6)
    assert both is not None
    assert (both.usual_usd, both.most_usd) == (pytest.approx(0.01 + dollars), None)
    bound = replace(start, limits=Limits(max_cost_usd=0.02))
    assert add_captioner(alone, PricedCaptioner(DOLLAR), bound, clips=6) == Estimate(0.02, 0.02)
    assert add_captioner(alone, PricedCaptioner(None), start, clips=6) is None
    assert add_captioner(alone, ScriptedPolicy(()), start, clips=6) == alone
