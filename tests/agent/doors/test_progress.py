"""Work on a video that is not indexed yet, as every door tells it: one kind of event."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import numpy as np
from mcp import Client
from numpy.typing import NDArray

from agent import Sleuth
from agent.doors.allowed_folders import AllowedFolders
from agent.doors.http.ag_ui import AgUiEvents
from agent.doors.http.completions import format_reasoning
from agent.doors.mcp.server import VideoServer
from agent.events import RunFinished, RunStarted, VideoPrepared
from agent.policy import ToolAccess
from agent.trajectory import Answer, Trajectory, Turn
from tests.clips import write_clip
from tools.encoders.hashing import HashingEncoder


class SlowEncoder(HashingEncoder):
    """Takes its time for each picture."""

    def encode_images(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        time.sleep(0.05 * len(pixels))
        return super().encode_images(pixels)


class PatientPolicy:
    """Answers once it is let go on."""

    spec = "patient"
    setup = None

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self.go_on.wait(30)
        return Turn("", Answer("four"))


def test_progress_stands_between_the_start_and_the_end_of_a_run_and_every_door_says_it(tmp_path: Path) -> None:
    clip, policy = write_clip(tmp_path / "clip.mp4", frames=60, fps=1), PatientPolicy()
    events = []
    with Sleuth(policy, encoder=SlowEncoder(), cache=tmp_path / "cache") as sleuth:
        for event in sleuth.stream(clip, "How many?"):
            events.append(event)
            if isinstance(event, VideoPrepared):
                policy.go_on.set()
    told = next(event for event in events if isinstance(event, VideoPrepared))
    assert (type(events[0]), type(events[-1])) == (RunStarted, RunFinished)
    assert (told.video, told.stage in ("keyframes", "frames", "tiles"), 0 < told.share <= 1) == (1, True, True)
    data = told.as_data()
    (sent,) = AgUiEvents("job-1", "job-1").read(data)
    assert (sent["type"], sent["name"], sent["value"]["share"]) == ("CUSTOM", "video_prepared", told.share)
    assert format_reasoning(data) == f"preparing the video: {told.stage} {100 * told.share:.0f} %\n"


def test_a_host_of_mcp_is_told(tmp_path: Path) -> None:
    clip, policy, lines = write_clip(tmp_path / "clip.mp4", frames=60, fps=1), PatientPolicy(), []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        lines.append(str(message))
        if "preparing" in str(message):
            policy.go_on.set()

    async def ask(door: VideoServer) -> Any:
        async with Client(door.server) as client:
            asked = {"video": str(clip), "question": "How many?"}
            return await client.call_tool("ask_video", asked, progress_callback=hear)

    with (
        Sleuth(policy, encoder=SlowEncoder(), cache=tmp_path / "cache") as sleuth,
        VideoServer(sleuth, AllowedFolders([tmp_path])) as door,
    ):
        answered = anyio.run(ask, door)
    assert answered.structured_content["answer"] == "four"
    assert any(line.startswith("preparing the video: ") and line.endswith(" %") for line in lines)


def test_a_video_that_is_ready_at_once_says_nothing_of_it(tmp_path: Path) -> None:
    clip, policy = write_clip(tmp_path / "clip.mp4", frames=10), PatientPolicy()
    policy.go_on.set()
    with Sleuth(policy, encoder="hashing", cache=tmp_path / "cache") as sleuth:
        assert not [event for event in sleuth.stream(clip, "How many?") if isinstance(event, VideoPrepared)]
