"""Pictures keep their shape: pixels that are not square, sizes and turns that change while the video plays."""

import struct
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from PIL import Image

from tests import clips
from tests.shapes import BACKGROUND, FPS, SIDE, Piece, squared, white_box, write_pieces
from tests.tools.test_video_against_ffmpeg import ffmpeg_command
from tools.pixels.shape import Orientation, StoredPicture, choose_aspect
from tools.toolbox import open_toolbox
from tools.video.video import Video

CHANGING = [Piece((320, 180)), Piece((180, 320)), Piece((240, 240)), Piece((320, 180))]
WIDE, NARROW = Fraction(64, 45), Fraction(16, 15)  # PAL, for 16:9 and 4:3


@pytest.mark.parametrize(
    ("name", "codec", "size", "aspect", "shown"),
    [
        ("wide.mp4", "libx264", (720, 576), WIDE, (1024, 576)),
        ("wide.ts", "libx264", (720, 576), WIDE, (1024, 576)),
        ("wide.mkv", "mpeg4", (720, 576), WIDE, (1024, 576)),
        ("narrow.mpg", "mpeg2video", (720, 576), NARROW, (768, 576)),
        ("high.mp4", "libx264", (720, 480), Fraction(8, 9), (720, 540)),
        ("half.avi", "mpeg4", (160, 240), Fraction(2), (320, 240)),
    ],
)
def test_pixels_that_are_not_square_are_shown_in_the_display_shape(
    tmp_path: Path, name: str, codec: str, size: tuple[int, int], aspect: Fraction, shown: tuple[int, int]
) -> None:
    with Video(write_pieces(tmp_path / name, codec, [Piece(size, aspect, 3)])) as video:
        assert (video.info.width, video.info.height) == shown
        assert f"({aspect.numerator}:{aspect.denominator})" in video.info.notes[0]
        frame = video.read_frame(0.1)
        assert frame.pixels.shape == (shown[1], shown[0], 3)
        assert white_box(frame.pixels) == pytest.approx((SIDE, SIDE), abs=2)
        small = video.read_frame(0.1, max_height=shown[1] // 2).pixels
        assert white_box(small) == pytest.approx((SIDE / 2, SIDE / 2), abs=2)


def with_pasp(path: Path, across: int, down: int) -> Path:
    """Writes another pixel shape into the MP4 file's header; that in the stream stays."""
    data = bytearray(path.read_bytes())
    place = data.index(b"pasp") + 4
    data[place : place + 8] = struct.pack(">II", across, down)
    path.write_bytes(bytes(data))
    return path


def test_where_container_and_stream_disagree_on_the_pixel_shape_the_container_is_right(tmp_path: Path) -> None:
    clip = write_pieces(tmp_path / "clip.mp4", "libx264", [Piece((160, 240), Fraction(2), 3)])
    with Video(with_pasp(clip, 3, 2)) as video:
        assert (video.info.width, video.info.height) == (240, 240)


@pytest.mark.parametrize(("across", "down"), [(0, 0), (1, 1000), (1000, 1), (0, 5)])
def test_an_absurd_pixel_shape_of_the_container_leaves_that_of_the_stream(
    tmp_path: Path, across: int, down: int
) -> None:
    clip = write_pieces(tmp_path / "clip.mp4", "libx264", [Piece((160, 240), Fraction(2), 3)])
    with Video(with_pasp(clip, across, down)) as video:
        assert (video.info.width, video.info.height) == (320, 240)


@pytest.mark.parametrize("told", [None, Fraction(0), Fraction(-1), Fraction(1, 1000), Fraction(1000)])
def test_pixels_of_no_usable_shape_are_square(told: Fraction | None) -> None:
    assert choose_aspect(told) == 1


@pytest.mark.parametrize(
    ("name", "codec"),
    [("c.ts", "libx264"), ("c.mkv", "mpeg2video"), ("c.webm", "libvpx"), ("c9.webm", "libvpx-vp9")],
)
def test_a_picture_of_another_size_is_fitted_into_the_shape_of_the_first(tmp_path: Path, name: str, codec: str) -> None:
    with Video(write_pieces(tmp_path / name, codec, CHANGING)) as video:
        assert (video.info.width, video.info.height, video.info.frame_count) == (320, 180, 40)
        times = [0.55, 1.55, 2.55, 3.55]
        frames = list(video.read(times))
        for frame in (*frames, *[video.read_frame(t) for t in (2.55, 0.05, 1.95, 3.05, 1.0)]):
            width, height = white_box(frame.pixels)
            assert abs(width - height) <= 2
        portrait = frames[1].pixels  # 180x320 stored, 101x180 shown
        assert np.abs(portrait[:, 115:120].astype(int) - BACKGROUND).max() < 12
        assert portrait[:, :104].max() < 8
        assert portrait[:, 216:].max() < 8
        assert white_box(portrait)[1] == pytest.approx(SIDE * 180 / 320, abs=2)


def test_a_larger_picture_of_the_same_shape_fills_the_first_ones(tmp_path: Path) -> None:
    clip = write_pieces(tmp_path / "c.ts", "libx264", [Piece((320, 180)), Piece((642, 360))])
    with Video(clip) as video:
        frame = video.read_frame(1.5)
        assert frame.pixels.shape == (180, 320, 3)
        assert np.abs(frame.pixels[[0, 0, -1, -1], [0, -1, 0, -1]].astype(int) - BACKGROUND).max() < 12
        assert white_box(frame.pixels) == pytest.approx((SIDE / 2, SIDE / 2), abs=2)


@pytest.mark.parametrize(("name", "codec"), [("c.ts", "mpeg2video"), ("c.mpg", "mpeg2video"), ("h.ts", "libx264")])
def test_a_broadcast_that_switches_its_aspect_is_never_distorted(tmp_path: Path, name: str, codec: str) -> None:
    pieces = [Piece((720, 576), NARROW), Piece((720, 576), WIDE), Piece((720, 576), NARROW)]
    with Video(write_pieces(tmp_path / name, codec, pieces)) as video:
        assert (video.info.width, video.info.height) == (768, 576)
        times = [0.05 + n / FPS for n in range(30)]
        order = np.random.default_rng(5).permutation(30).tolist()
        for frame in (*video.read(times), *[video.read_frame(times[n]) for n in order]):
            side = SIDE * 0.75 if 1.0 <= frame.seconds + 1e-6 < 2.0 else SIDE
            assert white_box(frame.pixels) == pytest.approx((side, side), abs=2), frame.seconds


def test_every_picture_of_a_changing_size_is_the_one_that_ffmpeg_fits_there(tmp_path: Path) -> None:
    import subprocess

    clip = write_pieces(tmp_path / "c.ts", "libx264", CHANGING)
    fit = "scale=320:180:force_original_aspect_ratio=decrease,pad=320:180:-1:-1"
    command = [ffmpeg_command(), "-v", "error", "-i", str(clip), "-vf", fit, "-fps_mode", "passthrough"]
    run = subprocess.run([*command, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"], capture_output=True, check=True)
    truth = np.frombuffer(run.stdout, np.uint8).reshape(-1, 180, 320, 3)
    with Video(clip) as video:
        frames = list(video.read(video.timestamps.tolist()))
        assert len(frames) == len(truth) == 40
        for frame, pixels in zip(frames, truth, strict=True):
            assert np.abs(frame.pixels.astype(int) - pixels).mean() < 3  # edges: ours average, ffmpeg's are bicubic


@pytest.mark.parametrize("size", [(161, 97), (33, 241), (1, 1), (2, 3)])
def test_odd_sizes_lose_no_row_and_no_column(tmp_path: Path, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (size[1], size[0], 3), np.uint8)
    path = tmp_path / "odd.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *size, "bgr0"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    with Video(path) as video:
        np.testing.assert_array_equal(video.read_frame(0).pixels, pixels)


def test_a_turn_that_begins_in_mid_stream_turns_from_there_on(tmp_path: Path) -> None:
    clip = clips.write_clip(tmp_path / "c.ts", frames=60, keyframe_every=20)
    with av.open(str(clip)) as source:
        turns = {
            n: BitStreamFilterContext(f"h264_metadata=display_orientation=insert:rotate={n}", source.streams.video[0])
            for n in (90, 180)
        }
    count = 0

    def turned(packet: "av.Packet") -> list["av.Packet"]:
        nonlocal count
        count += 1
        return [packet] if count <= 20 else turns[180].filter(packet) if count <= 40 else turns[90].filter(packet)

    with Video(clips.rewrite(clip, tmp_path / "turned.ts", turned)) as video:
        assert (video.info.width, video.info.height) == (clips.WIDTH, clips.HEIGHT)
        frames = [video.read_frame((n + 0.5) / 30).pixels for n in (50, 30, 5)]
        assert clips.counter(frames[2]) == 5
        assert clips.counter(np.rot90(frames[1], 2)) == 30
        inner = frames[0][:, 51:109]  # 96x160 fitted into 160x96 is 58 wide
        assert frames[0][:, :50].max() < 8
        upright = np.asarray(Image.fromarray(np.rot90(inner, 3)).resize((clips.WIDTH, clips.HEIGHT)))
        assert clips.counter(upright) == 50


def test_turned_pictures_of_uneven_pixels_are_stretched_before_they_are_turned() -> None:
    stored = StoredPicture(720, 576, Orientation(transpose=True), WIDE)
    assert (stored.shown_width, stored.shown_height) == (576, 1024)
    assert stored.fit_shape(576, 1024) == (576, 1024)
    assert stored.fit_shape(1024, 576) == (324, 576)


def test_boxes_are_fractions_of_the_display_picture(tmp_path: Path) -> None:
    clip = write_pieces(tmp_path / "wide.mp4", "libx264", [Piece((720, 576), WIDE, 5)])
    with open_toolbox(clip, encoder="hashing", cache=tmp_path / "cache") as toolbox:
        box = (512 - 30) / 1024, (288 - 30) / 576, (512 + 30) / 1024, (288 + 30) / 576
        (ref,) = toolbox.call("zoom", {"seconds": 0.1, "box": box}).frames
        assert ref.width == ref.height
        picture = toolbox.picture(ref)
        assert picture is not None
        assert np.asarray(Image.open(BytesIO(picture))).min() > 150  # all of it is the square
        assert "picture: 1024x576 (landscape)" in toolbox.call("overview", {}).text


def test_the_square_that_is_stored_is_a_square_where_pixels_are() -> None:
    assert white_box(squared((320, 180), Fraction(1))) == (SIDE, SIDE)


def test_no_picture_is_enlarged_past_what_8k_has() -> None:
    stored = StoredPicture(7680, 4320, pixel_aspect=Fraction(4))
    assert (stored.shown_width, stored.shown_height) == (7680, 1080)
    stored = StoredPicture(7680, 4320, pixel_aspect=Fraction(1, 4))
    assert (stored.shown_width, stored.shown_height) == (1920, 4320)
