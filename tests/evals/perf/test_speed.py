"""The speed script runs on clips of two seconds; what it measures there says nothing about speed."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evals.perf import speed
from evals.perf.speed_clips import read_frame_number, specs
from evals.perf.speed_jobs import _wait_for_keyframes
from tests.drawn import write_colours
from tools.encoders import conse
from tools.encoders.hashing import HashingEncoder
from tools.index.video_index import open_index
from tools.video.video import Video


def test_every_frame_of_the_measured_videos_carries_its_number(tmp_path: Path) -> None:
    spec = specs(quick=True)["long"]
    with Video(spec.make(tmp_path)) as video:
        numbers = [read_frame_number(frame.pixels) for frame in video.read(video.timestamps.tolist())]
    assert numbers == [*range(spec.frames)] * spec.copies


def test_a_quick_run_prints_a_table_with_every_frame_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = speed.main(["--quick", "--repeats", "1", "--goals", "P1,P3,P4,P5", "--folder", str(tmp_path)])
    assert {row.goal for row in rows} == {"P1", "P3", "P4", "P5"}
    assert next(row.value for row in rows if row.goal == "P4") == 1.0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 2 + len(rows)


@pytest.mark.skipif(not conse.is_installed(), reason="needs `pip install 'videosleuth[encoder]'`")
def test_the_states_of_a_long_film_come_one_after_the_other(tmp_path: Path) -> None:
    rows = speed.main(["--quick", "--repeats", "1", "--goals", "long", "--folder", str(tmp_path)])
    values = {row.what.partition(",")[0]: row.value for row in rows if "60 min" in row.what}
    first, frames, tiles, memory = values.values()
    assert None not in (first, frames, tiles, memory)
    assert 0 < first < frames < tiles  # type: ignore[operator]


def test_an_index_that_ends_by_an_error_is_not_waited_for(tmp_path: Path) -> None:
    class BrokenEncoder(HashingEncoder):
        def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
            raise RuntimeError("no memory is left")

    with Video(write_colours(tmp_path / "clip.mp4", ["red", "blue"])) as video:
        index = open_index(video, BrokenEncoder(), tmp_path / "cache")
        with pytest.raises(RuntimeError, match="no memory is left"):
            _wait_for_keyframes(index, threading.Event())
        index.cancel()


def test_a_peer_that_is_missing_is_not_run(tmp_path: Path) -> None:
    row = speed.SpeedRow("P3", "torchcodec / ours", None, "x CPU", 1.0, is_floor=True)
    assert row.is_met is None
    assert "not run" in row.line()


def test_unknown_goals_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match="known: P1"):
        speed.main(["--goals", "P99"])
