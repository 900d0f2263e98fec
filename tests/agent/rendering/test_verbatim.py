"""A question that is asked word for word: the pictures, the text, and nothing of ours."""

from dataclasses import replace

from agent.policy import PolicyOptions
from agent.rendering.messages import LEFT_OUT, NO_EYES, ImageBlock, Text, render
from agent.rendering.reply_parser import parse_reply
from agent.trajectory import (
    Answer,
    Calls,
    Malformed,
    Question,
    Reply,
    Result,
    Step,
    ToolCall,
    Trajectory,
    Turn,
    Usage,
    VideoFacts,
)
from tools.observation import FrameRef, Observation

PROMPT = "Select the best answer. <think> first.\nWhich?\nA. red\nB. blue\nThe best answer is:"
FRAMES = tuple(FrameRef(float(second), width=640, height=360) for second in range(3))


def shown(**changes: object) -> Trajectory:
    look = Turn("", Calls((ToolCall("t1c1", "select_frames", {}),)), is_opening=True)
    step = Step(look, (Result("t1c1", Observation("three frames", FRAMES)),))
    question = Question("v.mp4", PROMPT, is_verbatim=True)
    return replace(Trajectory(question, VideoFacts("h", 3.0, 640, 360), steps=(step,)), **changes)  # type: ignore[arg-type]


def test_the_message_is_the_pictures_and_the_text_alone() -> None:
    conversation = render(shown(), (), "text", PolicyOptions())
    (message,) = conversation.messages
    assert message.role == "user"
    assert message.blocks == (*map(ImageBlock, FRAMES), Text(PROMPT))
    assert conversation.tools == ()


def test_pictures_keep_to_the_limits_of_the_policy() -> None:
    conversation = render(shown(), (), "native", PolicyOptions(max_pictures=2, max_frame_pixels=100))
    (message,) = conversation.messages
    assert message.blocks[0] == Text(LEFT_OUT)
    assert [block.ref.width for block in message.blocks if isinstance(block, ImageBlock)] == [13, 13]
    assert conversation.dropped == FRAMES[:1]
    (blind,) = render(shown(), (), "text", PolicyOptions(), sees_pictures=False).messages
    assert blind.blocks == (Text(NO_EYES * 3 + PROMPT),)


def test_all_that_is_said_is_the_answer() -> None:
    said = "<think>B?</think> The answer is <answer>C</answer>"
    turn = parse_reply(Reply(said, reasoning="hm"), Usage(), shown())
    assert (turn.move, turn.thought) == (Answer(said), "hm")
    assert isinstance(parse_reply(Reply(" \n"), Usage(), shown()).move, Malformed)
    assert isinstance(parse_reply(Reply("half \ud800 of a pair"), Usage(), shown()).move, Malformed)
