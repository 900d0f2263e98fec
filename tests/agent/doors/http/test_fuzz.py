"""A few of the hostile videos and requests of `python -m tests.fuzz.doors`."""

from pathlib import Path

from tests.clips import write_clip
from tests.fuzz.doors import attack


def test_hostile_videos_and_requests_get_an_answer_and_leave_the_server_as_it_was(tmp_path: Path) -> None:
    seeds = [write_clip(tmp_path / name, frames=40, keyframe_every=20) for name in ("h264.mp4", "h264.mkv", "h264.ts")]
    findings = attack(tmp_path, seeds, range(20), range(100), seed=7)
    assert not [found for found in findings if found.is_failure]
    assert {found.result.partition(" ")[0] for found in findings} >= {"answered", "refused", "400", "404"}
