"""Files whose clock starts again, steps back, jumps, wraps or lies: every frame in the order of the file, one clock.

The parts carry numbered pictures that go on from part to part, so that the order of the file can be read off.
"""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from tests import clips
from tests.tools.test_video_against_ffmpeg import decode_all
from tools.speech.audio import SAMPLE_RATE, read_blocks
from tools.video.video import Video

FRAMES, FPS = 30, 10
"""Of each part: three seconds."""
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
VP9 = {"deadline": "realtime", "cpu-used": "8"}


def write_part(path: Path, part: int, sound_seconds: float | None = None, codec: str = "libx264") -> Path:
    """A part whose first picture has the number after the last one of the part before."""
    return clips.write_clip(
        path,
        frames=FRAMES,
        fps=25 if codec == "mpeg2video" else FPS,  # MPEG-2 knows no 10 frames a second
        first=part * FRAMES,
        codec=codec,
        keyframe_every=10,
        codec_options=VP9 if codec == "libvpx-vp9" else None,
        container_options=FRAGMENTS if path.suffix == ".mp4" else None,
        with_sound=sound_seconds is not None,
        sound_seconds=sound_seconds,
    )


def glue(folder: Path, ending: str, parts: int, codec: str = "libx264", sounds: Sequence[float | None] = ()) -> Path:
    """The parts one behind the other in one file, byte for byte, as `cat` does; of MP4 only one header is kept."""
    glued = b""
    for part in range(parts):
        sound = sounds[part] if sounds else None
        data = write_part(folder / f"{part}.{ending}", part, sound, codec).read_bytes()
        glued += data[data.index(b"moof") - 4 :] if ending == "mp4" and part else data
    path = folder / f"glued.{ending}"
    path.write_bytes(glued)
    return path


def numbers(video: Video, times: Sequence[float] | None = None) -> list[int | None]:
    return [clips.counter(f.pixels) for f in video.read(video.timestamps.tolist() if times is None else times)]


GLUED = [
    ("ts", 3, "libx264"),
    ("mpg", 3, "mpeg2video"),
    ("mkv", 2, "libx264"),
    ("webm", 2, "libvpx-vp9"),
    ("mp4", 3, "libx264"),
]


@pytest.mark.parametrize(("ending", "parts", "codec"), GLUED)
def test_every_part_of_a_glued_file_is_shown_after_the_one_before(
    tmp_path: Path, ending: str, parts: int, codec: str
) -> None:
    with Video(glue(tmp_path, ending, parts, codec)) as video:
        count = parts * FRAMES
        assert numbers(video) == list(range(count))
        np.testing.assert_allclose(video.timestamps, np.arange(count) * video.timestamps[1], atol=0.002)
        assert video.info.duration_seconds == pytest.approx(count * video.timestamps[1], abs=0.01)
        assert sum("clock" in note for note in video.info.notes) == 1
        assert not video.info.is_cut_off
        assert not video.info.gaps


@pytest.mark.parametrize("ending", ["ts", "mp4", "mkv"])
def test_a_look_up_in_any_part_finds_its_picture_in_any_order(tmp_path: Path, ending: str) -> None:
    with Video(glue(tmp_path, ending, 2)) as video:
        for number in np.random.default_rng(5).integers(0, 2 * FRAMES, 12).tolist():
            assert clips.counter(video.read_frame(float(video.timestamps[number]) + 0.01).pixels) == number
        assert numbers(video, [5.05, 0.05, 3.05]) == [0, 30, 50]


def test_a_file_glued_to_itself_is_shown_twice(tmp_path: Path) -> None:
    part = write_part(tmp_path / "part.ts", 0)
    path = tmp_path / "twice.ts"
    path.write_bytes(part.read_bytes() * 2)
    with Video(path) as video:
        assert numbers(video) == list(range(FRAMES)) * 2


@pytest.mark.parametrize("ending", ["ts", "mkv", "mp4"])
def test_sound_follows_the_pictures_of_its_part(tmp_path: Path, ending: str) -> None:
    with Video(glue(tmp_path, ending, 2, sounds=[3.0, 3.0])) as video:
        (block,) = read_blocks(video)
        assert numbers(video) == list(range(2 * FRAMES))
    assert block[0] == pytest.approx(0.0, abs=0.25)  # fragmented MP4 starts the pictures two frames late
    assert block[0] + len(block[1]) / SAMPLE_RATE == pytest.approx(6.0, abs=0.15)


def test_a_part_waits_for_the_sound_of_the_one_before(tmp_path: Path) -> None:
    with Video(glue(tmp_path, "ts", 2, sounds=[5.0, 3.0])) as video:
        assert numbers(video) == list(range(2 * FRAMES))
        assert video.timestamps[FRAMES] == pytest.approx(5.0, abs=0.1)
        assert video.info.duration_seconds == pytest.approx(8.0, abs=0.1)


def test_what_is_behind_a_seam_refers_to_nothing_before_it(tmp_path: Path) -> None:
    first, second = (write_part(tmp_path / f"{part}.ts", part).read_bytes() for part in range(2))
    path = tmp_path / "beheaded.ts"
    path.write_bytes(first + second[188 * (len(second) // 188 // 2) :])
    with Video(path) as video:
        seen = numbers(video)
    assert seen[:FRAMES] == list(range(FRAMES))
    assert seen[FRAMES:] == list(range(50, 60)) or seen[FRAMES:] == list(range(40, 60))


def times_with_gap(gap_milliseconds: int) -> list[int]:
    return [100 * n + (gap_milliseconds if n >= FRAMES else 0) for n in range(2 * FRAMES)]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "fragmented.mp4"])
def test_a_picture_that_stays_for_ten_minutes_is_no_jump(tmp_path: Path, ending: str) -> None:
    options = FRAGMENTS if "fragmented" in ending else None
    path = tmp_path / f"still.{ending}"
    clips.write_clip(
        path, frames=2 * FRAMES, times=times_with_gap(600_000), keyframe_every=10, container_options=options
    )
    with Video(path) as video:
        assert video.info.duration_seconds == pytest.approx(606, abs=0.2)
        assert clips.counter(video.read_frame(500.0).pixels) == FRAMES - 1
        assert not video.info.notes


@pytest.mark.parametrize("ending", ["ts", "mkv", "mp4"])
def test_a_picture_under_which_sound_goes_on_is_no_jump(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"still.{ending}"
    clips.write_clip(
        path, frames=2 * FRAMES, times=times_with_gap(30_000), keyframe_every=10, with_sound=True, sound_seconds=36
    )
    with Video(path) as video:
        assert video.info.duration_seconds == pytest.approx(36, abs=0.2)
        assert numbers(video) == list(range(2 * FRAMES))


def test_frames_a_minute_apart_are_no_jumps(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "lapse.ts", frames=12, times=[60_000 * n for n in range(12)])
    with Video(path) as video:
        assert np.diff(video.timestamps).tolist() == pytest.approx([60.0] * 11)


def test_a_broadcast_whose_clock_jumps_ahead_is_joined(tmp_path: Path) -> None:
    times = times_with_gap(3_600_000)
    path = clips.write_clip(tmp_path / "jump.ts", frames=2 * FRAMES, times=times, keyframe_every=10)
    with Video(path) as video:
        assert video.info.duration_seconds == pytest.approx(6.0, abs=0.01)
        assert numbers(video) == list(range(2 * FRAMES))
        assert any("clock" in note for note in video.info.notes)
        assert not video.info.is_cut_off  # FFmpeg gives the length with the jump


@pytest.mark.parametrize("number", [0, 7, 15, 29])
def test_one_damaged_time_does_not_move_the_others(tmp_path: Path, number: int) -> None:
    path = write_part(tmp_path / "damaged.ts", 0)
    data = bytearray(path.read_bytes())
    starts = [n for n in range(len(data) - 3) if data[n : n + 4] == b"\0\0\1\xe0"]
    data[starts[number] + 9] ^= 0x08  # the highest bit of the presentation time: 13 hours
    path.write_bytes(bytes(data))
    with Video(path) as video:
        assert numbers(video) == list(range(FRAMES))
        assert video.info.duration_seconds == pytest.approx(3.0, abs=0.11)
        assert video.info.notes


def test_equal_times_are_shown_one_after_the_other(tmp_path: Path) -> None:
    single = clips.write_clip(tmp_path / "single.webm", frames=FRAMES, fps=FPS, codec="libvpx", codec_options=VP9)
    data = bytearray(single.read_bytes())
    # A simple block's relative time follows its track number (Matroska): frames in pairs of one time.
    place = 0
    for number in range(FRAMES):
        wanted = (number * 100).to_bytes(2, "big")
        place = data.index(b"\x81" + wanted, place)
        data[place + 1 : place + 3] = (number // 2 * 200).to_bytes(2, "big")
        place += 3
    path = tmp_path / "doubled.webm"
    path.write_bytes(bytes(data))
    with Video(path) as video:
        assert numbers(video) == list(range(FRAMES))
        assert np.diff(video.timestamps).min() > 0
        assert video.timestamps.tolist() == pytest.approx([0.1 * n for n in range(FRAMES)], abs=0.051)


def test_the_last_picture_stays_while_sound_goes_on(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "long.mkv", frames=FRAMES, fps=FPS, with_sound=True, sound_seconds=8)
    with Video(path) as video:
        assert video.info.duration_seconds == pytest.approx(8.0, abs=0.05)
        assert video.info.frame_count == FRAMES
        assert clips.counter(video.read_frame(7.5).pixels) == FRAMES - 1
        assert numbers(video, [2.95, 5.0, 7.0]) == [FRAMES - 1]
        assert any("stays on screen" in note for note in video.info.notes)
    with Video(path, until=2.0) as cut:
        assert not cut.info.notes  # that it goes on is a fact from later


def test_the_first_picture_stands_in_for_sound_that_begins_before_it(tmp_path: Path) -> None:
    times = [4000 + 100 * n for n in range(FRAMES)]
    path = clips.write_clip(tmp_path / "early.mkv", frames=FRAMES, times=times, with_sound=True, sound_seconds=7)
    with Video(path) as video:
        (block,) = read_blocks(video)
        assert block[0] == pytest.approx(0.0, abs=0.05)
        assert video.timestamps[:2].tolist() == pytest.approx([0.0, 4.1], abs=0.05)
        assert clips.counter(video.read_frame(2.0).pixels) == 0
        assert video.info.duration_seconds == pytest.approx(7.0, abs=0.1)
        assert any("sound begins before" in note for note in video.info.notes)


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_length_of_sound_that_its_bytes_cannot_fill_is_not_believed(tmp_path: Path, ending: str) -> None:
    """400 packets of a few bytes say that each of them lasts nine seconds: an hour of sound for three of pictures."""
    pictures = clips.write_clip(tmp_path / f"3s.{ending}", frames=FRAMES, fps=FPS)
    path = tmp_path / f"hour.{ending}"
    with av.open(str(pictures)) as source, av.open(str(path), "w") as container:
        shown = container.add_stream_from_template(source.streams.video[0])
        sound = container.add_stream("aac", rate=44100, layout="mono")
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = shown
                container.mux(packet)
        for number, packet in enumerate(clips.silence(sound, 400 * 1024 / 44100)):
            assert packet.time_base is not None
            packet.pts = packet.dts = round(9 * number / packet.time_base)
            packet.duration = round(9 / packet.time_base)
            container.mux(packet)
    with Video(path) as video:
        assert video.info.duration_seconds == pytest.approx(3.0, abs=0.01)
        assert any("longer than its data can fill" in gap for gap in video.info.gaps)


@pytest.mark.parametrize(("ending", "codec"), [("ts", "libx264"), ("mpg", "mpeg2video")])
def test_frames_and_times_are_those_of_ffmpeg_across_a_join(tmp_path: Path, ending: str, codec: str) -> None:
    clip = glue(tmp_path, ending, 3, codec)
    with Video(clip) as video:
        times, pictures = decode_all(clip, video.info.width, video.info.height)
        assert numbers(video) == [clips.counter(picture) for picture in pictures]
        np.testing.assert_allclose(video.timestamps, times, atol=0.0011)


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        *((ending, "libx264") for ending in ("mkv", "flv", "mp4", "mov")),
        *(("asf", "wmv2"), ("ivf", "libvpx"), ("y4m", "wrapped_avframe")),
    ],
)
def test_a_recording_that_cannot_be_reached_is_named_as_not_seen(tmp_path: Path, ending: str, codec: str) -> None:
    parts = [
        clips.write_clip(tmp_path / f"{n}.{ending}", frames=FRAMES, fps=FPS, first=n * FRAMES, codec=codec)
        for n in range(3)
    ]
    path = tmp_path / f"glued.{ending}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with Video(path) as video, Video(parts[0]) as single:
        assert 3 * FRAMES > video.info.frame_count >= FRAMES
        assert any("glued to the end" in gap for gap in video.info.gaps)
        assert not video.info.is_cut_off
        assert not single.info.gaps
