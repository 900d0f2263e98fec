"""Servers that say what a person would understand, or refuse what can be asked for otherwise; and hostile ones."""

import base64
import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from agent.loop.ask import ask
from agent.policies.openai_api.client import MAX_LOADING_SECONDS
from agent.policies.openai_api.waiting import read_wait_seconds
from agent.policy import PolicyError
from agent.trajectory import (
    Answer,
    Calls,
    Limits,
    Malformed,
    Question,
    Result,
    Step,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    VideoFacts,
    to_json,
)
from tests.agent.fake_server import (
    FakeServer,
    Request,
    Say,
    delta,
    dripping,
    fail,
    in_turn,
    raw,
    silent_for,
    stream,
    when,
)
from tests.agent.fake_server import call as native_call
from tests.agent.odd_servers import BLUE, OK, REFUSALS, REPLIES, calls, fn
from tests.agent.test_http import NoTools, Waits, asked, one_turn, policy
from tests.drawn import write_drawn
from tools.observation import Observation
from tools.toolbox import Toolbox, open_toolbox

TWO_CALLS = (
    "calls without ids",
    "calls with empty ids",
    "calls with the same id",
    "streamed calls with one index and no ids",
    "streamed calls of one tool with one index and one id",
    "two objects as the arguments of one call",
)


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    folder = tmp_path_factory.mktemp("odd")
    with open_toolbox(write_drawn(folder / "clip.mp4"), encoder="hashing", cache=folder / "cache") as toolbox:
        toolbox.index.wait_tiled()
        yield toolbox


def start(**changed: Any) -> Trajectory:
    return replace(Trajectory(Question("v", "what?"), VideoFacts("h", 6.0, 640, 360)), **changed)


# ---- replies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_that_a_person_understands_is_understood(toolbox: Toolbox, name: str) -> None:
    ended, server = asked(toolbox, *REPLIES[name])
    assert ended.stop is Stop.ANSWERED, ended.error
    assert ended.answer is not None
    assert ended.answer.text == "blue"
    assert not [step for step in ended.steps if isinstance(step.turn.move, Malformed)]
    assert not any(result.observation.is_error for result in ended.results)
    assert len(server.requests) == len(REPLIES[name])  # nothing had to be said twice
    assert len(ended.calls) - 1 == (2 if name in TWO_CALLS else len(REPLIES[name]) - 1)  # the game looks first
    sent = [call["id"] for m in server.requests[-1].body["messages"] for call in m.get("tool_calls", ())]
    assert len(set(sent)) == len(sent)
    assert all(sent)


def test_what_is_sent_back_is_the_text_of_an_object_whatever_the_server_sent(toolbox: Toolbox) -> None:
    _, server = asked(toolbox, calls(fn("zoom", "{no json", id="a")), calls(fn("overview", {"count": 2}, id="b")), OK)
    sent = [c["function"]["arguments"] for m in server.requests[-1].body["messages"] for c in m.get("tool_calls", ())]
    assert [json.loads(arguments) for arguments in sent] == [{"unreadable": "{no json"}, {"count": 2}]


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("a fraction of a token", (None, 3)),
        ("tokens without end", (None, 3)),
        ("odd fields nobody needs", (None, None)),
    ],
)
def test_a_number_that_can_not_be_read_is_unknown_and_not_zero(name: str, usage: tuple[int | None, int | None]) -> None:
    told = one_turn(*REPLIES[name]).usage
    assert (told.prompt_tokens, told.completion_tokens) == usage


def test_a_stream_that_breaks_off_without_an_end_is_still_asked_for_again() -> None:
    assert one_turn(stream(delta(content=BLUE), is_ended=False), OK).thought == "seen"
    assert one_turn(stream(), OK).thought == "seen"  # an end and nothing before it


# ---- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_with_a_known_cure_is_cured_once_and_recorded(toolbox: Toolbox, name: str) -> None:
    script, recorded = REFUSALS[name]
    waits = Waits()
    with FakeServer(*script) as server:
        playing = policy(server, waits)
        ended = ask(Question("clip.mp4", "Which colour is last?"), toolbox, playing, verify=False)
        before = len(server.requests)
        again = ask(Question("clip.mp4", "Which colour is last?"), toolbox, playing, verify=False)
    assert ended.answer is not None, ended.error
    assert ended.answer.text == "blue"
    assert waits.waits == []  # a refusal does not pass by waiting
    assert ended.setup is not None
    assert not recorded or recorded in ended.setup.adapted
    assert again.answer is not None  # remembered: no request was refused twice
    assert len(server.requests) - before == 1


def test_the_system_prompt_and_the_question_become_one_message(toolbox: Toolbox) -> None:
    script, _ = REFUSALS["system role"]
    _, server = asked(toolbox, *script)
    refused, taken = (request.body["messages"] for request in server.requests)
    assert [message["role"] for message in taken] == ["user"]
    words = "".join(part.get("text", "") for part in taken[0]["content"])
    assert words.startswith(refused[0]["content"])
    assert "Which colour is last?" in words


def test_temperature_is_kept_where_one_of_two_has_to_go(toolbox: Toolbox) -> None:
    script, _ = REFUSALS["temperature beside top_p"]
    ended, server = asked(toolbox, *script)
    assert ended.setup is not None
    assert ended.setup.left_out == ("top_p",)
    assert server.requests[-1].body["temperature"] == 0.0


# ---- no room ----------------------------------------------------------------------------------------------------

FULL = fail(400, "the request exceeds the available context size. try increasing the context size")
LOOK = calls(fn("select_frames", '{"start": 0, "stop": 6, "count": 16}', id="a"))


def test_a_full_context_is_asked_again_with_fewer_pictures(toolbox: Toolbox, caplog: pytest.LogCaptureFixture) -> None:
    script = when(lambda request: len(request.images) > 12, FULL, in_turn(LOOK, OK))
    ended, server = asked(toolbox, script)
    assert ended.stop is Stop.ANSWERED
    assert [len(request.images) for request in server.requests][-1] <= 12
    assert ended.setup is not None
    assert ended.setup.max_pictures is not None
    assert ended.steps[-1].turn.dropped  # and what was left out is on record
    assert "asked again with" in caplog.text


@pytest.mark.parametrize(
    "words",
    [
        "At most 3 image(s) may be provided in one prompt.",
        "Too many images provided. This model supports up to 3 images",
        "The number of images exceeds the limit of 3 images",
    ],
)
def test_the_number_of_pictures_that_a_server_names_is_the_number_sent(toolbox: Toolbox, words: str) -> None:
    script = when(lambda request: len(request.images) > 3, fail(400, words), in_turn(LOOK, OK))
    ended, server = asked(toolbox, script)
    assert ended.stop is Stop.ANSWERED
    assert [len(request.images) > 3 for request in server.requests].count(True) == 1
    assert ended.setup is not None
    assert ended.setup.max_pictures == 3


def told_much(count: int) -> Trajectory:
    """A run of so many steps, each of which brought a page of words."""
    steps = []
    for number in range(1, count + 1):
        call = ToolCall(f"t{number}c1", "read_speech", {"start": float(number)})
        page = Result(call.id, Observation("word " * 1000))
        steps.append(Step(Turn("", Calls((call,))), (page,)))
    return start(steps=tuple(steps))


@pytest.mark.parametrize(
    ("room", "recorded"),
    [(30_000, "2000 characters a result"), (14_000, "400 characters a result"), (6_000, "1 step of the past")],
)
def test_a_context_full_of_words_gets_shorter_ones_and_then_the_last_step_alone(room: int, recorded: str) -> None:
    def length(request: Request) -> int:
        return len(json.dumps(request.body["messages"]))

    with FakeServer(when(lambda request: length(request) > room, FULL, OK)) as server:
        playing = policy(server)
        turn = playing(told_much(12), NoTools())
    assert isinstance(turn.move, Answer)
    assert recorded in playing.setup.adapted
    last = json.dumps(server.requests[-1].body["messages"])
    assert "left out to save room" in last
    assert ("There is no room for more" in last) == (recorded == "1 step of the past")


def test_a_server_without_room_for_anything_is_left_with_the_options_to_change(toolbox: Toolbox) -> None:
    ended, server = asked(toolbox, FULL)
    assert ended.stop is Stop.POLICY_FAILED
    assert "exceeds the available context size" in ended.error
    for option in ("--max-frames", "--max-frame-pixels", "-c", "num_ctx"):
        assert option in ended.error
    assert len(server.requests) < 10


def test_thinking_that_eats_the_limit_gets_more_of_it_once(caplog: pytest.LogCaptureFixture) -> None:
    cut = Say("", reasoning="on and on", finish_reason="length")
    with FakeServer(when(lambda request: request.body["max_tokens"] < 2000, cut, OK)) as server:
        playing = policy(server)
        playing(start(), NoTools())
        playing(start(), NoTools())
    assert [request.body["max_tokens"] for request in server.requests] == [1024, 4096, 4096]
    assert "--max-reply-tokens" in caplog.text
    assert playing.setup.max_reply_tokens == 4096
    assert "4096 tokens a reply" in playing.setup.adapted


def test_thinking_that_never_ends_names_the_option_to_change(toolbox: Toolbox) -> None:
    ended, server = asked(toolbox, Say("<think>on and on", finish_reason="length"))
    assert ended.stop is Stop.MALFORMED
    assert "--max-reply-tokens" in ended.error
    assert {request.body["max_tokens"] for request in server.requests} == {1024, 4096}


def test_a_cost_limit_is_not_overdrawn_for_longer_thoughts() -> None:
    with FakeServer(Say("", finish_reason="length")) as server:
        policy(server)(start(limits=Limits(max_cost_usd=1.0)), NoTools())
    assert len(server.requests) == 1


def test_where_longer_thoughts_find_no_room_the_pictures_are_not_to_blame(toolbox: Toolbox) -> None:
    cut = Say("", finish_reason="length")
    script = when(lambda request: request.body["max_tokens"] > 1024, FULL, in_turn(cut, OK))
    ended, server = asked(toolbox, script)
    assert ended.stop is Stop.ANSWERED
    assert len({len(request.images) for request in server.requests}) == 1


# ---- waits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "seconds"),
    [
        # Gemini; https://github.com/Aider-AI/aider/issues/3265 (Groq); Azure; Hugging Face; OpenRouter's header
        (raw('[{"error": {"code": 429, "details": [{"retryDelay": "17s"}]}}]', status=429), 17.0),
        (fail(429, "You exceeded your current quota. Please retry in 34.07s."), 34.07),
        (fail(429, "Rate limit reached. Please try again in 1m0.363142857s."), 60.0),
        (fail(429, "Please try again in 5.289s. Visit https://x for 3 more"), 5.289),
        (fail(429, "Please retry after 20 seconds."), 20.0),
        (fail(429, headers={"retry-after-ms": "1500"}), 1.5),
        (fail(429, headers={"x-ratelimit-reset-tokens": "7.66s", "x-ratelimit-remaining-tokens": "0"}), 7.66),
        (fail(429, headers={"x-ratelimit-reset-requests": "2m", "x-ratelimit-reset-tokens": "20ms"}), 0.02),
        (fail(429, "slow down", headers={"Retry-After": "nan"}), 1.0),
    ],
)  # fmt: skip
def test_a_wait_is_honoured_wherever_it_is_told_and_said(
    refusal: Any, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    waits = Waits()
    one_turn(refusal, OK, waits=waits)
    assert waits.waits == [pytest.approx(seconds)]
    assert ("asks to wait" in caplog.text) == (seconds != 1.0)


def test_a_limit_that_is_lifted_at_a_moment_is_waited_for() -> None:
    # OpenRouter gives milliseconds since 1970
    assert read_wait_seconds({"x-ratelimit-reset": "1741305600000"}, "", now=1_741_305_588.0) == pytest.approx(12.0)
    assert read_wait_seconds({"x-ratelimit-reset": "1741305600"}, "", now=1_741_305_588.0) == pytest.approx(12.0)
    assert read_wait_seconds({}, {"error": "no time is told"}, now=0.0) is None


@pytest.mark.parametrize(
    "loading",
    [
        fail(503, "Loading model", type="unavailable_error"),
        raw('{"error": "Model a/b is currently loading", "estimated_time": 20.0}', status=503),
        fail(500, "llm server loading model"),
        stream({"error": {"message": "Loading model", "code": 503}}),
    ],
)
def test_a_model_that_loads_is_waited_for(loading: Any, caplog: pytest.LogCaptureFixture) -> None:
    waits = Waits()
    assert one_turn(*[loading] * 12, OK, waits=waits).thought == "seen"
    assert len(waits.waits) == 12
    assert "loads its model" in caplog.text


def test_a_model_that_never_loads_is_not_waited_for_for_ever() -> None:
    waits = Waits()
    with pytest.raises(PolicyError, match="Loading model"):
        one_turn(fail(503, "Loading model"), waits=waits)
    assert MAX_LOADING_SECONDS <= sum(waits.waits) < MAX_LOADING_SECONDS + 60


# ---- time -------------------------------------------------------------------------------------------------------

_HEAD = b"HTTP/1.1 200 OK\r\nX-A: "
_ERROR = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
_START = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: "
DRIPS = {
    "blank lines": dripping(b"\n"),
    "comments": dripping(b": ping\n\n"),
    "names of events": dripping(b"event: ping\n"),
    "empty pieces": dripping(b"data: {}\n\n"),
    "nulls": dripping(b"data: null\n\n"),
    "pieces that say nothing": dripping(b'data: {"choices": [{"index": 0, "delta": {"content": ""}}]}\n\n'),
    "bytes of a line": dripping(b"a", _START),
    "bytes of a header": dripping(b"a", _HEAD),
    "informational answers": dripping(b"HTTP/1.1 100 Continue\r\n\r\n", b""),
    "words": dripping(b'data: {"choices": [{"index": 0, "delta": {"content": "x"}}]}\n\n'),
}


@pytest.mark.parametrize("name", DRIPS)
@pytest.mark.clock
def test_nothing_that_a_server_sends_extends_the_time_of_the_question(toolbox: Toolbox, name: str) -> None:
    with FakeServer(DRIPS[name]) as server:
        begun = time.monotonic()
        question = Question("clip.mp4", "What?")
        ended = ask(question, toolbox, policy(server), Limits(max_seconds=1.5), verify=False)
    assert time.monotonic() - begun < 1.5 + 1.0
    assert ended.stop is Stop.TIME_LIMIT
    assert "before the time of the question was over" in ended.error


@pytest.mark.parametrize("name", [name for name in DRIPS if name != "words"])
def test_signs_of_life_without_a_word_are_silence_in_the_end(name: str) -> None:
    begun = time.monotonic()
    # on a busy machine the server itself may be late, and then it is silent
    with pytest.raises(PolicyError, match=r"kept the line open and said nothing|silent for 0\.2 s"):
        one_turn(DRIPS[name], timeout_seconds=0.2)
    assert time.monotonic() - begun < 10.0


def test_an_error_that_comes_a_byte_at_a_time_is_an_error() -> None:
    with pytest.raises(PolicyError, match=r"refuses \(400\): aaa"):
        one_turn(dripping(b"a", _ERROR), timeout_seconds=0.3)


def test_a_request_has_a_time_of_its_own_which_an_option_sets() -> None:
    with pytest.raises(PolicyError, match=r"no whole reply in 0\.5 s; --max-request-seconds allows more"):
        one_turn(DRIPS["words"], max_request_seconds=0.5)


def test_a_slow_model_that_writes_word_by_word_is_let_write() -> None:
    def word_by_word(handler: Any, request: Request) -> None:
        handler.start_stream()
        for word in ["<answer>", *["word "] * 25, "</answer>"]:
            threading.Event().wait(0.2)
            handler.event({"choices": [{"index": 0, "delta": {"content": word}}]})
        handler.event("[DONE]")

    # 27 words take longer than ten timeouts together, and no single one of them does
    turn = one_turn(word_by_word, timeout_seconds=0.5)
    assert turn.reply is not None
    assert turn.reply.text.count("word") == 25


def test_a_wait_that_does_not_fit_into_the_time_is_not_begun() -> None:
    waits = Waits()
    with (
        FakeServer(fail(429, "Please retry in 34s.")) as server,
        pytest.raises(PolicyError, match="asked again in 34 s"),
    ):
        policy(server, waits)(start(limits=Limits(max_seconds=20.0)), NoTools())
    assert waits.waits == []


@pytest.mark.clock
def test_tries_and_silence_share_the_time_of_the_question(toolbox: Toolbox) -> None:
    with FakeServer(silent_for(5.0)) as server:
        begun = time.monotonic()
        ended = ask(Question("clip.mp4", "What?"), toolbox, policy(server), Limits(max_seconds=1.2), verify=False)
    assert time.monotonic() - begun < 2.2
    assert ended.stop is Stop.TIME_LIMIT


@pytest.mark.clock
def test_the_second_look_has_no_more_time_than_is_left(toolbox: Toolbox) -> None:
    sheet = {"answer": "blue", "evidence": [{"start": 4, "stop": 6}]}
    answer = Say(f"<answer>{json.dumps(sheet)}</answer>")
    with FakeServer(answer, silent_for(10.0)) as server:
        begun = time.monotonic()
        ended = ask(Question("clip.mp4", "What?"), toolbox, policy(server), Limits(max_seconds=1.5))
    assert time.monotonic() - begun < 2.5
    assert ended.answer is not None  # the answer stands, unverified
    assert ended.verification is None


# ---- keys -------------------------------------------------------------------------------------------------------

KEY = "sk-this-is-the-secret-4711-0815"


def test_a_key_in_the_reason_phrase_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_API_KEY", KEY)

    def behave(handler: Any, request: Request) -> None:
        handler.send_response(401, f"no {KEY}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with pytest.raises(PolicyError, match=r"refuses \(401\): no \[key\];"):
        one_turn(behave)


def test_a_key_in_pieces_and_in_other_clothes_is_in_no_record(
    toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    clothes = (
        KEY[:12],
        KEY[-12:],
        KEY.upper(),
        KEY[::-1],
        quote(KEY, safe="").replace("-", "%2D"),
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(b"ab" + KEY.encode() + b"c").decode(),
        KEY.encode().hex(),
    )
    escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)
    search = native_call("search_frames", {"query": " ".join(clothes)})
    search["function"]["arguments"] = search["function"]["arguments"][:-2] + f' {escaped}"}}'
    echo = Say("said " + " and ".join(clothes), calls=(search | {KEY: KEY},), reasoning=f"key {KEY[:20]}")
    with FakeServer(echo, fail(429, f"Slow down {KEY}, retry in 2s"), fail(400, " ".join(clothes))) as server:
        ended = ask(Question("clip.mp4", "what?"), toolbox, policy(server))
    assert ended.stop is Stop.POLICY_FAILED
    assert isinstance(ended.steps[1].turn.move, Calls)
    everything = (to_json(ended) + caplog.text).lower()
    for form in (*clothes, KEY, escaped, KEY[4:13]):
        assert form.lower() not in everything
    assert "[key]" in everything
