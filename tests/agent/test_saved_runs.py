"""A saved run is a stranger's file: numbers are in their ranges, parts go together, it plays in a bounded time."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.loop.replay import replay
from agent.loop.transition import step
from agent.trajectory import (
    MOST_TURNS,
    Limits,
    Malformed,
    Question,
    Trajectory,
    Turn,
    VideoFacts,
    from_json,
    load,
    to_json,
)
from tests.drawn import write_drawn
from tools.toolbox import open_toolbox

SAVED = Path(__file__).with_name("saved_run_version_1.json")
"""As it was written before observations and videos had gaps, and answers `cannot_tell`."""


def saved() -> dict[str, Any]:
    return dict(json.loads(SAVED.read_text(encoding="utf-8")))


def test_a_run_that_was_saved_by_an_earlier_release_still_loads_and_round_trips() -> None:
    run = load(SAVED)
    assert run.answer is not None
    assert (run.answer.text, run.answer.cannot_tell, run.gaps) == ("GATE 12", False, ())
    assert from_json(to_json(run)) == run


def answer(run: dict[str, Any]) -> dict[str, Any]:
    move: dict[str, Any] = run["steps"][-1]["turn"]["move"]
    return move


def frame(**values: Any) -> Callable[[dict[str, Any]], None]:
    """Puts a picture under the answer's evidence."""
    ref = {"seconds": 1.0, "height": 10, "width": 10, "box": [0, 0, 1, 1]} | values
    return lambda run: answer(run)["evidence"][0].update(frames=[ref])


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """Puts a value at a place."""

    def change(run: dict[str, Any]) -> None:
        inner: Any = run
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    return change


def opening_after_a_turn(run: dict[str, Any]) -> None:
    run["steps"] = [run["steps"][0], json.loads(json.dumps(run["steps"][0]))]
    run["steps"][1]["turn"]["is_opening"] = True


def many_different_frames(run: dict[str, Any]) -> None:
    frames = [{"seconds": 1.0, "height": 100 + n, "width": 9} for n in range(900)]
    evidence = answer(run)["evidence"][0] | {"frames": frames}
    wider = [{**ref, "width": 10} for ref in frames]
    answer(run)["evidence"] = [evidence, evidence | {"frames": wider}]


_MOVE = ("steps", -1, "turn", "move")
_FINDING = ("steps", 0, "results", 0, "observation", "findings", 0)
_USAGE = ("steps", 0, "turn", "usage")
_BAD: dict[str, Callable[[dict[str, Any]], None]] = {
    **{f"seconds {x}": frame(seconds=x) for x in (-1, math.nan, math.inf, -math.inf, 1e300, "x", None)},
    **{f"height {x}": frame(height=x) for x in (0, -5, 4097, 30_000, 10**30, 1.5, math.nan)},
    **{f"width {x}": frame(width=x) for x in (0, -5, 4097, 10**9)},
    **{
        f"box {x}": frame(box=x)
        for x in ([2, 2, 1, 1], [math.nan] * 4, [0, 0, 1], [0.5, 0, 0.5, 1], [0, 0, 1, 1.1], [-0.1, 0, 1, 1])
    },
    **{f"span {x}": put(*_MOVE, "evidence", 0, "start_seconds", value=x) for x in (math.nan, -1e308, 1e308, math.inf)},
    **{
        f"where {x}": put(*_MOVE, "evidence", 0, "box", value=x)
        for x in ([1, 1, 0, 0], [0, 0, 0, 0], [0, 0, math.inf, 1])
    },
    **{f"confidence {x}": put(*_MOVE, "confidence", value=x) for x in (1e300, math.nan, -0.1, 1.1)},
    **{f"duration {x}": put("facts", "duration_seconds", value=x) for x in (math.inf, math.nan, -1, 1e300)},
    **{f"picture {x}": put("facts", "width", value=x) for x in (-1, 10**12)},
    **{f"turns {x}": put("limits", "max_turns", value=x) for x in (0, -1, 10**9, 10**6, math.nan)},
    **{f"malformed {x}": put("limits", "max_malformed", value=x) for x in (0, 10**6)},
    **{f"{name} nan": put("limits", name, value=math.nan) for name in ("max_seconds", "max_cost_usd")},
    **{f"usage {x}": put(*_USAGE, "seconds", value=x) for x in (1e308, math.nan, -1)},
    **{f"tokens {x}": put(*_USAGE, "prompt_tokens", value=x) for x in (10**400, -1)},
    **{f"a finding's {name}": put(*_FINDING, name, value=math.nan) for name in ("start_seconds", "score", "no_speech")},
    **{f"until {x}": put("question", "until_seconds", value=x) for x in (math.nan, math.inf, 0, -1)},
    "a frame that was left out": put(
        "steps", 0, "turn", "dropped", value=[{"seconds": 1.0, "height": 10**9, "width": 10}] * 1000
    ),
    "thousands of frames": put(
        *_MOVE, "evidence", 0, "frames", value=[{"seconds": 1, "height": 9, "width": 9}] * 20_000
    ),
    "hundreds of frames twice": many_different_frames,
    "thousands of links": put(*_MOVE, "chain", value=[{"event": "e"}] * 3000),
    "thousands of turns": put(
        "steps", value=[{"turn": {"thought": "", "move": {"kind": "malformed", "text": "", "why": ""}}}] * 3000
    ),
    "an opening after a turn": opening_after_a_turn,
    "a sample of another world": put("sample", value=10**400),
}


@pytest.mark.parametrize("name", _BAD)
def test_what_no_run_holds_is_refused_in_one_sentence(name: str) -> None:
    run = saved()
    _BAD[name](run)
    text = json.dumps(run)
    with pytest.raises(ValueError, match="not a saved trajectory") as caught:
        from_json(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"question":' * 90_000, "", "null", "[]", "{}", "\0", "NaN", "9" * 5000]
)
def test_what_is_no_run_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="not a saved trajectory"):
        from_json(text)


def test_what_is_no_file_or_a_huge_one_is_not_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    with pytest.raises(ValueError, match="too large for a saved trajectory"):
        load(huge)
    for path in (tmp_path, Path("/dev/zero")):
        if path.exists():
            with pytest.raises(ValueError, match="is not a file: need a saved trajectory"):
                load(path)


def test_an_option_must_be_one_of_the_question() -> None:
    run = saved()
    run["question"]["options"] = ["a", "b"]
    for option in (-1, 2, 10**9):
        answer(run)["option"] = option
        with pytest.raises(ValueError, match="not a saved trajectory: option"):
            from_json(json.dumps(run))
    answer(run)["option"] = 1
    assert from_json(json.dumps(run)).answer is not None


def test_a_replay_ends_where_the_record_does_whatever_its_limits(tmp_path: Path) -> None:
    allowed = Limits(max_turns=MOST_TURNS, max_malformed=MOST_TURNS)
    with open_toolbox(write_drawn(tmp_path / "clip.mp4"), encoder="hashing", cache=tmp_path / "cache") as toolbox:
        facts = VideoFacts(toolbox.video.content_hash, 6.0, 640, 360)
        recorded = Trajectory(Question("clip.mp4", "What?"), facts, limits=allowed)
        recorded = step(recorded, Turn("", Malformed("?", "no closing tag")), toolbox)
        again = replay(recorded, toolbox)
    assert len(again.steps) <= len(recorded.steps) + 2
    assert again.limits == allowed


def test_limits_and_questions_are_finite() -> None:
    for name in ("max_turns", "max_malformed"):
        with pytest.raises(ValueError, match=rf"need 0 < {name} <= {MOST_TURNS}"):
            Limits(**{name: MOST_TURNS + 1})
    for name in ("max_seconds", "max_cost_usd"):
        with pytest.raises(ValueError, match=rf"need 0 < {name} <= .*, got nan"):
            Limits(**{name: math.nan})
    with pytest.raises(ValueError, match="need until_seconds > 0 and finite, got nan"):
        Question("v.mp4", "What?", until_seconds=math.nan)
