"""Captions clip by clip: made once, kept by captioner, made again where they were damaged, resumed where it failed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.clips import write_clip
from tools.deadline import set_deadline
from tools.observation import ToolError, Usage
from tools.video.video import Video
from tools.vision.captioner import WindowWords
from tools.vision.clip_captions import ClipCaptions

ONE = Usage(prompt_tokens=7, completion_tokens=1, cost_usd=0.5)


@dataclass
class Describer:
    """Says which clip it was given; fails from a number of calls on."""

    fails_after: int = 99
    asked: list[float] = field(default_factory=list)

    def __call__(self, start: float, stop: float) -> WindowWords:
        self.asked.append(start)
        if len(self.asked) > self.fails_after:
            raise ToolError("the server is gone")
        return WindowWords(f"from {start:g}", ONE, 6)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "a.mp4", frames=105, fps=1)


@pytest.fixture
def video(path: Path) -> Iterator[Video]:
    with Video(path) as video:
        yield video


def kept_file(cache: Path) -> Path:
    (file,) = cache.glob("*/captions-*")
    return file


def test_every_clip_of_a_window_is_described_once_and_its_cost_is_told(video: Video, tmp_path: Path) -> None:
    describer = Describer()
    captions = ClipCaptions(video, "model", describer, tmp_path)
    found = captions.make(12.0, 40.0)
    assert [(one.start_seconds, one.stop_seconds) for one in found.captions] == [(10, 20), (20, 30), (30, 40)]
    assert (found.missing, found.why) == ([], "")
    assert found.usage == Usage(prompt_tokens=21, completion_tokens=3, cost_usd=1.5)
    assert captions.make(12.0, 40.0).usage is None
    assert sorted(describer.asked) == [10, 20, 30]


def test_the_last_clip_ends_with_the_video(video: Video, tmp_path: Path) -> None:
    last = ClipCaptions(video, "model", Describer(), tmp_path).make(100.0, 105.0).captions[-1]
    assert (last.start_seconds, last.stop_seconds) == (100.0, 105.0)


def test_a_long_video_has_no_more_clips_than_can_be_read_at_once(video: Video, tmp_path: Path) -> None:
    video.info = type(video.info)(**{**vars(video.info), "duration_seconds": 7200.0})
    assert len(ClipCaptions(video, "model", Describer(), tmp_path).find(0.0, 7200.0).missing) == 120


def test_captions_are_kept_by_captioner_and_never_mix(video: Video, tmp_path: Path) -> None:
    ClipCaptions(video, "one", Describer(), tmp_path).make(0.0, 20.0)
    assert len(ClipCaptions(video, "one", Describer(), tmp_path).find(0.0, 105.0).captions) == 2
    assert ClipCaptions(video, "other", Describer(), tmp_path).find(0.0, 105.0).captions == []


def test_a_captioner_of_ones_own_leaves_nothing_on_disk(video: Video, tmp_path: Path) -> None:
    own = ClipCaptions(video, "", Describer(), tmp_path)
    own.make(0.0, 20.0)
    assert len(own.find(0.0, 20.0).captions) == 2
    assert not list(tmp_path.rglob("captions-*"))


def test_what_failed_is_told_and_the_next_call_goes_on_from_there(video: Video, tmp_path: Path) -> None:
    failing = Describer(fails_after=4)
    found = ClipCaptions(video, "model", failing, tmp_path).make(0.0, 105.0)
    assert (len(found.captions), len(found.missing), found.why) == (4, 7, "the server is gone")
    assert len(failing.asked) == 8  # the batch in which it failed, and no further one
    assert [one.start_seconds for one in found.captions] == [0, 20, 40, 80]  # spread over the video from the first on
    describer = Describer()
    assert len(ClipCaptions(video, "model", describer, tmp_path).make(0.0, 105.0).captions) == 11
    assert len(describer.asked) == 7


@pytest.mark.parametrize("damage", ["flipped", "cut off", "gone"])
def test_a_damaged_caption_is_made_again_and_no_other(video: Video, tmp_path: Path, damage: str) -> None:
    ClipCaptions(video, "model", Describer(), tmp_path).make(0.0, 30.0)
    file = kept_file(tmp_path)
    whole = file.read_bytes()
    if damage == "flipped":
        file.write_bytes(whole.replace(b"from 10", b"from 11"))
    elif damage == "cut off":
        file.write_bytes(whole[:-5])
    else:
        file.unlink()
    describer = Describer()
    again = ClipCaptions(video, "model", describer, tmp_path).make(0.0, 30.0)
    assert [one.text for one in again.captions] == ["from 0", "from 10", "from 20"]
    assert len(describer.asked) == (3 if damage == "gone" else 1)
    assert len(ClipCaptions(video, "model", Describer(), tmp_path).find(0.0, 30.0).captions) == 3


def test_out_of_time_is_no_failure_of_the_captioner(video: Video, tmp_path: Path) -> None:
    with set_deadline(0.0):
        found = ClipCaptions(video, "model", Describer(), tmp_path).make(0.0, 30.0)
    assert (len(found.missing), found.why, found.usage) == (3, "", None)
