"""A client of the first version of the SDK asks our server over stdio: `mcp1_client.py PYTHON`, in its environment."""

import asyncio
import sys
from datetime import timedelta
from importlib.metadata import version

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(python: str) -> None:
    arguments = ["-m", "agent.cli", "mcp", "--allow", "agent/demo", "--policy", "lite"]
    server = StdioServerParameters(command=python, args=arguments)
    told: list[str | None] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        assert {"ask_video", "get_answer", "look"} <= {tool.name for tool in tools}
        assert all(tool.outputSchema and tool.annotations and tool.annotations.readOnlyHint for tool in tools)
        asked = {"video": "clip.mp4", "question": "How does the caption describe the bunny?"}
        wait = timedelta(seconds=60)
        answer = await session.call_tool("ask_video", asked, wait, tell)
        while answer.structuredContent and answer.structuredContent["status"] == "working":
            answer = await session.call_tool("get_answer", {"job": answer.structuredContent["job"]}, wait, tell)
        assert answer.structuredContent is not None, answer.content
        assert answer.structuredContent["answer"] == "A (slightly overweight) bunny", answer.structuredContent
        assert told
        refused = await session.call_tool("overview", {"video": "/etc/passwd"})
        assert refused.isError
        assert "no file in a folder" in refused.content[0].text
    print(f"mcp {version('mcp')}: {answer.structuredContent['answer']}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
