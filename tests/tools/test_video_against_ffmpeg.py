"""Frame by frame against the ffmpeg command line, which shares no code with our seeking and skipping."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import clips
from tests.clip_kinds import CLIPS
from tools.video.video import Video

LOOK_UPS = 60

CASES = [
    "h264_b_frames.mp4",
    "h264_long_gop.mp4",
    "h264_open_gop.mp4",
    "h264.ts",
    "h264_fragmented.mp4",
    "hevc_open_gop.mp4",
    "vp9.webm",
    "vfr.mp4",
    "vfr.mkv",
    "rotated.mp4",
    "late_start.mp4",
    "late_start.ts",
]


def ffmpeg_command() -> str:
    try:
        import imageio_ffmpeg
    except ImportError:
        found = shutil.which("ffmpeg")
        if found is None:
            pytest.skip("needs the ffmpeg command: neither imageio-ffmpeg nor ffmpeg is installed")
        return found
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def decode_all(clip: Path, width: int, height: int) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """(N,) seconds from the first frame and (N, H, W, 3) RGB, by one run of ffmpeg over the whole clip."""
    command = [ffmpeg_command(), "-hide_banner", "-threads", "1", "-i", str(clip), "-map", "0:v:0", "-vf", "showinfo"]
    command += ["-fps_mode", "passthrough", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    run = subprocess.run(command, capture_output=True, check=True)
    times = np.array([float(t) for t in re.findall(r"pts_time:\s*([\d.]+)", run.stderr.decode())])
    return times - times[0], np.frombuffer(run.stdout, np.uint8).reshape(-1, height, width, 3)


@pytest.mark.parametrize("kind", CASES)
def test_every_look_up_gives_the_picture_that_ffmpeg_decodes_there(tmp_path: Path, kind: str) -> None:
    clip = CLIPS[kind](tmp_path / kind)
    with Video(clip) as video:
        times, pictures = decode_all(clip, video.info.width, video.info.height)
        np.testing.assert_allclose(video.timestamps, times, atol=0.0011)
        asked = np.random.default_rng(3).uniform(0, video.info.duration_seconds, LOOK_UPS)
        asked = asked[np.abs(asked[:, None] - times).min(axis=1) > 0.002]  # ffmpeg prints times in rounded digits
        for seconds in asked.tolist():
            frame = video.read_frame(seconds)
            truth = pictures[np.searchsorted(times, seconds, side="right") - 1]
            upright = np.rot90(frame.pixels) if video.info.rotation_degrees == 90 else frame.pixels
            upright_truth = np.rot90(truth) if video.info.rotation_degrees == 90 else truth
            assert clips.counter(upright) == clips.counter(upright_truth) is not None
            assert np.abs(frame.pixels.astype(int) - truth).mean() < 1.5  # the two scale colour a little differently
