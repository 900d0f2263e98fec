"""Asks one question of a video, or of several: trajectory, loop (a LangGraph graph), policies, command line, report.

The public names are imported when they are first asked for: `import agent` alone loads nothing.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tools
from agent.exit_codes import EXIT_BAD_INPUT

if getattr(tools, "PROJECT", None) != "videosleuth":
    _said = (
        f"another package lies in the place of Video Sleuth's `tools`: {next(iter(tools.__path__))}; start from "
        "another folder, use `python -P`, or install Video Sleuth in an environment of its own (`uv tool install`)"
    )
    if Path(sys.argv[0]).stem in ("-m", "agent", "videosleuth"):  # a command says it in a sentence
        sys.stderr.write(f"agent: {_said}\n")
        sys.exit(EXIT_BAD_INPUT)
    raise ImportError(_said)

if TYPE_CHECKING:
    from agent.loop.ask import ask
    from agent.policies.registry import open_policy
    from agent.run_result import RunResult
    from agent.sessions.run import Run
    from agent.sessions.session import Session
    from agent.sleuth import Sleuth
    from agent.trajectory import Answer, Evidence, Limits, Question, Trajectory
    from tools.toolbox import open_toolbox

__all__ = [
    "Answer",
    "Evidence",
    "Limits",
    "Question",
    "Run",
    "RunResult",
    "Session",
    "Sleuth",
    "Trajectory",
    "ask",
    "open_policy",
    "open_toolbox",
]

_HOMES = {
    "Run": "agent.sessions.run",
    "RunResult": "agent.run_result",
    "Session": "agent.sessions.session",
    "Sleuth": "agent.sleuth",
    "ask": "agent.loop.ask",
    "open_policy": "agent.policies.registry",
    "open_toolbox": "tools.toolbox",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "agent.trajectory")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
