"""The form of a turn, read word for word."""

from dataclasses import replace

import pytest

from agent.rendering.reply_parser import parse_reply
from agent.trajectory import Calls, Reply, Step, Trajectory, Turn, Usage
from rl.attacks import write_answer, write_look
from rl.rewards.scripted_runs import run_script
from rl.rewards.turns import is_strict
from tests.rl.cases import MESSY, OPEN, RIGHT, run, value

CALL = '<tool_call>{"name": "select_frames", "arguments": {"start": 1, "stop": 2}}</tool_call>'


def strict(text: str, **reply: object) -> bool | None:
    turn = parse_reply(Reply(text, **reply), Usage(), run())  # type: ignore[arg-type]
    return is_strict(Step(turn))


@pytest.mark.parametrize(
    "text",
    [
        "<think>so</think><answer>Paris</answer>",
        "\n<think>\nso\n</think>\n\n<answer>\nParis\n</answer>\n",
        f"<think>so</think>{CALL}",
        f"<think>so</think>\n{CALL}\n{CALL}\n",
        "so</think><answer>Paris</answer>",  # the chat template has opened it
    ],
)
def test_thinking_and_then_one_of_the_two_is_in_form(text: str) -> None:
    assert strict(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "<answer>Paris</answer>",
        "<think></think><answer>Paris</answer>",
        "<think>  </think><answer>Paris</answer>",
        "<think>so</think><answer>Paris",
        "Well. <think>so</think><answer>Paris</answer>",
        "<think>so</think>So: <answer>Paris</answer>",
        "<think>so</think><answer>Paris</answer> I am sure.",
        "<think>so</think><think>so</think><answer>Paris</answer>",
        "<think>so <answer>Rome</answer></think><answer>Paris</answer>",
        f"<think>so</think>{CALL}<answer>Paris</answer>",
        f"<think>so</think>{CALL} and {CALL}",
        "<think>so</think><tool_call>{}</tool_call>",
        "<think>so",
        "Paris",
        "",
    ],
)
def test_everything_else_is_not(text: str) -> None:
    assert strict(text) is False


def test_native_calls_and_reasoning_are_a_form_too() -> None:
    call = {"function": {"name": "select_frames", "arguments": {"start": 1, "stop": 2}}}
    assert strict("", reasoning="so", tool_calls=(call,)) is True
    assert strict("", tool_calls=(call,)) is False  # no thought
    assert strict("<answer>Paris</answer>", reasoning="so") is True


def test_a_turn_without_a_reply_has_no_form() -> None:
    assert is_strict(Step(Turn("so", Calls(())))) is None


def test_all_turns_must_be_in_form_and_the_last_must_answer() -> None:
    assert value("format_all", run(*RIGHT)) == 1.0
    assert value("format_all", run(*MESSY)) == 0.0
    assert value("format_all", run("Hm.", *RIGHT)) == 0.0
    only_calls = replace(run(write_look(1, 2)), stop=run(*RIGHT).stop)
    assert value("format_all", only_calls) == 0.0


def test_shares_count_turns() -> None:
    trajectory = run("Hm.", "<answer>Paris</answer>")
    assert value("format_share", trajectory) == 0.0
    assert value("parse_rate", trajectory) == 0.5
    assert value("format_share", run("Hm.", *RIGHT)) == pytest.approx(2 / 3)


def test_an_opening_look_is_no_turn_of_the_policy() -> None:
    opened = run(*RIGHT)
    first = replace(opened.steps[0], turn=replace(opened.steps[0].turn, is_opening=True, reply=None))
    assert value("format_all", replace(opened, steps=(first, *opened.steps[1:]))) == 1.0


def test_an_answer_that_is_too_long_is_out_of_form() -> None:
    assert value("format_all", run(write_answer("x" * 999)), max_answer_characters=1000) == 1.0
    assert value("format_all", run(write_answer("x" * 1000)), max_answer_characters=1000) == 0.0


def test_evidence_is_half_of_open_o3s_form() -> None:
    assert value("format_evidence", run(*RIGHT)) == 1.0
    assert value("format_evidence", run(write_answer("Paris"))) == 0.5
    assert value("format_evidence", run("<answer>Paris</answer>")) == 0.0


@pytest.mark.parametrize(
    ("replies", "worth"),
    [
        # .2 thought + .5 answer + .5 (.4 + .3) + .1 balanced = 1.15, at most 1
        ((write_answer("Paris"),), 1.0),
        # .5 answer + .1 balanced
        (("<answer>Paris</answer>",), 0.6),
        # a thought under ten characters is none: .5 + .1
        (("<think>so</think><answer>Paris</answer>",), 0.6),
        # .2 thought - .5 * .3 left open, three times written and once paid; not balanced
        (("<think>long enough",) * 3, 0.05),
        # tags without anything in them are worth nothing, not even the balance
        (("<think></think><answer></answer>",) * 3, 0.0),
    ],
)
def test_the_anchored_format_by_hand(replies: tuple[str, ...], worth: float) -> None:
    assert value("format_anchored", run(*replies)) == pytest.approx(worth)


def test_thinking_after_the_call_is_not_thinking_before_it() -> None:
    # .2 + .5 + .5 (.4 + .3) + .1 reaches 1 without it, so with an anchor of 0: .2 + .5 + .1 + .3 if thought of first
    late = run(CALL, write_answer("Paris"))
    early = run(write_look(1, 2), write_answer("Paris"))
    assert value("format_anchored", late, anchor=0.0) == pytest.approx(0.8)
    assert value("format_anchored", early, anchor=0.0) == 1.0


def test_length_counts_characters_of_thought_in_all_turns() -> None:
    trajectory = run(write_look(41, 49, "x" * 300), write_answer("Paris", thought="y" * 300))
    assert value("format_and_length", trajectory) == pytest.approx(0.75)
    assert value("format_and_length", run("<answer>Paris</answer>")) == 0.0


def test_tokens_are_those_that_were_sampled() -> None:
    assert value("tokens_within", run(write_answer("Paris", thought="x" * 1600))) == 1.0
    assert value("tokens_within", run(write_answer("Paris"))) == 0.0
    uncounted = run(write_answer("Paris"))
    last = replace(uncounted.steps[-1], turn=replace(uncounted.steps[-1].turn, usage=Usage()))
    assert value("tokens_within", replace(uncounted, steps=(last,))) is None
    assert value("overlong", replace(uncounted, steps=(last,))) is None


@pytest.mark.parametrize(("sampled", "worth"), [(80, 0.0), (85, -0.25), (90, -0.5), (100, -1.0), (101, -1.0)])
def test_too_long_is_punished_softly(sampled: int, worth: float) -> None:
    # equation 13 with most 100 and soft 20: from 80 on a twentieth a token
    replied = run(write_answer("Paris"))
    last = replace(replied.steps[-1], turn=replace(replied.steps[-1].turn, usage=Usage(completion_tokens=sampled)))
    once = replace(replied, steps=(last,))
    assert value("overlong", once, most_tokens=100, soft_tokens=20) == pytest.approx(worth)


def test_a_run_written_by_hand_goes_through_the_real_rule() -> None:
    trajectory: Trajectory = run_script(OPEN, [write_look(5, 2), *RIGHT, "not played"])
    assert [result.observation.is_error for result in trajectory.results] == [True, False]
    assert trajectory.turns == 3
