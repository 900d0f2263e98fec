"""A program that embeds the tools ends by itself, whatever it leaves behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.drawn import write_drawn
from tests.test_layout import ROOT

_LEAVES_THE_INDEX = """
import sys, threading
from pathlib import Path
import torch
from tools.encoders.hashing import HashingEncoder
from tools.resources import ToolResources
from tools.video.video import Video

at_work = threading.Event()

class Busy(HashingEncoder):
    def encode_images(self, pixels):
        at_work.set()
        for _ in range(40):
            torch.rand(600, 600) @ torch.rand(600, 600)
        return super().encode_images(pixels)

tools = ToolResources(Video(sys.argv[1]), Busy(), cache=Path(sys.argv[2]))
at_work.wait()
"""
_LEAVES_A_TOOL = """
import time
from tools.deadline import set_deadline, run_in_time

with set_deadline(0.01):
    run_in_time([lambda: print("ended", time.sleep(1.0), flush=True)], grace_seconds=0.0)
"""


@pytest.mark.parametrize(("code", "said"), [(_LEAVES_THE_INDEX, ""), (_LEAVES_A_TOOL, "ended None\n")])
def test_a_program_that_closes_nothing_ends_well(tmp_path: Path, code: str, said: str) -> None:
    video = write_drawn(tmp_path / "clip.mp4")
    command = [sys.executable, "-c", code, str(video), str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
