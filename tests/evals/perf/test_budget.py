"""What a question takes, against numbers worked out on paper."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.trajectory import Answer, Question, Step, Trajectory, Turn, Usage, VideoFacts, to_json
from evals.perf.budget import MAX_FRAME_TOKENS, Budget, default_frame, frame_tokens, main, measure_budget
from evals.perf.loop_overhead import run_ten_turns
from evals.perf.prefix_cache import describe_tools
from tools.observation import FrameRef


def test_a_default_frame_is_within_the_goal() -> None:
    # 640 / 28 = 22.9 and 360 / 28 = 12.9: 23 x 13; 640 / 32 = 20 and 360 / 32 = 11.25: 20 x 11
    assert frame_tokens(default_frame(), 28) == 299 <= MAX_FRAME_TOKENS
    assert frame_tokens(default_frame(), 32) == 220


def test_a_larger_picture_is_counted_as_it_is_sent() -> None:
    # 3840x2160 is sent as 1280x720: 40 x 22.5, and round goes to the even 22
    assert frame_tokens(FrameRef(0.0, 2160, 3840), 32) == 880


def test_tokens_that_the_engine_reported_are_taken_as_they_are() -> None:
    usages = [Usage(prompt_tokens=1000), Usage(prompt_tokens=1500)]
    steps = tuple(Step(Turn("", Answer("yes"), usage)) for usage in usages)
    trajectory = Trajectory(Question("v.mp4", "?"), VideoFacts("h", 1.0, 1, 1), steps=steps)
    assert measure_budget(trajectory, describe_tools()) == Budget(turns=2, frames=0, tokens=2500)


def test_without_reported_tokens_the_record_is_counted_as_a_model_would_be_sent_it() -> None:
    played = run_ten_turns()
    found = measure_budget(played, describe_tools())
    assert (found.turns, found.frames) == (10, 36)
    # 36 pictures of 240, shown in 1 to 9 requests each: 4 x 240 x (1 + 2 + ... + 9), and the words beside them
    assert found.tokens > 4 * 240 * 45


def test_the_command_says_how_many_questions_keep_the_goal(tmp_path: Path) -> None:
    short = replace(run_ten_turns(), steps=run_ten_turns().steps[-1:], question=Question("v.mp4", "?", id="short"))
    text = "".join(to_json(trajectory) + "\n" for trajectory in (run_ten_turns(), short))
    (tmp_path / "run.jsonl").write_text(text, encoding="utf-8")
    page = main([str(tmp_path / "run.jsonl")])
    assert "<= 5: 1 of 2" in page
    assert "<= 32: 1 of 2" in page


def test_an_empty_run_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").touch()
    with pytest.raises(ValueError, match="no question"):
        main([str(tmp_path / "run.jsonl")])
