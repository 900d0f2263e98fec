"""Prefix discipline (goal P9): the renderings keep it, and every known way to lose it is noticed."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from agent.policy import PolicyOptions
from agent.rendering.messages import Conversation, Message, Text
from agent.trajectory import Form, Malformed, Reply, Step, Trajectory, Turn, to_json
from evals.perf.loop_overhead import run_ten_turns
from evals.perf.prefix_cache import (
    BLOCK,
    BlockCache,
    PrefixUse,
    describe_tools,
    main,
    measure_requests,
    measure_trajectory,
    picture_tokens,
    render_requests,
    tokenise,
)
from tools.observation import FrameRef

SPECS = describe_tools()
FORMS: tuple[Form, ...] = get_args(Form)
Mutant = Callable[[Conversation, int], Conversation]


@pytest.fixture(scope="module")
def trajectory() -> Trajectory:
    """Ten turns, 36 pictures, and one turn that could not be used."""
    ended = run_ten_turns()
    slip = Step(Turn("hm", Malformed("hm", "it has neither")), notice="That turn could not be used. Answer.")
    return replace(ended, steps=(*ended.steps[:4], slip, *ended.steps[5:]))


def test_only_full_blocks_are_kept() -> None:
    cache = BlockCache()
    assert cache.prefill(range(40)) == 40
    assert cache.prefill(range(40)) == 40 - 2 * BLOCK


def test_the_last_token_is_computed_even_if_all_blocks_are_known() -> None:
    cache = BlockCache()
    cache.prefill(range(32))
    assert cache.prefill(range(32)) == BLOCK


def test_a_change_at_the_start_loses_everything_behind_it() -> None:
    cache = BlockCache()
    cache.prefill(range(64))
    assert cache.prefill([-1, *range(1, 64)]) == 64


def test_the_cache_knows_the_longest_common_beginning_with_any_earlier_request() -> None:
    draw = random.Random(5)
    cache, sent = BlockCache(), []
    for _ in range(60):
        base = draw.choice(sent) if sent and draw.random() < 0.8 else []
        tokens = [*base[: draw.randint(0, len(base))], *(draw.randint(0, 3) for _ in range(draw.randint(1, 80)))]
        shared = max((_common(tokens, other) for other in sent), default=0)
        assert cache.prefill(tokens) == len(tokens) - min(shared, len(tokens) - 1) // BLOCK * BLOCK
        sent.append(tokens)


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def test_a_default_frame_is_at_most_300_tokens() -> None:
    # 640 / 32 = 20 by 360 / 32 = 11.25, begun: 12
    assert picture_tokens(FrameRef(0.0, 360, 640)) == 240


@pytest.mark.parametrize("form", FORMS)
def test_ten_turns_with_pictures_keep_the_goal(trajectory: Trajectory, form: Form) -> None:
    use = measure_trajectory(trajectory, SPECS, form)
    assert use.turns == 10
    assert use.rewritten_turns == 0
    assert use.prefilled <= use.unique + BLOCK * use.turns
    assert use.hit >= 0.8
    assert use.is_disciplined


def _clock(conversation: Conversation, turn: int) -> Conversation:
    system, *rest = conversation.messages
    told = Message("system", (Text(f"It is 12:{turn:02d}."), *system.blocks))
    return replace(conversation, messages=(told, *rest))


def _counter(conversation: Conversation, turn: int) -> Conversation:
    system, first, *rest = conversation.messages
    counted = replace(first, blocks=(Text(f"{9 - turn} turns left."), *first.blocks))
    return replace(conversation, messages=(system, counted, *rest))


def _without_thoughts(conversation: Conversation, turn: int) -> Conversation:
    return _earlier_replies(conversation, lambda text: text.rpartition("</think>")[2])


def _serialised_again(conversation: Conversation, turn: int) -> Conversation:
    return _earlier_replies(conversation, lambda text: text.replace(": ", ":"))


def _earlier_replies(conversation: Conversation, change: Callable[[str], str]) -> Conversation:
    """All replies but the newest changed: what one request shows reads differently in the next."""
    newest = max((i for i, m in enumerate(conversation.messages) if m.reply is not None), default=0)
    messages = [
        replace(m, reply=_with_words(m.reply, change)) if m.reply is not None and i < newest else m
        for i, m in enumerate(conversation.messages)
    ]
    return replace(conversation, messages=tuple(messages))


def _with_words(reply: Reply, change: Callable[[str], str]) -> Reply:
    calls = tuple(json.loads(change(json.dumps(call))) for call in reply.tool_calls)
    return replace(reply, text=change(reply.text), tool_calls=calls)


def _summary_first(conversation: Conversation, turn: int) -> Conversation:
    system, *rest = conversation.messages
    return replace(conversation, messages=(system, Message("user", (Text("So far: " + "seen " * turn),)), *rest))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mutant", [_clock, _counter, _without_thoughts, _serialised_again, _summary_first])
def test_a_history_that_changes_is_noticed(trajectory: Trajectory, form: Form, mutant: Mutant) -> None:
    sent = list(render_requests(trajectory, SPECS, form, PolicyOptions()))
    use = measure_requests(tokenise(mutant(conversation, turn)) for turn, conversation in enumerate(sent))
    assert use.rewritten_turns > 0
    assert not use.is_disciplined


@pytest.mark.parametrize("mutant", [_clock, _counter, _summary_first])
def test_a_change_before_the_pictures_costs_several_times_as_much(trajectory: Trajectory, mutant: Mutant) -> None:
    sent = list(render_requests(trajectory, SPECS, "text", PolicyOptions()))
    assert measure_requests(tokenise(mutant(c, turn)) for turn, c in enumerate(sent)).ratio > 3


@pytest.mark.parametrize("form", FORMS)
def test_pictures_that_are_encoded_again_are_noticed(trajectory: Trajectory, form: Form) -> None:
    sent = list(render_requests(trajectory, SPECS, form, PolicyOptions()))
    use = measure_requests(tokenise(c, key=lambda ref, turn=turn: (ref, turn)) for turn, c in enumerate(sent))
    assert use.ratio > 3
    assert not use.is_disciplined


@pytest.mark.parametrize("form", FORMS)
def test_dropping_pictures_in_blocks_rewrites_seldom(trajectory: Trajectory, form: Form) -> None:
    use = measure_trajectory(trajectory, SPECS, form, PolicyOptions(max_pictures=16))
    assert use.rewritten_turns > 0
    assert not use.is_disciplined
    assert use.ratio < 2.5


def test_a_question_of_one_turn_sends_all_of_it_once() -> None:
    use = measure_requests([list(range(100))])
    assert use == PrefixUse(turns=1, prompt=100, unique=100, prefilled=100)
    assert use.hit == 0.0


def test_the_command_prints_both_forms(trajectory: Trajectory, tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text(to_json(trajectory) + "\n", encoding="utf-8")
    lines = main([str(tmp_path / "run.jsonl")]).splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:4]]
    assert [(row[0], row[1], row[2], row[-1]) for row in rows] == [("native", "10", "1", "0"), ("text", "10", "1", "0")]


def test_a_missing_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no run at"):
        main([str(tmp_path / "none.jsonl")])
