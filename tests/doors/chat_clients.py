"""Clients of OpenAI's API ask our server: `chat_clients.py PYTHON`, in their environment.

LangChain's `ChatOpenAI`, litellm and OpenAI's agents; OpenAI's own client is asked in `tests/agent/doors/http`.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENAI_AGENTS_DISABLE_TRACING": "1"}

import litellm
import openai
from agents import Agent, OpenAIChatCompletionsModel, Runner
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI

ROOT = Path(__file__).parent.parent.parent
CLIP = ROOT / "agent/demo/clip.mp4"
TEXT = "How does the caption describe the bunny?"
ANSWER = "A (slightly overweight) bunny"
PARTS = [{"type": "text", "text": TEXT}, {"type": "video_url", "video_url": {"url": "clip.mp4"}}]
MESSAGES = [{"role": "user", "content": PARTS}]
LIMITS = {"video_sleuth": {"max_seconds": 300}}


@contextmanager
def serving(python: str) -> Iterator[str]:
    """The address of a server with our default policy."""
    command = [python, "-m", "agent.cli", "serve", "--policy", "lite", "--port", "0", "--allow", str(CLIP.parent)]
    with tempfile.TemporaryDirectory() as state:
        environment = os.environ | {"VIDEOSLEUTH_SERVE_STATE": state}
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        assert server.stderr is not None
        try:
            told: dict[str, Any] = {}
            while "port" not in told:
                line = server.stderr.readline()
                assert line, "the server did not start"
                told = json.loads(line)
            yield f"http://127.0.0.1:{told['port']}/v1"
        finally:
            server.terminate()
            server.communicate()


def ask_langchain(url: str) -> None:
    model = ChatOpenAI(model="video-sleuth", base_url=url, api_key="x", use_responses_api=False, extra_body=LIMITS)
    told = model.invoke([HumanMessage(PARTS)])
    assert ANSWER in told.content, told
    assert "00:0" in told.content, "the times stand in the content: nothing else of ours is kept"
    assert ANSWER in "".join(chunk.content for chunk in model.stream([HumanMessage(PARTS)]))
    print(f"langchain-openai {version('langchain-openai')}: {told.content.splitlines()[0]}")


def ask_litellm(url: str) -> None:
    given = {"model": "openai/video-sleuth", "api_base": url, "api_key": "x", "messages": MESSAGES}
    told = litellm.completion(**given, extra_body=LIMITS).choices[0].message
    assert ANSWER in told.content, told
    assert told.reasoning_content, "thoughts and calls"
    chunks = [chunk.choices[0].delta for chunk in litellm.completion(**given, stream=True) if chunk.choices]
    assert ANSWER in "".join(chunk.content or "" for chunk in chunks)
    assert any(getattr(chunk, "reasoning_content", None) for chunk in chunks)
    print(f"litellm {version('litellm')}: {told.content.splitlines()[0]}")


async def ask_agents(url: str) -> None:
    client = openai.AsyncOpenAI(base_url=url, api_key="x")
    upload = await client.files.create(file=CLIP, purpose="user_data")
    agent = Agent("asks", model=OpenAIChatCompletionsModel("video-sleuth", client))
    parts = [{"type": "input_text", "text": TEXT}, {"type": "input_file", "file_id": upload.id}]
    asked: Any = [{"role": "user", "content": parts}]
    told = (await Runner.run(agent, asked)).final_output
    assert ANSWER in told, told
    streamed = Runner.run_streamed(agent, asked)
    kinds = {event.type async for event in streamed.stream_events()}
    assert "raw_response_event" in kinds
    assert ANSWER in streamed.final_output
    print(f"openai-agents {version('openai-agents')}: {told.splitlines()[0]}")


if __name__ == "__main__":
    with serving(sys.argv[1]) as address:
        ask_langchain(address)
        ask_litellm(address)
        asyncio.run(ask_agents(address))
