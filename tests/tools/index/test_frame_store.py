"""Frames kept as JPEG: found by time, served while written, whole after a kill."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from tests import clips
from tools.index.frame_store import (
    PICTURES,
    RECORD,
    RECORDS,
    DamagedPictureError,
    FrameStore,
    FrameStoreWriter,
    fit_stored_size,
)
from tools.video.video import Frame, Video


def frame(number: int, width: int = 320, height: int = 192) -> Frame:
    return Frame(clips.picture(number, width, height), float(number))


def fill(folder: Path, count: int) -> Path:
    with FrameStoreWriter(folder) as writer:
        for number in range(count):
            writer.append(frame(number))
    return folder


def test_frames_come_back_as_they_were_put_in(tmp_path: Path) -> None:
    with FrameStore(fill(tmp_path, 5)) as store:
        assert store.seconds.tolist() == [0, 1, 2, 3, 4]
        assert [clips.counter(store.frame(n).pixels) for n in range(5)] == list(range(5))
        assert store.frame(3).seconds == 3.0
        assert np.abs(store.frame(3).pixels.astype(int) - frame(3).pixels).mean() < 6


def test_the_bytes_of_a_frame_are_always_the_same(tmp_path: Path) -> None:
    with FrameStore(fill(tmp_path, 2)) as store:
        assert store.jpeg(1) == store.jpeg(1)
        assert store.jpeg(1)[:2] == b"\xff\xd8"


def test_at_gives_the_last_frame_not_after_the_time(tmp_path: Path) -> None:
    with FrameStore(fill(tmp_path, 5)) as store:
        assert [store.at(t) for t in (-1, 0, 0.99, 1, 3.5, 100)] == [0, 0, 0, 1, 3, 4]


def test_a_reader_sees_what_was_written_since(tmp_path: Path) -> None:
    with FrameStoreWriter(tmp_path) as writer:
        writer.append(frame(0))
        with FrameStore(tmp_path) as store:
            writer.append(frame(1))
            assert len(store) == 1
            assert store.refresh() == 2
            assert clips.counter(store.frame(1).pixels) == 1


@pytest.mark.parametrize("torn", [PICTURES, RECORDS])
def test_after_a_kill_the_whole_frames_are_there_and_writing_goes_on(tmp_path: Path, torn: str) -> None:
    fill(tmp_path, 4)
    path = tmp_path / torn
    path.write_bytes(path.read_bytes()[:-5])
    with FrameStore(tmp_path) as store:
        assert len(store) == 3
    with FrameStoreWriter(tmp_path) as writer:
        writer.append(frame(7))
    with FrameStore(tmp_path) as store:
        assert [clips.counter(store.frame(n).pixels) for n in range(4)] == [0, 1, 2, 7]


def test_damaged_records_end_the_store_instead_of_misleading_it(tmp_path: Path) -> None:
    path = fill(tmp_path, 4) / RECORDS
    data = bytearray(path.read_bytes())
    data[2 * RECORD.itemsize + 8 : 2 * RECORD.itemsize + 16] = b"\xff" * 8
    path.write_bytes(bytes(data))
    with FrameStore(tmp_path) as store:
        assert len(store) == 2


def test_frames_must_come_in_ascending_time(tmp_path: Path) -> None:
    with FrameStoreWriter(tmp_path) as writer:
        writer.append(frame(3))
        with pytest.raises(ValueError, match="need a frame after 3"):
            writer.append(frame(3))


def test_a_folder_without_frames_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no frames"):
        FrameStore(tmp_path)


def test_an_empty_store_says_that_it_is_empty(tmp_path: Path) -> None:
    FrameStoreWriter(tmp_path).close()
    with FrameStore(tmp_path) as store:
        assert len(store) == 0
        with pytest.raises(ValueError, match="empty"):
            store.at(1.0)
        with pytest.raises(IndexError):
            store.jpeg(0)


@pytest.mark.parametrize(
    ("size", "kept"),
    [((1920, 1080), (640, 360)), ((1080, 1920), (360, 640)), ((320, 240), (320, 240)), ((1000, 1000), (360, 360))],
)
def test_pictures_are_kept_within_640_by_360_or_upright(size: tuple[int, int], kept: tuple[int, int]) -> None:
    assert fit_stored_size(*size) == kept


def test_a_video_goes_through_the_store_with_its_own_times(tmp_path: Path) -> None:
    with Video(clips.write_clip(tmp_path / "clip.mp4", frames=90)) as video, FrameStoreWriter(tmp_path) as writer:
        for each in video.read([0.5, 1.5, 2.5], max_height=360):
            writer.append(each)
    with FrameStore(tmp_path) as store:
        assert [clips.counter(store.frame(store.at(t)).pixels) for t in (0.6, 1.6, 2.6)] == [15, 45, 75]


def _change(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(bytes(data))


def test_a_changed_byte_in_a_picture_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    with FrameStore(fill(tmp_path, 3)) as store:
        start = len(store.jpeg(0))
        _change(tmp_path / PICTURES, start + 500)
        assert store.frame(0).seconds == 0
        assert store.frame(2).seconds == 2
        with pytest.raises(DamagedPictureError, match=r"picture 1 in .*frames\.jpg was changed"):
            store.frame(1)


def test_a_changed_picture_is_made_again_said_once_and_put_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, 3)
    whole = (tmp_path / PICTURES).read_bytes()
    _change(tmp_path / PICTURES, 500)
    _change(tmp_path / PICTURES, len(whole) - 500)
    with FrameStore(tmp_path, lambda seconds: frame(round(seconds))) as store:
        assert [clips.counter(store.frame(n).pixels) for n in range(3)] == [0, 1, 2]
    assert (tmp_path / PICTURES).read_bytes() == whole
    assert len(caplog.records) == 1
    assert "are made again from the video" in caplog.text


@pytest.mark.parametrize("field", RECORD.names or ())
def test_a_changed_bit_in_a_record_ends_the_store_there(tmp_path: Path, field: str) -> None:
    fill(tmp_path, 4)
    _change(tmp_path / RECORDS, 2 * RECORD.itemsize + (RECORD.fields or {})[field][1])
    with FrameStore(tmp_path) as store:
        assert len(store) == 2


def test_a_picture_larger_than_any_that_is_stored_is_not_decoded(tmp_path: Path) -> None:
    jpeg = simplejpeg.encode_jpeg(np.zeros((8, 20_000, 3), np.uint8), quality=5)
    head = np.array([(0.0, 0, len(jpeg), zlib.crc32(jpeg))], RECORD.descr[:-1]).tobytes()
    (tmp_path / PICTURES).write_bytes(jpeg)
    (tmp_path / RECORDS).write_bytes(head + zlib.crc32(head).to_bytes(4, "little"))
    with FrameStore(tmp_path) as store, pytest.raises(DamagedPictureError, match="20000x8 pixels"):
        store.frame(0)
