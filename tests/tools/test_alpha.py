"""What is transparent is shown on mid-grey, whatever colour hides in it."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tools.pixels.rgb import blend_over_grey
from tools.toolbox import open_toolbox
from tools.video.frame_folder import FrameFolder
from tools.video.video import Video

SIZE = (64, 48)


def half_seen() -> NDArray[np.uint8]:
    """(48, 64, 4): left hidden yellow, right red."""
    pixels = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    pixels[:, :32] = (255, 255, 0, 0)
    pixels[:, 32:] = (220, 0, 0, 255)
    return pixels


def write_alpha(path: Path, codec: str, pixel_format: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=5, options={"auto-alt-ref": "0"} if "vpx" in codec else {})
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixel_format
        stream.codec_context.time_base = Fraction(1, 5)
        if "vpx" in codec:
            stream.metadata["alpha_mode"] = "1"
            stream.codec_context.bit_rate = 1_000_000
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(half_seen(), format="rgba").reformat(format=pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, 5)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("c.webm", "libvpx", "yuva420p"),
        ("c9.webm", "libvpx-vp9", "yuva420p"),
        ("c.mkv", "ffv1", "yuva420p"),
        ("c.mov", "qtrle", "argb"),
        ("png.mov", "png", "rgba"),
        ("c.mov", "prores_ks", "yuva444p10le"),
        ("c.apng", "apng", "rgba"),
    ],
)
def test_what_is_transparent_is_grey_in_every_format(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    with Video(write_alpha(tmp_path / name, codec, pixel_format)) as video:
        assert any("mid-grey" in note for note in video.info.notes)
        for frame in video.read([0.3, 0.7, 0.05]):
            assert np.abs(frame.pixels[:, :28].astype(int) - 128).max() < 6
            assert np.abs(frame.pixels[:, 36:].astype(int) - (220, 0, 0)).mean() < 8
        small = video.read_frame(0.3, max_height=12).pixels
        assert small.shape == (12, 16, 3)
        assert small[:, :7].max() < 140  # hidden yellow does not bleed into the edge


def test_a_transparent_gif_is_grey_where_nothing_is_drawn(tmp_path: Path) -> None:
    seen = [Image.fromarray(np.roll(half_seen(), number, axis=0), "RGBA") for number in range(4)]
    seen[0].save(tmp_path / "c.gif", save_all=True, append_images=seen[1:], duration=200, disposal=2)
    with Video(tmp_path / "c.gif") as video:
        assert any("mid-grey" in note for note in video.info.notes)
        pixels = video.read_frame(0.0).pixels
        assert np.abs(pixels[:, :30].astype(int) - 128).max() < 3


def test_the_overview_says_it(tmp_path: Path) -> None:
    clip = write_alpha(tmp_path / "c.webm", "libvpx-vp9", "yuva420p")
    with open_toolbox(clip, encoder="hashing", cache=tmp_path / "cache") as toolbox:
        assert "transparent is shown on mid-grey" in toolbox.call("overview", {}).text


def test_half_transparent_is_half_grey() -> None:
    assert blend_over_grey(np.array([[[255, 0, 100, 128], [9, 9, 9, 0]]], np.uint8)).tolist() == [
        [[192, 64, 114], [128, 128, 128]]
    ]


def test_an_animated_webp_is_refused_in_one_clear_sentence(tmp_path: Path) -> None:
    seen = [Image.fromarray(np.roll(half_seen(), number, axis=1), "RGBA") for number in range(4)]
    seen[0].save(tmp_path / "c.webp", save_all=True, append_images=seen[1:], duration=200)
    with pytest.raises(ValueError, match=r"animated WebP, which can't be decoded here: save it as GIF or MP4"):
        Video(tmp_path / "c.webp")


def test_pictures_of_a_folder_are_on_grey_too(tmp_path: Path) -> None:
    deep = half_seen().astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "1.png"), half_seen()[..., [2, 1, 0, 3]])
    cv2.imwrite(str(tmp_path / "2.png"), deep[..., [2, 1, 0, 3]])
    Image.fromarray(half_seen(), "RGBA").convert("LA").save(tmp_path / "3.png")
    palette = Image.new("P", SIZE, 0)
    palette.putpalette([255, 255, 0, 220, 0, 0])
    palette.paste(1, (32, 0, 64, 48))
    palette.save(tmp_path / "4.png", transparency=0)
    for number, frame in enumerate(FrameFolder(tmp_path, 1.0).read([0, 1, 2, 3])):
        assert (frame.pixels[:, :31] == 128).all(), number
        if number != 2:
            assert np.abs(frame.pixels[:, 33:].astype(int) - (220, 0, 0)).max() < 2


def test_pictures_of_a_folder_are_turned_as_their_camera_says(tmp_path: Path) -> None:
    upright = np.zeros((48, 64, 3), np.uint8)
    upright[:, :32] = (200, 0, 0)
    for number, (turn, stored) in enumerate(((6, np.rot90(upright)), (3, np.rot90(upright, 2)), (1, upright))):
        for suffix in ("jpg", "png"):
            exif = Image.Exif()
            exif[0x0112] = turn
            made = Image.fromarray(np.ascontiguousarray(stored))
            made.save(tmp_path / f"{number}.{suffix}", exif=exif, **({"quality": 95} if suffix == "jpg" else {}))
    for frame in FrameFolder(tmp_path, 1.0).read([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]):
        assert frame.pixels.shape == (48, 64, 3)
        assert np.abs(frame.pixels[:, :28].astype(int) - (200, 0, 0)).max() < 12
        assert frame.pixels[:, 36:].max() < 12


def test_a_folder_picture_of_another_shape_is_fitted_and_not_distorted(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.full((90, 160, 3), 200, np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((160, 90, 3), 200, np.uint8))
    _, portrait = FrameFolder(tmp_path, 1.0).read([0, 1])
    assert portrait.pixels.shape == (90, 160, 3)
    assert portrait.pixels[:, 55:105].min() == 200
    assert portrait.pixels[:, :54].max() == portrait.pixels[:, 106:].max() == 0
