import errno
import os
import time
from pathlib import Path

import pytest

from tools.cache import (
    CacheError,
    cache_root,
    cached_videos,
    explained,
    prune,
    read_json_or_none,
    video_folder,
    write_atomically,
    write_json,
    writer_lock,
)


def _video(root: Path, name: str, size_bytes: int, used_at: float) -> Path:
    folder = video_folder(name, root)
    (folder / "blob").write_bytes(bytes(size_bytes))
    os.utime(folder / "used", (used_at, used_at))
    return folder


def test_the_environment_says_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "here"))
    assert cache_root() == tmp_path / "here"
    assert cache_root(tmp_path / "there") == tmp_path / "there"
    monkeypatch.delenv("VIDEOSLEUTH_CACHE")
    assert "videosleuth" in str(cache_root())


def test_json_comes_back_as_it_was_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_json(tmp_path / "a" / "b.json", {"words": ["größer", 1.5, None]})
    assert read_json_or_none(tmp_path / "a" / "b.json") == {"words": ["größer", 1.5, None]}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.json"]


def test_a_json_file_cut_in_half_reads_as_absent(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", list(range(100)))
    whole = (tmp_path / "a.json").read_bytes()
    (tmp_path / "a.json").write_bytes(whole[: len(whole) // 2])
    assert read_json_or_none(tmp_path / "a.json") is None
    assert read_json_or_none(tmp_path / "absent.json") is None


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "a", "\ud800")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_prune_removes_the_least_recently_used_first(tmp_path: Path) -> None:
    old, middle, new = (_video(tmp_path, name, 1000, used_at) for name, used_at in [("a", 100), ("b", 200), ("c", 300)])
    done = prune(max_bytes=2100, root=tmp_path)
    assert (done.removed, done.freed_bytes, done.kept_bytes) == (1, 1000, 2000)
    assert not old.exists()
    assert middle.exists()
    assert new.exists()


def test_prune_spares_what_is_kept_being_written_or_lately_used(tmp_path: Path) -> None:
    kept, written, gone = (_video(tmp_path, name, 1000, 100) for name in ("kept", "written", "gone"))
    lately = _video(tmp_path, "lately", 1000, time.time())
    with writer_lock("written", tmp_path).acquire(timeout=0):
        done = prune(max_bytes=0, root=tmp_path, keep=[kept], unused_seconds=60)
    assert done.removed == 1
    assert [folder.exists() for folder in (kept, written, lately, gone)] == [True, True, True, False]
    assert prune(max_bytes=0, root=tmp_path).removed == 3


def test_prune_never_touches_folders_that_the_cache_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "film.mp4").write_bytes(bytes(5000))
    assert prune(max_bytes=0, root=tmp_path).removed == 0
    assert (tmp_path / "holiday" / "film.mp4").exists()


def test_using_a_video_again_makes_it_the_newest(tmp_path: Path) -> None:
    _video(tmp_path, "a", 10, 100)
    _video(tmp_path, "b", 10, 200)
    video_folder("a", tmp_path)
    assert [video.folder.name for video in cached_videos(tmp_path)] == ["b", "a"]


def test_a_full_disk_is_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(CacheError, match=r"^no space left .*agent index --prune.*VIDEOSLEUTH_CACHE"),
        explained(tmp_path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is the one disk that is always full")
def test_a_really_full_device_is_explained(tmp_path: Path) -> None:
    def fill() -> None:
        with explained(tmp_path):
            Path("/dev/full").write_bytes(bytes(10))

    with pytest.raises(CacheError, match="no space left"):
        fill()


def test_a_cache_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be written: set VIDEOSLEUTH_CACHE"):
        video_folder("hash", tmp_path / "file")
