"""A real vLLM server and the official client: what the http policy relies on, checked without any of our code."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from tests.vllm.marks import needs_vllm
from tests.vllm.server import NAME, VllmServer

pytestmark = needs_vllm

ZOOM = {
    "type": "function",
    "function": {
        "name": "zoom",
        "description": "Look closer.",
        "parameters": {"type": "object", "properties": {"seconds": {"type": "number"}}, "required": ["seconds"]},
    },
}
CALL = {"id": "c1", "type": "function", "function": {"name": "zoom", "arguments": '{"seconds": 1.5}'}}
WRITTEN = '<tool_call>\n{"name": "zoom", "arguments": {"seconds": 1.5}}\n</tool_call>'


def picture(colour: str) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.new("RGB", (640, 360), colour).save(buffer, "JPEG")
    return {
        "type": "image_url",
        "image_url": {"url": "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()},
    }


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def chat(server: VllmServer, messages: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    openai = pytest.importorskip("openai", reason="needs the official client: make test-vllm")
    extra = {"return_token_ids": True} | more.pop("extra_body", {})
    with openai.OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        answer = client.chat.completions.create(
            model=NAME, messages=messages, temperature=0, max_tokens=48, extra_body=extra, **more
        )
    plain: dict[str, Any] = answer.model_dump()
    return plain


def after_zoom(shown: dict[str, Any]) -> list[dict[str, Any]]:
    asked = {"role": "user", "content": [words("Frame at 1 s:"), picture("red"), words("What is it?")]}
    called = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    return [asked, called, {"role": "tool", "tool_call_id": "c1", "content": [words("Frame at 1.5 s:"), shown]}]


def test_a_picture_in_a_tool_message_adds_its_tokens_to_the_prompt(tool_server: VllmServer) -> None:
    without = chat(tool_server, after_zoom(words("")), tools=[ZOOM])["usage"]
    shown = chat(tool_server, after_zoom(picture("blue")), tools=[ZOOM])["usage"]
    of_pictures = [usage["prompt_tokens_details"]["multimodal_tokens"]["image"] for usage in (without, shown)]
    assert of_pictures == [220, 440]  # 640x360 is 20x11 blocks of 32x32
    assert shown["prompt_tokens"] - without["prompt_tokens"] in (221, 222)  # with their start and end, and one merge


def test_the_pixels_of_a_tool_message_reach_the_model(tool_server: VllmServer) -> None:
    def first_logprob(colour: str) -> float:
        told = chat(tool_server, after_zoom(picture(colour)), tools=[ZOOM], logprobs=True)
        value: float = told["choices"][0]["logprobs"]["content"][0]["logprob"]
        return value

    assert first_logprob("blue") == pytest.approx(first_logprob("blue"), abs=1e-4)
    assert abs(first_logprob("blue") - first_logprob("yellow")) > 1e-3


def test_ids_and_logprobs_come_one_for_each_token(tool_server: VllmServer) -> None:
    told = chat(tool_server, after_zoom(picture("blue")), tools=[ZOOM], logprobs=True)
    choice, usage = told["choices"][0], told["usage"]
    assert len(told["prompt_token_ids"]) == usage["prompt_tokens"]
    assert len(choice["token_ids"]) == len(choice["logprobs"]["content"]) == usage["completion_tokens"]


def test_a_tool_call_is_taken_out_of_the_text(tool_server: VllmServer) -> None:
    messages = after_zoom(picture("blue"))[:1]
    told = chat(tool_server, messages, tools=[ZOOM], extra_body={"structured_outputs": {"choice": [WRITTEN]}})
    message = told["choices"][0]["message"]
    assert [call["function"] for call in message["tool_calls"]] == [CALL["function"]]
    assert not message["content"]


def test_a_server_without_tool_calling_refuses_tools(plain_server: VllmServer) -> None:
    openai = pytest.importorskip("openai", reason="needs the official client: make test-vllm")
    with pytest.raises(openai.BadRequestError, match="--enable-auto-tool-choice"):
        chat(plain_server, [{"role": "user", "content": "hello"}], tools=[ZOOM])
