"""A small set in our own format over drawn clips, and policies that answer it fast."""

import json
from pathlib import Path
from typing import Any

from agent.trajectory import Answer, Calls, Evidence, Question, Step, ToolCall, Trajectory, Turn, VideoFacts, to_json
from tests.drawn import write_drawn

GREEN = Answer("green", 1, 0.5, (Evidence(2.0, 4.0),))


def row(video: str = "drawn.mp4", **other: Any) -> dict[str, Any]:
    """A question whose right answer is the second option."""
    asked = {"video": video, "question": "Which colour is second?", "options": ["red", "green", "blue"]}
    return {**asked, "answer": "green", "evidence_seconds": [2.0, 4.0], "needs": ["colour"], **other}


def write_set(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A folder with the questions and the videos that they name."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(one) + "\n" for one in rows)
    (folder / "questions.jsonl").write_text(lines, encoding="utf-8")
    drawn: Path | None = None
    for name in dict.fromkeys(one["video"] for one in rows):
        if drawn is None:
            drawn = write_drawn(folder / name)
        else:  # another content, so that it is another video
            (folder / name).write_bytes(drawn.read_bytes() + b"\0" * (len(name) + 8) + name.encode())
    return folder


def write_script(path: Path, *answers: Answer | Calls) -> str:
    """A policy spec that plays these moves."""
    moves = answers or (Calls((ToolCall("t1c1", "overview", {"count": 2}),)), GREEN)
    steps = tuple(Step(Turn("", move)) for move in moves)
    path.write_text(to_json(Trajectory(Question("v", "q"), VideoFacts("h", 1.0, 1, 1), steps=steps)), encoding="utf-8")
    return f"scripted:{path}"
