"""`langgraph dev` over `examples/langgraph`, asked by its own SDK: thoughts, calls and the answer are streamed."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from langgraph_sdk import get_client

ROOT = Path(__file__).parent.parent.parent
PORT = 8737
URL = f"http://127.0.0.1:{PORT}"
START_SECONDS = 120
"""Seconds that the server may take until it is reached."""


async def read_answer() -> None:
    client = get_client(url=URL)
    thread = await client.threads.create()
    asked = {"messages": [{"role": "user", "content": [{"type": "text", "text": "How long is clip.mp4?"}]}]}
    events: list[str] = []
    async for part in client.runs.stream(
        thread["thread_id"], "video_sleuth", input=asked, stream_mode=["updates", "custom", "messages-tuple"]
    ):
        events.append(part.event)
        assert part.event != "error", part.data
    assert {"updates", "custom", "messages"} <= set(events), events
    state: Any = await client.threads.get_state(thread["thread_id"])
    messages = state["values"]["messages"]
    assert messages[0]["type"] == "human"
    assert all(isinstance(message["content"], str) for message in messages[1:]), messages
    assert state["values"]["status"] == "answered", state["values"]["answer"]
    print(f"langgraph dev: {len(events)} events; {messages[-1]['content'].splitlines()[0]}")


def wait_until_reached(server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            httpx.get(f"{URL}/ok").raise_for_status()
        except httpx.HTTPError:
            time.sleep(1)
        else:
            return
    raise SystemExit("langgraph dev did not start")


command = [str(Path(sys.executable).parent / "langgraph"), "dev", "--no-browser", "--no-reload", "--port", str(PORT)]
environment = os.environ | {"VIDEOSLEUTH_FOLDER": str(ROOT / "agent/demo"), "PYTHONPATH": str(ROOT)}
server = subprocess.Popen(command, cwd=ROOT / "examples/langgraph", env=environment, stdout=subprocess.DEVNULL)
try:
    wait_until_reached(server)
    asyncio.run(read_answer())
finally:
    server.terminate()
    server.wait(30)
