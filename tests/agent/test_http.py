"""`http:MODEL@URL` against a real server on this machine: whole questions through the graph, and everything that a
server can do wrong."""

import base64
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from agent.loop.ask import ask
from agent.policies.http import HttpPolicy
from agent.policies.openai_api.client import MAX_WAIT_SECONDS, RetryClock
from agent.policies.openai_api.dialect import Dialect, RefusedRequest, adapt
from agent.policies.openai_api.troubles import RefusedError
from agent.policies.registry import open_policy
from agent.policy import PolicyError, PolicyOptions
from agent.trajectory import Calls, Limits, Malformed, Question, Stop, Trajectory, Turn, VideoFacts, to_json
from tests.agent.fake_server import (
    Behaviour,
    FakeServer,
    Request,
    Say,
    broken_json,
    call,
    endless,
    fail,
    half_a_stream,
    in_turn,
    raw,
    silent_for,
    slowly,
    when,
)
from tests.drawn import write_drawn
from tools.observation import FrameRef
from tools.schema import ToolSpec
from tools.toolbox import Toolbox, open_toolbox

KEY = "sk-this-is-the-secret-4711"
ANSWER = Say("<think>I have seen it.</think><answer>blue</answer>")
ZOOM = Say(calls=(call("zoom", {"seconds": 1.0, "box": [0, 0, 0.5, 0.5]}),), reasoning="closer")
LOOK = Say(calls=(call("select_frames", {"start": 0, "stop": 6, "count": 3}),))
NO_TOOLS = fail(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')
NO_TOOL_PICTURES = fail(
    400,
    "Invalid 'messages[3]'. Image URLs are only allowed for messages with role 'user', but this message with role "
    "'tool' contains an image URL.",
    param="messages[3]",
)


@dataclass
class Waits:
    """A clock that keeps what it was told to wait, and waits for nothing."""

    waits: list[float] = field(default_factory=list)

    @property
    def clock(self) -> RetryClock:
        return RetryClock(sleep=self.waits.append, now=lambda: 1_000_000.0, jitter=lambda: 0.5)


class NoTools:
    """A video without tools."""

    specs: tuple[ToolSpec, ...] = ()

    def picture(self, ref: FrameRef) -> bytes | None:
        return None


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "VIDEOSLEUTH_API_KEY", "VIDEOSLEUTH_PRICES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    folder = tmp_path_factory.mktemp("http")
    with open_toolbox(write_drawn(folder / "clip.mp4"), encoder="hashing", cache=folder / "cache") as toolbox:
        toolbox.index.wait_tiled()
        yield toolbox


def policy(server: FakeServer, waits: Waits | None = None, **options: Any) -> HttpPolicy:
    return HttpPolicy(f"m@{server.url}", PolicyOptions(**options), clock=(waits or Waits()).clock)


def asked(toolbox: Toolbox, *script: Behaviour, **options: Any) -> tuple[Trajectory, FakeServer]:
    """A whole question about the drawn clip, played against a server with that script."""
    with FakeServer(*script) as server:
        ended = ask(Question("clip.mp4", "Which colour is last?"), toolbox, policy(server, **options), verify=False)
    return ended, server


def one_turn(*script: Behaviour, waits: Waits | None = None, **options: Any) -> Turn:
    """One turn of a video without tools."""
    start = Trajectory(Question("v", "what?"), VideoFacts("h", 6.0, 640, 360))
    with FakeServer(*script) as server:
        return policy(server, waits, **options)(start, NoTools())


def jpegs(request: Request) -> list[bytes]:
    return [base64.b64decode(url.removeprefix("data:image/jpeg;base64,")) for _, url in request.images]


def mean_colour(jpeg: bytes) -> NDArray[np.float64]:
    """(3,) mean red, green and blue, 0..255, by Pillow."""
    pixels = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), np.float64)
    return pixels.mean(axis=(0, 1))


# ---- a question that goes well ----------------------------------------------------------------------------------


def test_a_question_is_played_to_its_answer_with_native_tools(toolbox: Toolbox) -> None:
    ended, server = asked(toolbox, ZOOM, ANSWER)
    assert ended.stop is Stop.ANSWERED
    assert ended.answer is not None
    assert ended.answer.text == "blue"
    assert [call.name for call in ended.calls][-1] == "zoom"
    names = {tool["function"]["name"] for tool in server.requests[0].body["tools"]}
    assert {"zoom", "read_text", "search"} <= names
    assert ended.setup is not None
    assert ended.setup.form == "native"


def test_the_pictures_arrive_in_order_and_byte_for_byte(toolbox: Toolbox) -> None:
    ended, server = asked(toolbox, LOOK, ZOOM, ANSWER)
    shown = [frame for result in ended.results for frame in result.observation.frames]
    last = server.requests[-1]
    assert jpegs(last) == [toolbox.picture(frame) for frame in shown]
    assert [role for role, _ in last.images][-4:] == ["tool"] * 4  # three frames and a zoom, where the calls are
    # the clip is red, then green, then blue: so are the pictures as any decoder reads them
    strongest = [int(mean_colour(jpeg).argmax()) for jpeg in jpegs(last)[-4:-1]]
    assert strongest == [0, 1, 2]


def test_what_a_model_said_goes_back_to_it_word_for_word(toolbox: Toolbox) -> None:
    signed = call("zoom", {"seconds": 1.0, "box": [0, 0, 1, 1]}, extra_content={"google": {"signature": "x=="}})
    ended, server = asked(toolbox, Say("looking", calls=(signed,)), ANSWER)
    said = [m for m in server.requests[-1].body["messages"] if m["role"] == "assistant"][-1]
    assert said["content"] == "looking"
    assert said["tool_calls"] == [signed]
    result = next(m for m in server.requests[-1].body["messages"] if m["role"] == "tool")
    assert result["tool_call_id"] == "call_a"
    assert ended.stop is Stop.ANSWERED


def test_each_request_begins_with_the_one_before(toolbox: Toolbox) -> None:
    _, server = asked(toolbox, LOOK, ZOOM, ANSWER)
    first, second, third = (request.body["messages"] for request in server.requests)
    assert second[: len(first)] == first
    assert third[: len(second)] == second


def test_usage_is_what_the_server_counted_and_a_local_one_costs_nothing(toolbox: Toolbox) -> None:
    ended, _ = asked(toolbox, ZOOM, ANSWER)
    usage = ended.steps[-1].turn.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (1000, 20, 600)
    assert ended.cost_usd == 0.0


def test_tokens_that_nobody_counted_are_none_and_not_zero() -> None:
    usage = one_turn(Say("<answer>x</answer>", usage=None)).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (None, None)


def test_a_server_that_does_not_stream_is_understood() -> None:
    whole = when(lambda request: request.body["stream"], fail(400, "stream is not supported"), ANSWER)
    turn = one_turn(whole)
    assert turn.reply is not None
    assert turn.reply.text == ANSWER.text


def test_a_whole_answer_where_a_stream_was_asked_for_is_understood() -> None:
    body = '{"choices": [{"index": 0, "message": {"content": "<answer>x</answer>"}, "finish_reason": "stop"}]}'
    turn = one_turn(raw(body))
    assert turn.reply is not None
    assert turn.reply.text == "<answer>x</answer>"


def test_thinking_that_comes_apart_from_the_text_is_kept_apart() -> None:
    turn = one_turn(Say("<answer>x</answer>", reasoning="it is x"))
    assert turn.reply is not None
    assert (turn.thought, turn.reply.reasoning) == ("it is x", "it is x")


def test_a_reply_cut_at_its_token_limit_says_so() -> None:
    turn = one_turn(Say("<think>and so on and", finish_reason="length"))
    assert turn.reply is not None
    assert turn.reply.is_cut
    assert isinstance(turn.move, Malformed)
    assert "token limit" in turn.move.why


def test_parallel_calls_with_one_index_are_told_apart_by_their_ids(toolbox: Toolbox) -> None:
    def same_index(handler: Any, request: Request) -> None:
        handler.start_stream()
        for name, arguments in (("a", {"count": 2}), ("b", {"count": 3})):
            delta = {"tool_calls": [{"index": 0, **call("overview", arguments, name)}]}
            handler.event({"choices": [{"index": 0, "delta": delta}]})
        handler.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})

    ended, _ = asked(toolbox, same_index, ANSWER)
    assert [c.arguments for c in ended.calls][-2:] == [{"count": 2}, {"count": 3}]


def test_calls_without_an_index_keep_their_arguments_and_signatures(toolbox: Toolbox) -> None:
    def as_gemini(handler: Any, request: Request) -> None:
        handler.start_stream()
        begun = {**call("overview", {}, "a"), "function": {"name": "overview", "arguments": '{"cou'}}
        signed = {"extra_content": {"google": {"thought_signature": "x=="}}}
        for delta in (begun, {"function": {"arguments": 'nt": 2}'}}, signed, call("overview", {"count": 3}, "b")):
            handler.event({"choices": [{"index": 0, "delta": {"tool_calls": [delta]}}]})
        handler.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})

    ended, server = asked(toolbox, as_gemini, ANSWER)
    assert [c.arguments for c in ended.calls][-2:] == [{"count": 2}, {"count": 3}]
    first, second = next(m["tool_calls"] for m in server.requests[-1].body["messages"] if m.get("tool_calls"))
    assert first["extra_content"] == {"google": {"thought_signature": "x=="}}
    assert "extra_content" not in second


def test_a_call_without_an_id_gets_one_and_its_result_goes_back_under_it(toolbox: Toolbox) -> None:
    ended, server = asked(toolbox, Say(calls=(call("overview", {"count": 2}, ""),)), ANSWER)
    messages = server.requests[-1].body["messages"]
    sent = [m["tool_calls"][0]["id"] for m in messages if m.get("tool_calls")]
    assert sent == [m["tool_call_id"] for m in messages if m["role"] == "tool"] == [ended.calls[-1].id]


def test_seed_temperature_and_stop_strings_are_sent() -> None:
    with FakeServer(ANSWER) as server:
        start = Trajectory(Question("v", "what?"), VideoFacts("h", 6.0, 640, 360), sample=2)
        policy(server, temperature=0.7, seed=5, max_reply_tokens=77)(start, NoTools())
    body = server.requests[0].body
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (0.7, 7, 77)
    assert body["stop"] == ["<tool_response>"]


# ---- a server that takes less than it could ---------------------------------------------------------------------


def test_a_server_without_tools_gets_them_in_the_text(toolbox: Toolbox) -> None:
    script = when(
        lambda request: "tools" in request.body,
        NO_TOOLS,
        in_turn(Say('<tool_call>{"name": "overview", "arguments": {"count": 2}}</tool_call>'), ANSWER),
    )
    ended, server = asked(toolbox, script)
    assert ended.stop is Stop.ANSWERED
    assert ended.setup is not None
    assert ended.setup.form == "text"
    assert sum("tools" in request.body for request in server.requests) == 1  # asked for once and never again
    assert "<tools>" in server.requests[-1].body["messages"][0]["content"]


def test_native_tools_that_were_insisted_on_are_not_replaced(toolbox: Toolbox) -> None:
    ended, _ = asked(toolbox, NO_TOOLS, tools="native")
    assert ended.stop is Stop.POLICY_FAILED
    assert "tool choice requires" in ended.error


def test_a_server_without_pictures_from_tools_gets_them_behind_the_results(toolbox: Toolbox) -> None:
    script = when(
        lambda request: any(role == "tool" for role, _ in request.images),
        NO_TOOL_PICTURES,
        in_turn(LOOK, ZOOM, ANSWER),
    )
    ended, server = asked(toolbox, script)
    assert ended.stop is Stop.ANSWERED
    shown = [frame for result in ended.results for frame in result.observation.frames]
    assert jpegs(server.requests[-1]) == [toolbox.picture(frame) for frame in shown]
    assert {role for role, _ in server.requests[-1].images} == {"user"}
    assert sum(any(role == "tool" for role, _ in request.images) for request in server.requests) == 1


def test_parameters_that_a_reasoning_model_refuses_are_left_out_or_renamed() -> None:
    def picky(handler: Any, request: Request) -> None:
        body = request.body
        if "max_tokens" in body:
            text = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
            fail(400, text, param="max_tokens", code="unsupported_parameter")(handler, request)
        elif "temperature" in body:
            text = "Unsupported value: 'temperature' does not support 0 with this model."
            fail(400, text, param="temperature")(handler, request)
        elif "stop" in body:
            fail(400, "Unsupported parameter: 'stop' is not supported with this model.")(handler, request)
        else:
            ANSWER(handler, request)

    with FakeServer(picky) as server:
        playing = policy(server)
        start = Trajectory(Question("v", "what?"), VideoFacts("h", 6.0, 640, 360))
        playing(start, NoTools())
        assert len(server.requests) == 4
        playing(start, NoTools())
    assert len(server.requests) == 5  # remembered
    assert server.requests[-1].body["max_completion_tokens"] == 1024
    assert playing.dialect.refused == {"temperature", "stop"}


def test_what_asking_differently_cannot_mend_ends_at_once(toolbox: Toolbox) -> None:
    ended, server = asked(toolbox, fail(400, "I just do not like it."))
    assert ended.stop is Stop.POLICY_FAILED
    assert "I just do not like it." in ended.error
    assert len(server.requests) == 1


FULL = frozenset({"temperature", "top_p", "seed", "stop", "stream_options"})


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("Unrecognized request argument supplied: stream_options", {"refused": frozenset({"stream_options"})}),
        ('Invalid JSON payload received. Unknown name "seed": Cannot find field.', {"refused": frozenset({"seed"})}),
        ("[{'loc': ('body', 'top_p'), 'input': {'seed': 0}}]", {"refused": frozenset({"top_p"})}),
        ("Streaming is not supported for this model", {"streams": False}),
        ("registry.ollama.ai/library/llava:latest does not support tools", {"form": "text"}),
        ("tools param requires --jinja flag", {"form": "text"}),
        ("invalid JSON request", {"tool_pictures": "after"}),
        ("Unexpected role 'user' after role 'tool'", {"form": "text"}),
        ("the queue is full", {}),
        ("This model's maximum context length is 4096 tokens.", {"max_result_characters": 2000}),
    ],
)
def test_refusals_of_real_servers_change_one_thing(words: str, changed: dict[str, Any]) -> None:
    asked = RefusedRequest(tools=True, tool_pictures="JSON request" in words, parameters=FULL)
    after = adapt(Dialect(), asked, RefusedError(400, words))
    assert after == (replace(Dialect(), **changed) if changed else None)


# ---- a server that misbehaves -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        fail(500),
        fail(503, "overloaded"),
        fail(429, "slow down"),
        half_a_stream,
        broken_json,
        raw("", "text/event-stream"),
        raw("{not json"),
        raw('{"error": {"message": "busy", "code": 503}}'),
        raw('["a", "list"]'),
        raw('{"choices": "none"}'),
    ],
)
def test_what_may_pass_is_tried_again_and_the_run_recovers(toolbox: Toolbox, trouble: Behaviour) -> None:
    ended, server = asked(toolbox, ZOOM, trouble, trouble, ANSWER)
    assert ended.stop is Stop.ANSWERED
    assert len(server.requests) == 4
    assert server.requests[1].body == server.requests[3].body


def test_waits_grow_and_tries_are_bounded(toolbox: Toolbox) -> None:
    waits = Waits()
    with FakeServer(ZOOM, fail(500, "on fire")) as server:
        ended = ask(Question("clip.mp4", "what?"), toolbox, policy(server, waits))
    assert ended.stop is Stop.POLICY_FAILED
    assert "500: on fire (tried 5 times)" in ended.error
    assert waits.waits == [1, 2, 4, 8]
    # the trajectory is kept up to there
    assert ended.calls[-1].name == "zoom"
    assert isinstance(ended.steps[-1].turn.move, Calls)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.25", 0.25),
        ("86400", MAX_WAIT_SECONDS),
        (datetime.fromtimestamp(1_000_012, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"), 12.0),
        ("soon", 1.0),
    ],
)
def test_retry_after_is_honoured_up_to_a_minute(header: str, seconds: float) -> None:
    waits = Waits()
    one_turn(fail(429, headers={"Retry-After": header}), ANSWER, waits=waits)
    assert waits.waits == [seconds]


def test_an_empty_account_is_not_asked_again() -> None:
    waits = Waits()
    with pytest.raises(PolicyError, match="exceeded your current quota"):
        one_turn(fail(429, "You exceeded your current quota", code="insufficient_quota"), waits=waits)
    assert waits.waits == []


@pytest.mark.parametrize("after_start", [False, True])
def test_silence_is_noticed_and_tried_once_more(toolbox: Toolbox, after_start: bool) -> None:
    quiet = silent_for(3.0, after_start)
    ended, server = asked(toolbox, ZOOM, quiet, ANSWER, timeout_seconds=0.3)
    assert ended.stop is Stop.ANSWERED
    ended, server = asked(toolbox, ZOOM, quiet, timeout_seconds=0.3)
    assert ended.stop is Stop.POLICY_FAILED
    assert "silent for 0.3 s" in ended.error
    assert len(server.requests) == 3
    assert ended.calls[-1].name == "zoom"


def test_a_line_kept_open_with_comments_alone_does_not_stay_open_for_ever() -> None:
    def queues(handler: Any, request: Request) -> None:
        handler.start_stream()
        for _ in range(40):
            handler.wfile.write(b": still waiting\n\n")
            threading.Event().wait(0.05)

    with pytest.raises(PolicyError, match="said nothing"):
        one_turn(queues, timeout_seconds=0.1)


def test_a_slow_writer_is_not_taken_for_silent() -> None:
    def drips(handler: Any, request: Request) -> None:
        handler.start_stream()
        for piece in Say("<answer>a long story</answer>").pieces():
            threading.Event().wait(0.1)
            handler.event(piece)

    turn = one_turn(drips, timeout_seconds=0.3)
    assert turn.reply is not None
    assert turn.reply.text == "<answer>a long story</answer>"


@pytest.mark.parametrize("lines", [True, False])
def test_an_answer_of_ten_megabytes_is_cut_off(toolbox: Toolbox, lines: bool) -> None:
    ended, server = asked(toolbox, ZOOM, endless(10, lines))
    assert ended.stop is Stop.POLICY_FAILED
    assert "sent more than 4 MiB" in ended.error
    assert len(server.requests) == 2  # not asked for again
    assert ended.calls[-1].name == "zoom"


def test_a_web_page_is_no_completion(toolbox: Toolbox) -> None:
    ended, _ = asked(toolbox, raw("<!doctype html><p>Log in", "text/html"))
    assert ended.stop is Stop.POLICY_FAILED
    assert "web page: is that the base URL, with its /v1?" in ended.error


def test_nobody_there_is_said_after_three_tries(toolbox: Toolbox) -> None:
    with FakeServer(ANSWER) as server:
        pass  # its port is free again
    waits = Waits()
    ended = ask(Question("clip.mp4", "what?"), toolbox, policy(server, waits))
    assert ended.stop is Stop.POLICY_FAILED
    assert "can't be reached" in ended.error
    assert "is it running?" in ended.error
    assert len(waits.waits) == 2


def test_no_such_model_or_path_gives_the_hint() -> None:
    with pytest.raises(PolicyError, match=r"refuses \(404\): no such model; is 'm' a model there, and .*/v1\?"):
        one_turn(raw('{"detail": "no such model"}', status=404))


def test_a_content_filter_is_said() -> None:
    with pytest.raises(PolicyError, match="content filter"):
        one_turn(Say("", finish_reason="content_filter"))


def test_no_proxy_stands_before_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert one_turn(ANSWER).reply is not None


def test_no_more_requests_than_allowed_are_under_way() -> None:
    start = Trajectory(Question("v", "what?"), VideoFacts("h", 6.0, 640, 360))
    with FakeServer(slowly(ANSWER, 0.05)) as server:
        playing = policy(server, concurrency=2)
        with ThreadPoolExecutor(8) as pool:
            turns = list(pool.map(lambda _: playing(start, NoTools()), range(8)))
    assert len(turns) == 8
    assert server.most_at_once == 2


def test_threads_that_are_refused_together_adapt_together() -> None:
    start = Trajectory(Question("v", "what?"), VideoFacts("h", 6.0, 640, 360))
    no_seed = when(lambda r: "seed" in r.body, slowly(fail(400, "bad", param="seed"), 0.05), ANSWER)
    with FakeServer(no_seed) as server:
        playing = policy(server)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: playing(start, NoTools()), range(8)))
    assert playing.dialect.refused == {"seed"}


# ---- keys -------------------------------------------------------------------------------------------------------


def test_the_key_is_sent_and_nowhere_kept(toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_API_KEY", KEY)
    echo = Say(f"<think>{KEY}</think>", calls=(call("search_frames", {"query": KEY}),), reasoning=f"key {KEY}")
    with FakeServer(echo, fail(401, f"Incorrect API key provided: {KEY} or {KEY[:14]}***")) as server:
        playing = policy(server)
        ended = ask(Question("clip.mp4", "what?"), toolbox, playing)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert ended.stop is Stop.POLICY_FAILED
    assert "Incorrect API key provided: [key]" in ended.error
    assert "VIDEOSLEUTH_API_KEY" in ended.error
    everything = to_json(ended) + repr(playing) + repr(vars(playing)) + playing.spec
    assert KEY not in everything
    assert KEY[:14] not in everything


def test_no_redirect_takes_key_or_pictures_to_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_API_KEY", KEY)
    with (
        FakeServer(ANSWER) as other,
        pytest.raises(PolicyError, match=r"sends requests on to http://127\.0\.0\.1:\d+/v1/chat"),
    ):
        one_turn(raw("", status=307, Location=f"{other.url}/chat/completions?secret=1"))
    assert other.requests == []


@pytest.mark.parametrize("key", ["two words-of-a-key", "käse-key-käse-key", "line\nbreak-of-a-key"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_API_KEY", key)
    with pytest.raises(PolicyError, match="no header can carry") as refused:
        open_policy("http:m@http://localhost:1/v1")
    assert key not in str(refused.value)


def test_openais_key_goes_to_openai_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with FakeServer(ANSWER) as server:
        start = Trajectory(Question("v", "what?"), VideoFacts("h", 6.0, 640, 360))
        policy(server)(start, NoTools())
    assert "authorization" not in server.requests[0].headers


# ---- what RL and parity checks ask for --------------------------------------------------------------------------


def test_token_ids_and_logprobs_come_back_where_they_are_asked_for() -> None:
    extra = {"token_ids": [5, 6, 7], "logprobs": {"content": [{"token": "x", "logprob": -0.5}] * 3}}
    start = Trajectory(Question("v", "what?"), VideoFacts("h", 6.0, 640, 360))

    def with_prompt_ids(handler: Any, request: Request) -> None:
        handler.start_stream()
        handler.event({"choices": [], "prompt_token_ids": [1, 2, 3]})
        for piece in Say("<answer>x</answer>", extra=extra).pieces():
            handler.event(piece)

    with FakeServer(with_prompt_ids) as server:
        playing = HttpPolicy(f"m@{server.url}", PolicyOptions(), token_details=True, clock=Waits().clock)
        completion, _ = playing.complete(start, NoTools())
        plain = policy(server)
        plain.complete(start, NoTools())
    assert completion.prompt_token_ids == (1, 2, 3)
    assert completion.reply.token_ids == (5, 6, 7)
    assert completion.reply.logprobs == (-0.5, -0.5, -0.5)
    assert (server.requests[0].body["return_token_ids"], server.requests[0].body["logprobs"]) == (True, True)
    assert "return_token_ids" not in server.requests[1].body


def test_ids_and_logprobs_of_different_tokens_are_no_record() -> None:
    extra = {"token_ids": [5, 6], "logprobs": {"content": [{"token": "x", "logprob": -0.5}]}}
    with pytest.raises(PolicyError, match="not the same tokens"):
        one_turn(Say("<answer>x</answer>", extra=extra))


# ---- money ------------------------------------------------------------------------------------------------------


def test_a_cost_limit_that_cannot_be_kept_ends_the_run(
    toolbox: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = '[[price]]\nhosts = ["*"]\nmodels = ["m"]\ninput = 1\noutput = 1\nchecked = 2026-01-01\nsource = "me"\n'
    (tmp_path / "prices.toml").write_text(table, encoding="utf-8")
    monkeypatch.setenv("VIDEOSLEUTH_PRICES", str(tmp_path / "prices.toml"))
    limits = Limits(max_cost_usd=0.01)
    with FakeServer(Say("<answer>x</answer>", usage=None)) as server:
        ended = ask(Question("clip.mp4", "what?"), toolbox, policy(server), limits)
    assert ended.stop is Stop.POLICY_FAILED
    assert "cost limit can't be kept" in ended.error
    with FakeServer(ZOOM, LOOK, ANSWER) as server:  # 1,020 tokens a turn are 0.00102 dollars
        ended = ask(Question("clip.mp4", "what?"), toolbox, policy(server), Limits(max_cost_usd=0.002), verify=False)
    assert ended.stop is Stop.COST_LIMIT
    assert ended.cost_usd == pytest.approx(0.00102 * len(server.requests))
    assert ended.cost_usd is not None
    assert ended.cost_usd > 0
