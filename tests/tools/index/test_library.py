"""One index over the videos of a folder: what is found, and how it follows what is added, changed and removed."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from agent.sessions.library import describe_indexed, update_library
from tests.drawn import write_colours
from tools.encoders.hashing import HashingEncoder
from tools.index import library as library_module
from tools.index import shards
from tools.index.library import Library
from tools.index.shards import PLACE, Shard, VideoVectors, write_shard
from tools.limits import VideoError
from tools.toolbox import Toolbox, open_toolbox


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`night/two.mp4` (green), `one.mp4` (red) and `three.mp4` (blue), each grey for a second first."""
    folder = tmp_path / "videos"
    (folder / "night").mkdir(parents=True)
    write_colours(folder / "night" / "two.mp4", ["grey", "green", "green"])
    write_colours(folder / "one.mp4", ["grey", "red", "red", "red"])
    write_colours(folder / "three.mp4", ["grey", "blue", "blue"])
    return folder


class Opener:
    """Opens videos with a cache of a test's own, and remembers which."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.opened: list[str] = []

    def __call__(self, path: Path) -> Toolbox:
        self.opened.append(path.name)
        return open_toolbox(path, encoder=HashingEncoder(), cache=self.cache)


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    return Opener(tmp_path / "cache")


def updated(folder: Path, opener: Opener) -> Library:
    opener.opened.clear()
    library = Library(folder, HashingEncoder(), opener.cache)
    update_library(library, opener)
    return library


def test_a_moment_is_found_in_its_video_by_picture_and_by_the_name_of_the_file(folder: Path, opener: Opener) -> None:
    library = updated(folder, opener)
    first, *_ = library.search("green light", 5)
    assert (first.video, first.source) == (folder / "night" / "two.mp4", "picture")
    assert (first.start_seconds, first.stop_seconds) == (1.0, 3.0)
    assert library.rank_videos("red", 2)[0] == folder / "one.mp4"
    named = [moment for moment in library.search("night", 5) if moment.source == "file name"]
    assert [moment.video.name for moment in named] == ["two.mp4"]


def test_each_video_is_opened_once_and_again_only_when_it_changes(folder: Path, opener: Opener) -> None:
    updated(folder, opener)
    assert sorted(opener.opened) == ["one.mp4", "three.mp4", "two.mp4"]
    library = updated(folder, opener)
    assert opener.opened == []
    assert library.search("green", 9)[0].video.name == "two.mp4"

    write_colours(folder / "one.mp4", ["green", "green", "green"])
    write_colours(folder / "new.mp4", ["blue", "red"])
    (folder / "three.mp4").unlink()
    library = updated(folder, opener)
    assert sorted(opener.opened) == ["new.mp4", "one.mp4"]
    assert library.rank_videos("red", 1) == [folder / "new.mp4"]
    assert {moment.video.name for moment in library.search("green", 9)} == {"two.mp4", "one.mp4", "new.mp4"}
    assert len(list(opener.cache.glob("library-*/shard-*.faiss"))) == 1


def test_a_file_that_moved_is_known_by_its_content_and_a_copy_is_one_video(folder: Path, opener: Opener) -> None:
    updated(folder, opener)
    os.link(folder / "one.mp4", folder / "copy.mp4")
    (folder / "three.mp4").rename(folder / "night" / "three.mp4")
    library = updated(folder, opener)
    found = [moment.video.name for moment in library.search("red", 9) if moment.score > 0.9]
    assert sorted(found) == ["copy.mp4"]
    assert folder / "night" / "three.mp4" in library.rank_videos("blue", 1)


def test_what_is_said_or_written_is_found_once_it_is_known(folder: Path, opener: Opener) -> None:
    library = updated(folder, opener)
    assert library.wordless == 3
    said = folder / "one.srt"
    said.write_text("1\n00:00:01,000 --> 00:00:02,000\nThe train to Ghent leaves at noon.\n")
    with open_toolbox(folder / "one.mp4", encoder=HashingEncoder(), subtitles=said, cache=opener.cache) as toolbox:
        library.record(folder / "one.mp4", describe_indexed(toolbox))
    library.save()
    again = Library(folder, HashingEncoder(), opener.cache)
    again.save()
    (found,) = (moment for moment in again.search("when does the train leave", 9) if moment.source == "speech")
    assert (found.video.name, found.start_seconds, found.stop_seconds) == ("one.mp4", 1.0, 2.0)
    assert found.text == "The train to Ghent leaves at noon."
    assert again.rank_videos("a train to Ghent", 1) == [folder / "one.mp4"]


def test_files_that_cannot_be_read_are_named_and_tried_again_when_they_change(folder: Path, opener: Opener) -> None:
    (folder / "one.mp4").write_bytes(b"no video at all")
    (folder / "empty.mkv").touch()
    library = updated(folder, opener)
    assert {path.name for path in library.problems} == {"one.mp4", "empty.mkv"}
    assert "is empty" in library.problems[folder / "empty.mkv"]
    assert {moment.video.name for moment in library.search("green", 9)} == {"two.mp4", "three.mp4"}
    updated(folder, opener)
    assert opener.opened == []
    write_colours(folder / "one.mp4", ["red"])
    assert set(updated(folder, opener).problems) == {folder / "empty.mkv"}
    assert opener.opened == ["one.mp4"]


def test_a_bug_met_in_one_file_leaves_the_others_searchable(
    folder: Path, opener: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(path: Path) -> Toolbox:
        if path.name == "one.mp4":
            raise IndexError("list index out of range")
        return opener(path)

    library = Library(folder, HashingEncoder(), opener.cache)
    update_library(library, failing)
    assert library.problems == {folder / "one.mp4": "not indexed yet"}
    assert "one.mp4 could not be indexed" in caplog.text
    assert library.search("blue", 1)[0].video.name == "three.mp4"


def test_a_folder_without_videos_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(VideoError, match="holds no video file"):
        Library(tmp_path, HashingEncoder(), tmp_path / "cache")


@pytest.mark.parametrize("damage", ["catalogue", "faiss", "npy", "index", "lines"])
def test_what_is_damaged_in_the_cache_is_made_again(folder: Path, opener: Opener, damage: str) -> None:
    updated(folder, opener)
    patterns = {"catalogue": "library-*/catalogue.json", "index": "*/index-*/vectors", "lines": "library-*/lines/*"}
    for path in opener.cache.glob(patterns.get(damage, f"library-*/shard-*.{damage}")):
        path.write_bytes(path.read_bytes()[:20])
    if damage == "index":  # the shard is whole without it; a changed folder has it written again
        (folder / "one.mp4").unlink()
    updated(folder, opener)
    library = updated(folder, opener)  # an index that has gone is made again when it is missed
    assert {moment.video.name for moment in library.search("green", 9)} >= {"two.mp4", "three.mp4"}
    assert not library.problems


def test_shards_are_split_where_they_are_full_and_all_are_searched(
    folder: Path, opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_module, "SHARD_ROWS", 40)
    library = updated(folder, opener)
    assert len(list(opener.cache.glob("library-*/shard-*.faiss"))) > 1
    best = {colour: library.rank_videos(colour, 1)[0].name for colour in ("green", "red", "blue")}
    assert best == {"green": "two.mp4", "red": "one.mp4", "blue": "three.mp4"}


def make_vectors(count: int, seed: int) -> VideoVectors:
    drawn = np.random.default_rng(seed).normal(size=(count, 32))
    places = np.zeros(count, PLACE)
    places["start"] = np.arange(count)
    places["stop"] = np.arange(count) + 1
    return VideoVectors((drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float16), places)


def recall(found: Iterable[int], true: Iterable[int]) -> float:
    return len({*found} & {*true}) / len({*true})


def test_a_large_shard_finds_most_of_what_comparing_all_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "EXACT_ROWS", 1000)
    videos = [make_vectors(2000, 1), make_vectors(2400, 2)]
    opened = Shard(tmp_path, write_shard(tmp_path, videos), 4400)
    whole = np.concatenate([video.vectors for video in videos]).astype(np.float32)
    query = whole[3000] + 0.3 * whole[10]
    hits = opened.search(query / np.linalg.norm(query), 10)
    true = np.argsort(-(whole @ query))[:10]
    assert (hits[0].video, hits[0].start_seconds, hits[0].stop_seconds) == (1, 1000.0, 1001.0)
    assert recall((hit.video * 2000 + int(hit.start_seconds) for hit in hits), true.tolist()) >= 0.2
    with pytest.raises(OSError, match="was changed"):
        Shard(tmp_path, next(tmp_path.glob("*.npy")).stem, 4399)
