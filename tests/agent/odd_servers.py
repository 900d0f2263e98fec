"""Servers with one oddity each, as met by others: what they send or refuse, with the report beside it.

Every script is survived by a client that understands what a person would: the question then ends with the answer blue.
"""

import json
import re
from itertools import pairwise
from typing import Any

from tests.agent.fake_server import Behaviour, Handler, Request, Say, delta, fail, in_turn, raw, stream, when, whole

OK = Say("<think>seen</think><answer>blue</answer>")
BLUE = "<answer>blue</answer>"
ZOOM = json.dumps({"seconds": 1.0, "box": [0, 0, 0.5, 0.5]})
TEXT = '{"seconds": 2.0}'


def fn(name: str, arguments: object, **more: Any) -> dict[str, Any]:
    """A native call, as odd as it comes."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def calls(*made: dict[str, Any]) -> Behaviour:
    return whole({"role": "assistant", "content": None, "tool_calls": list(made)}, "tool_calls")


def roles(request: Request) -> list[str]:
    return [message["role"] for message in request.body["messages"]]


def made(request: Request) -> list[dict[str, Any]]:
    """Every call that stands in the request."""
    return [call for message in request.body["messages"] for call in message.get("tool_calls", ())]


def refuses(is_so: Any, refusal: Behaviour, *script: Behaviour) -> tuple[Behaviour, ...]:
    """Refuses every request of that kind; the others take the script."""
    return (when(is_so, refusal, in_turn(*script)),)


def _has_empty_message(request: Request) -> bool:
    return any(
        m["role"] == "assistant" and not m["content"] and not m.get("tool_calls") for m in request.body["messages"]
    )


def _repeats_a_role(request: Request) -> bool:
    found = roles(request)
    return any(one == other == "user" for one, other in pairwise(found))


def _event(piece: dict[str, Any], start: str = "data: ", end: str = "\n\n") -> str:
    return f"{start}{json.dumps(piece)}{end}"


def _named_calls(request: Request) -> bool:
    return all(re.fullmatch("[A-Za-z0-9]{9}", call["id"]) for call in made(request))


def _refuses_max_tokens(handler: Handler, request: Request) -> None:
    if request.body["max_tokens"] > 500:
        text = "max_tokens is too large: 1024. This model supports at most 500 completion tokens, whereas you"
        fail(400, text)(handler, request)
    else:
        OK(handler, request)


CALL = fn("zoom", ZOOM, id="call_abc_1")
PARTS = ('{"sec', 'onds": ', "2.0}")

REPLIES: dict[str, tuple[Behaviour, ...]] = {
    # ---- calls: which is which
    "calls without ids": (calls(fn("zoom", ZOOM), fn("read_text", TEXT)), OK),
    "calls with empty ids": (calls(fn("zoom", ZOOM, id=""), fn("read_text", TEXT, id="")), OK),
    "calls with the same id": (calls(fn("zoom", ZOOM, id="x"), fn("read_text", TEXT, id="x")), OK),
    # https://github.com/ollama/ollama/issues/15457, https://github.com/huggingface/smolagents/pull/1958
    "streamed calls with one index and no ids": (
        stream(
            delta(tool_calls=[{"index": 0, **fn("zoom", ZOOM)}]),
            delta(tool_calls=[{"index": 0, **fn("read_text", TEXT)}]),
            delta("tool_calls"),
        ),
        OK,
    ),
    "streamed calls of one tool with one index and one id": (
        stream(
            delta(tool_calls=[{"index": 0, **fn("read_text", '{"seconds":', id="x")}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": " 1.0}"}}]),
            delta(tool_calls=[{"index": 0, **fn("read_text", TEXT, id="x")}]),
            delta("stop"),
        ),
        OK,
    ),
    "placeholder arguments": (
        stream(
            delta(tool_calls=[{"index": 0, **fn("zoom", "{}", id="a")}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": ZOOM}}]),
            delta("tool_calls"),
        ),
        OK,
    ),
    # https://github.com/NousResearch/hermes-agent/pull/12230 (MiniMax at NVIDIA: the name in every piece)
    "the name in every piece": (
        stream(
            *(delta(tool_calls=[{"index": 0, **fn("read_text", part, id="a")}]) for part in PARTS),
            delta("tool_calls"),
        ),
        OK,
    ),
    # https://github.com/open-webui/open-webui/pull/22235
    "two objects as the arguments of one call": (
        calls(fn("read_text", '{"seconds": 1.0}{"seconds": 2.0}', id="a")),
        OK,
    ),
    # https://github.com/lidge-jun/opencodex/issues/361
    "arguments sent twice": (
        stream(
            delta(tool_calls=[{"index": 0, **fn("zoom", ZOOM, id="a")}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": ZOOM}}]),
            delta("tool_calls"),
        ),
        OK,
    ),
    # ---- arguments
    "array as text": (calls(fn("zoom", json.dumps({"seconds": "1.0", "box": "[0,0,0.5,0.5]"}), id="a")), OK),
    "null for optional": (calls(fn("search_frames", '{"query": "blue", "start": null, "count": null}', id="a")), OK),
    "arguments encoded twice": (calls(fn("zoom", json.dumps(ZOOM), id="a")), OK),
    # https://github.com/huggingface/text-generation-inference/issues/2461
    "arguments as an object": (calls(fn("zoom", json.loads(ZOOM), id="a")), OK),
    "the one call of the old API": (whole({"content": None, "function_call": {"name": "zoom", "arguments": ZOOM}}), OK),
    # ---- fields that are missing or odd
    "no finish reason": (stream(delta(content=BLUE)),),
    # https://github.com/sgl-project/sglang/issues/3912
    "empty finish reason": (stream(delta("", content=BLUE), delta("stop")),),
    "whole without finish reason": (whole({"content": BLUE}, None),),
    "all in the reasoning": (whole({"content": None, "reasoning_content": "It is blue.\n" + BLUE}),),
    "an unclosed thought": (whole({"content": "<think>It is blue.\n" + BLUE}),),
    "tokens without end": (whole({"content": BLUE}, usage={"prompt_tokens": 10**400, "completion_tokens": 3}),),
    "a fraction of a token": (whole({"content": BLUE}, usage={"prompt_tokens": 12.5, "completion_tokens": 3}),),
    "odd fields nobody needs": (
        raw(
            json.dumps(
                {
                    "choices": {
                        "index": "0",
                        "message": {"content": BLUE, "tool_calls": {}, "refusal": {}},
                        "finish_reason": {"type": "stop"},
                        "logprobs": "none",
                        "token_ids": "none",
                    },
                    "usage": "unknown",
                    "prompt_token_ids": "none",
                }
            )
        ),
    ),
    # https://github.com/microsoft/agent-framework/pull/5734 (Azure)
    "delta null": (
        stream(
            {"choices": [], "prompt_filter_results": []},
            delta(role="assistant", content=None),
            delta(role="assistant", content=BLUE),
            {"choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"prompt_tokens": 3}},
        ),
    ),
    # https://github.com/NousResearch/hermes-agent/pull/80822
    "null as a sign of life": (stream("null", delta(content=BLUE), "null", delta("stop")),),
    # https://github.com/BerriAI/litellm/issues/16272 (Magistral)
    "content as a list of parts": (
        stream(
            delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "a greeting"}]}]),
            delta(content=[{"type": "text", "text": BLUE}]),
            delta("stop"),
        ),
    ),
    # https://github.com/openai/openai-python/issues/498 (no space), the HTML standard, section 9.2.6 (the rest)
    "data without a space": (raw(_event(delta(content=BLUE), "data:") + "data:[DONE]\n\n", "text/event-stream"),),
    "every end of line, a byte-order mark, an event over several lines": (
        raw(
            b"\xef\xbb\xbf: hello\r\n\r\nevent: message\r\nid: 1\r\ndata: "
            + json.dumps(delta(content=BLUE), indent=1).replace("\n", "\r\ndata: ").encode()
            + b"\r\n\r\n"
            + _event(delta("stop"), end="\r\r").encode(),
            "text/event-stream",
        ),
    ),
    "a document a line": (
        raw("\n".join(json.dumps(piece) for piece in (delta(content=BLUE), delta("stop"))), "application/x-ndjson"),
    ),
    "the whole message once more at the end": (
        stream(delta(content=BLUE), {"choices": [{"message": {"content": BLUE}, "finish_reason": "stop"}]}),
    ),
    # https://github.com/ollama/ollama/issues/13519
    "a call as plain JSON": (whole({"content": json.dumps({"name": "zoom", "parameters": json.loads(ZOOM)})}), OK),
    # https://github.com/groq/groq-typescript/issues/28, https://github.com/huggingface/smolagents/issues/1119
    "a call within a refusal": (
        fail(400, "Failed to call a function.", failed_generation=f"<function=zoom>{ZOOM}</function>"),
        OK,
    ),
}
"""Replies that a person can understand."""

REFUSALS: dict[str, tuple[tuple[Behaviour, ...], str]] = {
    # Mistral
    "empty messages": (
        refuses(
            _has_empty_message,
            fail(400, "Assistant message must have either content or tool_calls, but not none."),
            whole({"role": "assistant", "content": ""}),
            OK,
        ),
        "no empty messages",
    ),
    # https://github.com/sgl-project/sglang/issues/892
    "system role": (
        refuses(lambda r: "system" in roles(r), fail(400, "System role not supported"), OK),
        "system prompt in the first question",
    ),
    # https://github.com/vllm-project/vllm/issues/6862; 500 is llama.cpp's status for what a template raises
    "roles that do not alternate": (
        refuses(
            _repeats_a_role,
            fail(500, "After the optional system message, conversation roles must alternate user/assistant/..."),
            whole({"role": "assistant", "content": "hm"}),
            calls(CALL),
            whole({"role": "assistant", "content": "hm"}),
            OK,
        ),
        "",
    ),
    # https://github.com/anomalyco/opencode/issues/1680, https://github.com/jundot/omlx/pull/1997 (as a 500)
    "long call ids": (
        refuses(
            lambda r: not _named_calls(r),
            fail(500, "Tool call id was call_abc_1 but must be a-z, A-Z, 0-9, with a length of 9."),
            calls(CALL),
            OK,
        ),
        "call ids of 9 characters",
    ),
    # https://github.com/earendil-works/pi/issues/3636 (DeepSeek)
    "thinking that is not sent back": (
        refuses(
            lambda r: any(m["role"] == "assistant" and "reasoning_content" not in m for m in r.body["messages"]),
            fail(400, "The `reasoning_content` in the thinking mode must be passed back to the API."),
            Say(calls=(CALL,), reasoning="closer"),
            OK,
        ),
        "thinking sent back",
    ),
    # https://github.com/langroid/langroid/pull/969, https://github.com/vercel/ai/pull/15560 (Gemini 3)
    "calls without a signature": (
        refuses(
            lambda r: any("extra_content" not in call for call in made(r)),
            fail(400, "Function call is missing a thought_signature in functionCall parts. This is required"),
            calls(CALL),
            OK,
        ),
        "calls signed",
    ),
    # Gemini
    "results without the names of their tools": (
        refuses(
            lambda r: any(m["role"] == "tool" and m.get("name") != "zoom" for m in r.body["messages"]),
            fail(400, "GenerateContentRequest.contents[2].parts[0].function_response.name: Name cannot be empty"),
            calls(CALL),
            OK,
        ),
        "results under the names of tools",
    ),
    # https://github.com/enoch3712/ExtractThinker/issues/346
    "more tokens than a reply may have": ((_refuses_max_tokens,), "500 tokens a reply"),
    # https://github.com/skydiscover-ai/skydiscover/issues/15 (Anthropic)
    "temperature beside top_p": (
        refuses(
            lambda r: "temperature" in r.body and "top_p" in r.body,
            fail(400, "`temperature` and `top_p` cannot both be specified for this model. Please use only one."),
            OK,
        ),
        "",
    ),
    # https://github.com/vllm-project/vllm/issues/43203; the refusal came in a stream behind a status of 200
    "pictures from tools, refused within a stream": (
        refuses(
            lambda r: any(role == "tool" for role, _ in r.images),
            stream({"error": {"message": "tool messages support text content only", "code": 400}}),
            calls(CALL),
            OK,
        ),
        "",
    ),
    "pictures as objects": (
        refuses(
            lambda r: any(
                isinstance(part["image_url"], dict)
                for m in r.body["messages"]
                if isinstance(m["content"], list)
                for part in m["content"]
                if part["type"] == "image_url"
            ),
            fail(422, "body.messages.1.content.3.image_url: Input should be a valid string"),
            OK,
        ),
        "pictures as plain strings",
    ),
}
"""Refusals with a known cure, and what a run records of it."""
