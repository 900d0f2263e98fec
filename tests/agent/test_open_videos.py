"""Open videos: opened once however many ask, closed when nobody has asked for longest, tried again after a failure."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.sessions.open_videos import OnProgress, OpenVideos, VideoKey
from tests.clips import write_clip
from tools.deadline import set_deadline
from tools.toolbox import Toolbox, open_toolbox


class Opener:
    """Opens clips, and keeps what it opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.opened: list[Path] = []
        self.closed: list[Path] = []
        self.gate = threading.Event()
        self.gate.set()

    def key(self, name: str) -> VideoKey:
        path = self._folder / f"{name}.mp4"
        return VideoKey(path if path.exists() else write_clip(path, frames=12))

    def __call__(self, key: VideoKey, on_progress: OnProgress) -> Toolbox:
        self.gate.wait(20)
        self.opened.append(key.path)
        toolbox = open_toolbox(key.path, encoder="hashing", cache=self._folder / "cache", on_progress=on_progress)
        close = toolbox.close

        def noted() -> None:
            self.closed.append(key.path)
            close()

        toolbox.close = noted  # type: ignore[method-assign]
        return toolbox


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    return Opener(tmp_path)


def test_a_video_is_opened_once_for_all_who_ask(opener: Opener) -> None:
    videos, key = OpenVideos(opener, 1), opener.key("a")
    meeting = threading.Barrier(4, timeout=20)

    def use(_: int) -> Toolbox | None:
        with videos.borrowed(key) as toolbox:
            meeting.wait()
            return toolbox

    with ThreadPoolExecutor(4) as pool:
        assert len(set(map(id, pool.map(use, range(4))))) == 1
    assert opener.opened == [key.path]
    videos.close()
    assert opener.closed == [key.path]


def test_the_one_that_was_used_longest_ago_is_closed_and_none_that_is_used(opener: Opener) -> None:
    videos, (a, b, c) = OpenVideos(opener, 1), [opener.key(name) for name in "abc"]
    with videos.borrowed(a):
        for key in (b, c):
            with videos.borrowed(key):
                pass
        assert opener.closed == [b.path]
    assert opener.closed == [b.path, c.path]
    with videos.borrowed(a):
        assert opener.opened == [a.path, b.path, c.path]
        videos.close()
        assert a.path not in opener.closed
    assert opener.closed[-1] == a.path


def test_a_video_that_was_replaced_is_another_one(opener: Opener) -> None:
    videos, key = OpenVideos(opener, 2), opener.key("a")
    for frames in (12, 24):
        write_clip(key.path, frames=frames)
        with videos.borrowed(key) as toolbox:
            assert toolbox is not None
            assert toolbox.video.info.duration_seconds == pytest.approx(frames / 30)
    videos.close()


def test_what_can_not_be_opened_is_tried_again(opener: Opener) -> None:
    videos, key = OpenVideos(opener, 1), opener.key("a")
    good = key.path.read_bytes()
    for content in (b"no video", good):
        key.path.write_bytes(content)
        if content != good:
            with pytest.raises(ValueError, match=r"a\.mp4"), videos.borrowed(key):
                pass
    with videos.borrowed(key) as toolbox:
        assert toolbox is not None
    videos.close()


def test_who_has_no_time_leaves_and_the_video_is_open_for_the_next(opener: Opener) -> None:
    videos, key = OpenVideos(opener, 1), opener.key("a")
    opener.gate.clear()
    with set_deadline(0.1), videos.borrowed(key) as toolbox:
        assert toolbox is None
    opener.gate.set()
    with videos.borrowed(key) as toolbox:
        assert toolbox is not None
    assert opener.opened == [key.path]
    videos.close()


def test_a_folder_whose_picture_was_replaced_is_another_video(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(b"one")
    (tmp_path / "3.png").symlink_to(tmp_path / "nothing")
    key = VideoKey(tmp_path)
    before = key.state
    assert key.state == before
    (tmp_path / "1.png").write_bytes(b"another")
    assert key.state != before
