"""Asks one question of one video: trajectory, step, graph, policies, command line, report."""

import sys
from pathlib import Path

import tools  # its hook must be in place before any backend imports transformers

if getattr(tools, "PROJECT", None) != "videosleuth":
    _said = (
        f"another package lies in the place of Video Sleuth's `tools`: {next(iter(tools.__path__))}; start from "
        "another folder, use `python -P`, or install Video Sleuth in an environment of its own (`uv tool install`)"
    )
    if Path(sys.argv[0]).stem in ("-m", "agent", "videosleuth"):  # a command says it in a sentence
        sys.stderr.write(f"agent: {_said}\n")
        sys.exit(2)
    raise ImportError(_said)
