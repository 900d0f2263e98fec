"""A reference moment is of one video: what was seen or cited at those seconds of another one earns nothing."""

import pytest

from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Question,
    Result,
    Step,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    VideoFacts,
)
from evals.example import Example
from rl.rewards.catalogue import get_reward, get_step_reward
from tools.observation import FrameRef, Observation

FACTS = VideoFacts("0" * 32, 60.0, 640, 360)
ASKED = Question("a.mp4", "Which of the two?", other_videos=("b.mp4",))


def looking_at_second() -> Trajectory:
    """30 s of the second video are looked at and cited."""
    call = ToolCall("t1c1", "zoom", {"seconds": 30.0, "box": [0, 0, 1, 1], "video": 2})
    seen = Observation("", (FrameRef(30.0, 360, 640, video=2),), video=2)
    answer = Answer("b", evidence=(Evidence(29.5, 30.5, ("t1c1",), seen.frames, video=2),))
    steps = (Step(Turn("", Calls((call,))), (Result("t1c1", seen),)), Step(Turn("", answer)))
    return Trajectory(ASKED, FACTS, steps=steps, stop=Stop.ANSWERED, other_facts=(FACTS,))


@pytest.mark.parametrize(
    "name",
    [
        "evidence_iou", "evidence_hit", "evidence_recall", "claims_right", "claims_inside", "claim_nearness",
        "last_window_iou", "frames_jaccard", "frames_found", "frame_hit", "visits_f1", "calls_right", "step_retrieval",
    ],
)  # fmt: skip
def test_the_same_seconds_of_another_video_earn_nothing(name: str) -> None:
    in_first, in_second = (Example(ASKED, "b", evidence_seconds=(29.0, 31.0), evidence_video=n) for n in (1, 2))
    reward = get_reward(name)
    earned = reward(in_second, looking_at_second())
    assert earned is not None
    assert earned > 0
    assert reward(in_first, looking_at_second()) == 0


def test_rewards_by_turn_keep_the_turns() -> None:
    example = Example(ASKED, "b", evidence_seconds=(29.0, 31.0), evidence_video=1)
    assert get_step_reward("step_retrieval")(example, looking_at_second()) == (0.0, 0.0)
