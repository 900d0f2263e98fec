import errno
import os
import threading
import time
from pathlib import Path

import pytest
from pydantic import TypeAdapter

import tools.cache
from tests.lock_holder import hold_in_stopped_process
from tools.cache import (
    CacheError,
    explain_write_errors,
    find_cache_root,
    find_lock_holder,
    hold_lock,
    hold_writer_lock,
    keep,
    list_cached_videos,
    load_kept,
    make_video_folder,
    open_writer_lock,
    prune,
    prune_after_writing,
    write_atomically,
)


def _video(root: Path, name: str, size_bytes: int, used_at: float) -> Path:
    folder = make_video_folder(name, root)
    (folder / "blob").write_bytes(bytes(size_bytes))
    os.utime(folder / "used", (used_at, used_at))
    return folder


def test_the_environment_says_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "here"))
    assert find_cache_root() == tmp_path / "here"
    assert find_cache_root(tmp_path / "there") == tmp_path / "there"
    monkeypatch.delenv("VIDEOSLEUTH_CACHE")
    assert "videosleuth" in str(find_cache_root())


def test_what_is_kept_comes_back_and_nothing_else_is_left(tmp_path: Path) -> None:
    keep(tmp_path / "a" / "b.json", {"größer": [1.5, 2.0]})
    assert load_kept(tmp_path / "a" / "b.json", TypeAdapter(dict[str, tuple[float, ...]])) == {"größer": (1.5, 2.0)}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.json"]


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


def test_whoever_holds_a_lock_and_gives_no_sign_of_life_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.cache, "WRITER_PATIENCE_SECONDS", 0.5)
    with (
        open_writer_lock("a", tmp_path).acquire(timeout=0),
        pytest.raises(CacheError, match=r"a\.lock and has given no sign of life for 0\.5 s"),
        hold_writer_lock("a", tmp_path),
    ):
        raise AssertionError("two hold it")


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the system does not say who holds a lock")
def test_a_process_that_was_stopped_with_a_lock_is_told_by_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.cache, "WRITER_PATIENCE_SECONDS", 0.5)
    lock = open_writer_lock("a", tmp_path)
    assert find_lock_holder(tmp_path / "locks" / "a.lock") is None
    with (
        hold_in_stopped_process(tmp_path / "locks" / "b.lock"),
        hold_in_stopped_process(Path(lock.lock_file)) as pid,
        pytest.raises(CacheError, match=rf"^process {pid} holds .*a\.lock .* no sign of life .*, or go elsewhere$"),
        hold_lock(lock, "go elsewhere"),
    ):
        raise AssertionError("two hold it")
    assert find_lock_holder(Path(lock.lock_file)) is None
    with hold_lock(lock):
        assert find_lock_holder(Path(lock.lock_file)) == os.getpid()


def test_whoever_holds_a_lock_and_works_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools.cache, "WRITER_PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(tools.cache, "_SIGN_SECONDS", 0.05)
    order, is_held = [], threading.Event()

    def work() -> None:
        with hold_writer_lock("a", tmp_path):
            is_held.set()
            time.sleep(1.5)
            order.append("done")

    worker = threading.Thread(target=work)
    worker.start()
    assert is_held.wait(10)
    with hold_writer_lock("a", tmp_path):
        order.append("next")
    worker.join()
    assert order == ["done", "next"]


def test_prune_spares_what_is_kept_being_written_or_lately_used(tmp_path: Path) -> None:
    kept, written, gone = (_video(tmp_path, name, 1000, 100) for name in ("kept", "written", "gone"))
    lately = _video(tmp_path, "lately", 1000, time.time())
    with open_writer_lock("written", tmp_path).acquire(timeout=0):
        done = prune(max_bytes=0, root=tmp_path, keep=[kept], unused_seconds=60)
    assert done.removed == 1
    assert [folder.exists() for folder in (kept, written, lately, gone)] == [True, True, True, False]
    assert prune(max_bytes=0, root=tmp_path).removed == 3


def test_many_videos_written_one_after_the_other_are_looked_through_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []
    monkeypatch.setattr(tools.cache, "prune", lambda **options: looked.append(options["keep"]))
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        prune_after_writing(folder, tmp_path)
    assert looked == [[folders[0]]]
    monkeypatch.setattr(tools.cache, "_PRUNE_SECONDS", 0.0)
    prune_after_writing(folders[2], tmp_path)
    assert looked == [[folders[0]], [folders[2]]]


def test_prune_never_touches_folders_that_the_cache_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "film.mp4").write_bytes(bytes(5000))
    assert prune(max_bytes=0, root=tmp_path).removed == 0
    assert (tmp_path / "holiday" / "film.mp4").exists()


def test_using_a_video_again_makes_it_the_newest(tmp_path: Path) -> None:
    _video(tmp_path, "a", 10, 100)
    _video(tmp_path, "b", 10, 200)
    make_video_folder("a", tmp_path)
    assert [video.folder.name for video in list_cached_videos(tmp_path)] == ["b", "a"]


def test_a_full_disk_is_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(CacheError, match=r"^no space left .*agent index --prune.*VIDEOSLEUTH_CACHE"),
        explain_write_errors(tmp_path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is the one disk that is always full")
def test_a_really_full_device_is_explained(tmp_path: Path) -> None:
    def fill() -> None:
        with explain_write_errors(tmp_path):
            Path("/dev/full").write_bytes(bytes(10))

    with pytest.raises(CacheError, match="no space left"):
        fill()


def test_a_cache_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be written: set VIDEOSLEUTH_CACHE"):
        make_video_folder("hash", tmp_path / "file")


@pytest.mark.parametrize("configured", ["~nobody-of-this-name/cache", "file"])
def test_a_cache_that_cannot_be_is_one_sentence(
    configured: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", configured)
    with pytest.raises(CacheError, match="VIDEOSLEUTH_CACHE"):
        make_video_folder("hash")


def test_a_relative_cache_stays_where_it_was_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", "cache")
    assert find_cache_root() == tmp_path / "cache"


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_what_the_cache_makes_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = make_video_folder("hash", tmp_path / "cache")
    keep(folder / "a.json", 1)
    with open_writer_lock("hash", tmp_path / "cache"):
        modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "cache").rglob("*")}
    assert set(modes) == {"hash", "used", "a.json", "locks", "hash.lock"}
    assert not any(modes.values()), modes


def test_a_cache_folder_may_be_a_link_but_nothing_in_it_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "cache").symlink_to(tmp_path / "disk")
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "used").write_text("mine")
    (tmp_path / "disk" / "hash").symlink_to(victim)
    (tmp_path / "disk" / "locks").symlink_to(victim)
    folder = make_video_folder("hash", tmp_path / "cache")
    (folder / "used").unlink()
    (folder / "used").symlink_to(victim / "touched")
    make_video_folder("hash", tmp_path / "cache")
    with open_writer_lock("hash", tmp_path / "cache"):
        pass
    assert [(path.name, path.read_text()) for path in victim.iterdir()] == [("used", "mine")]
    assert (tmp_path / "disk" / "hash" / "used").is_file()
    assert prune(max_bytes=-1, root=tmp_path / "cache").removed == 1


def test_a_removal_does_not_follow_links_out_of_the_cache(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "file").write_text("mine")
    folder = _video(tmp_path / "cache", "a", 10, 100)
    (folder / "index-x").symlink_to(tmp_path / "victim")
    assert prune(max_bytes=0, root=tmp_path / "cache").removed == 1
    assert (tmp_path / "victim" / "file").exists()
