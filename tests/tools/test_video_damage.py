"""Files that are cut off, damaged or no videos at all: an answer from what decodes, or one clear sentence."""

import shutil
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import clips
from tools.video.video import Video, VideoError

SIZE = (640, 360)  # packets large enough that most flipped bytes fall into pictures, as in real files
FIXED_SPEED = {"deadline": "realtime", "cpu-used": "-8"}


def test_a_cut_off_file_answers_from_what_decodes(tmp_path: Path) -> None:
    clip = clips.cut_off(clips.write_clip(tmp_path / "cut.flv", frames=300, with_sound=True), 0.4)
    with Video(clip) as video:
        assert video.info.is_cut_off
        assert video.info.promised_seconds == pytest.approx(10.0, abs=0.2)
        assert video.info.duration_seconds < 6
        numbers = [clips.counter(f.pixels) for f in video.read(video.timestamps.tolist())]
        assert numbers == list(range(video.info.frame_count))
        assert video.read_frame(video.timestamps[-1]).seconds == video.timestamps[-1]


def test_a_cut_off_mp4_with_its_index_in_front_ends_with_its_last_whole_frame(tmp_path: Path) -> None:
    clip = clips.write_clip(tmp_path / "cut.mp4", frames=300, container_options={"movflags": "faststart"})
    with Video(clips.cut_off(clip, 0.5)) as video:
        assert video.info.is_cut_off
        numbers = [clips.counter(f.pixels) for f in video.read(video.timestamps.tolist())]
        assert numbers == list(range(len(numbers)))
        assert 30 < len(numbers) < 250


@pytest.mark.parametrize("name", ["whole.mp4", "whole.mkv", "whole.flv", "whole.ts", "whole.avi"])
def test_a_whole_file_is_not_called_cut_off(tmp_path: Path, name: str) -> None:
    with Video(clips.write_clip(tmp_path / name, with_sound=True)) as video:
        assert not video.info.is_cut_off


def test_a_longer_sound_is_not_a_cut_off_video(tmp_path: Path) -> None:
    clip = clips.write_clip(tmp_path / "sound.mkv", frames=60, with_sound=True, sound_seconds=8)
    with Video(clip) as video:
        assert video.info.duration_seconds == pytest.approx(8.0, abs=0.03)
        assert not video.info.is_cut_off


@pytest.mark.parametrize(("ending", "codec"), [("mkv", "libx264"), ("asf", "wmv2"), ("nut", "mpeg4"), ("mp4", "mpeg4")])
def test_a_file_whose_clock_begins_late_is_not_called_cut_off(tmp_path: Path, ending: str, codec: str) -> None:
    times = [5000 + 100 * n for n in range(30)]
    with Video(clips.write_clip(tmp_path / f"late.{ending}", frames=30, codec=codec, times=times)) as video:
        assert video.info.duration_seconds == pytest.approx(3.0, abs=0.15)
        assert not video.info.is_cut_off


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Copies of one clip, because encoding it is what takes time."""
    folder = tmp_path_factory.mktemp("noisy")

    def copy(path: Path) -> Path:
        source = folder / f"noisy{path.suffix}"
        if not source.exists():
            clips.write_clip(source, frames=90, keyframe_every=30, size=SIZE, noise=40)
        return Path(shutil.copy(source, path))

    return copy


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["damaged.mp4", "damaged.ts", "damaged.mkv"])
def test_damage_never_gives_another_frame(tmp_path: Path, noisy: Callable[[Path], Path], name: str, seed: int) -> None:
    clip = noisy(tmp_path / name)
    clips.flip_bytes_of_pictures(clip, count=3, seed=seed)
    with Video(clip) as video:
        first = round(video.start_offset_seconds * 30 - 2 * name.endswith("ts"))  # the muxer starts TS two frames late
        for frame in video.read(video.timestamps.tolist()):
            assert clips.counter(frame.pixels) == round(frame.seconds * 30) + first


def test_frames_after_damage_are_left_out_until_the_next_keyframe(
    tmp_path: Path, noisy: Callable[[Path], Path]
) -> None:
    clip = noisy(tmp_path / "damaged.mp4")
    clips.wipe_picture(clip, position=34)
    with Video(clip) as video:
        numbers = {clips.counter(f.pixels) for f in video.read(video.timestamps.tolist())}
        assert numbers >= set(range(31)) | set(range(60, 90))
        assert not numbers & set(range(40, 60))
        with pytest.raises(VideoError, match="cannot be decoded"):
            video.read_frame(45 / 30)


def test_no_damaged_picture_of_vp9_is_taken_for_data(tmp_path: Path) -> None:
    """FFmpeg's own decoder gives all 60 pictures of each file, up to 22 of them wrong, and says nothing."""
    clip = clips.write_clip(
        tmp_path / "clip.webm", frames=60, codec="libvpx-vp9", keyframe_every=20, codec_options=FIXED_SPEED
    )
    whole, given = clip.read_bytes(), 0
    for seed in range(4):
        damaged = tmp_path / f"{seed}.webm"
        damaged.write_bytes(whole)
        clips.flip_bytes_of_pictures(damaged, count=3, seed=seed)
        with Video(damaged) as video:
            for frame in video.read(video.timestamps.tolist()):
                assert clips.counter(frame.pixels) == round(frame.seconds * 30)
                given += 1
    assert given > 4 * 20


def test_damage_to_a_picture_that_nobody_asks_for_and_nobody_needs_costs_nothing(
    tmp_path: Path, noisy: Callable[[Path], Path]
) -> None:
    clip = noisy(tmp_path / "damaged.mp4")
    clips.wipe_picture(clip, position=36, must_be_unreferenced=True)
    with Video(clip) as video:
        assert clips.counter(video.read_frame(50 / 30).pixels) == 50


def test_a_file_that_starts_inside_an_interval_starts_with_its_first_whole_frame(tmp_path: Path) -> None:
    whole = clips.write_clip(tmp_path / "whole.ts", frames=120, keyframe_every=30)
    data = whole.read_bytes()
    part = tmp_path / "part.ts"
    part.write_bytes(data[188 * (len(data) // 188 // 3) :])
    with Video(part) as video:
        numbers = [clips.counter(f.pixels) for f in video.read(video.timestamps.tolist())]
        assert numbers == list(range(numbers[0] or 0, 120))
        assert numbers[0] in (30, 60)


def _sound_file(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))


def _cover_only(path: Path) -> None:
    clips.write_with_cover(path, frames=0)


def _header_only(path: Path) -> None:
    clips.write_clip(path, frames=300, container_options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 4])


def _lying_avi(path: Path) -> None:
    """An AVI header that promises 63,324 frames, and no frame."""
    clips.write_clip(path, frames=30)
    data = bytearray(path.read_bytes()[: path.read_bytes().index(b"movi") + 4])
    frames = data.index(b"avih") + 8 + 16
    data[frames : frames + 4] = (63324).to_bytes(4, "little")
    path.write_bytes(bytes(data))


ENCRYPTED = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "00112233445566778899aabbccddeeff",
    "encryption_kid": "0" * 32,
}


def _encrypted(path: Path) -> None:
    """A decoder of AV1 takes some of the noise for pictures."""
    clips.write_clip(path, frames=30, codec="libsvtav1", codec_options={"preset": "12"}, container_options=ENCRYPTED)


BAD_FILES = {
    "encrypted.mp4": (_encrypted, "are encrypted and need a key"),
    "sound.wav": (_sound_file, "sound but no video"),
    "cover.mp4": (_cover_only, "sound but no video"),
    "header.mp4": (_header_only, "no frame could be decoded"),
    "lies.avi": (_lying_avi, "no frame could be decoded"),
    "empty.mp4": (lambda path: path.write_bytes(b""), "is empty"),
    "text.txt": (lambda path: path.write_text("not a video\n" * 100), "not a video"),
    "noise.mp4": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(50_000)), "not a video"),
    "picture.png": (lambda path: path.write_bytes(clips.png(clips.picture(0))), "not a video"),
    "folder": (lambda path: path.mkdir(), "is a directory"),
    "missing.mp4": (lambda path: None, "no such file"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_input_gets_one_sentence_within_a_second(tmp_path: Path, name: str) -> None:
    make, sentence = BAD_FILES[name]
    make(tmp_path / name)
    Video(clips.write_clip(tmp_path / "warm_up.mp4", frames=2)).close()  # imports are not what is timed
    started = time.process_time()
    with pytest.raises(VideoError, match=sentence) as caught:
        Video(tmp_path / name)
    assert time.process_time() - started < 1.0
    assert "\n" not in str(caught.value)


def test_a_playlist_reaches_nothing_on_the_network(tmp_path: Path) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(VideoError):
        Video(path)
