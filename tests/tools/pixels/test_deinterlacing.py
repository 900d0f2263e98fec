"""Interlaced pictures are shown without combs, at the moment of their first field, still parts untouched."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph
from numpy.typing import NDArray

from tests.tools.test_video_against_ffmpeg import ffmpeg_command
from tools.video.video import Video

WIDTH, HEIGHT, FRAMES, FPS, SPEED = 320, 240, 24, 25, 5
STILL = slice(160, HEIGHT)  # rows of fine writing that never moves


def moment(field: int) -> NDArray[np.uint8]:
    """(H, W, 3): a bar that moves 5 pixels a field, above thin lines and letters' strokes that do not."""
    pixels = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    left = 20 + SPEED * field
    pixels[20:140, left : left + 24] = 220
    pixels[170, 20:300] = pixels[180:182, 20:300] = 220
    for column in range(30, 300, 20):
        pixels[190:230, column : column + 3] = 220
    return pixels


def woven(number: int, top_first: bool) -> NDArray[np.uint8]:
    first, second = moment(2 * number), moment(2 * number + 1)
    pixels = first.copy()
    pixels[1 if top_first else 0 :: 2] = second[1 if top_first else 0 :: 2]
    return pixels


def write_interlaced(path: Path, codec: str, top_first: bool = True) -> Path:
    """Frames of two fields each, marked as such."""
    mark = Graph()
    source = mark.add_buffer(width=WIDTH, height=HEIGHT, format=av.VideoFormat("yuv420p"), time_base=Fraction(1, FPS))
    mark.link_nodes(source, mark.add("setfield", "tff" if top_first else "bff"), mark.add("buffersink")).configure()
    x264 = {"preset": "veryfast", "x264-params": f"{'tff' if top_first else 'bff'}=1", "crf": "10"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS, options=x264 if codec == "libx264" else {"qmax": "2"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        stream.codec_context.flags |= 0x00040000 | 0x20000000  # interlaced transform and motion estimation
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(woven(number, top_first), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            mark.vpush(frame)
            container.mux(stream.encode(mark.vpull()))
        container.mux(stream.encode(None))
    return path


def comb(pixels: NDArray[np.uint8]) -> float:
    """How much neighbouring lines of the moving part differ more than those two apart, in levels."""
    moving = pixels[24:136].astype(float).mean(axis=2)
    return float(np.abs(np.diff(moving, axis=0)).mean() - np.abs(moving[2:] - moving[:-2]).mean())


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize(("name", "codec"), [("c.mpg", "mpeg2video"), ("c.ts", "libx264"), ("c.mp4", "libx264")])
def test_a_combed_picture_becomes_the_moment_of_its_first_field(
    tmp_path: Path, name: str, codec: str, top_first: bool
) -> None:
    assert comb(woven(10, top_first)) > 5
    with Video(write_interlaced(tmp_path / name, codec, top_first)) as video:
        assert "interlaced" in video.info.notes[0]
        np.testing.assert_allclose(video.timestamps, np.arange(FRAMES) / FPS, atol=0.001)
        for number in (0, 7, 13, 23, 4):
            pixels = video.read_frame((number + 0.5) / FPS).pixels
            assert comb(pixels) < 0.5
            error = np.abs(pixels.astype(int) - moment(2 * number))
            assert error.mean() < 2.5
            bar = np.flatnonzero(pixels[30:130].mean(axis=(0, 2)) > 130)
            assert bar[0] == pytest.approx(20 + SPEED * 2 * number, abs=1)


def test_still_writing_keeps_every_line(tmp_path: Path) -> None:
    with Video(write_interlaced(tmp_path / "c.mpg", "mpeg2video")) as video:
        pixels = video.read_frame(0.5).pixels
        assert np.abs(pixels[STILL].astype(int) - moment(0)[STILL]).mean() < 2.5
        assert pixels[170, 20:300].mean() > 190  # a line of a single row
        assert pixels[169, 20:300].mean() < 70


@pytest.mark.parametrize(("name", "codec"), [("c.mpg", "mpeg2video"), ("c.mp4", "libx264")])
def test_it_is_the_picture_that_ffmpegs_bwdif_makes(tmp_path: Path, name: str, codec: str) -> None:
    clip = write_interlaced(tmp_path / name, codec)
    command = [ffmpeg_command(), "-v", "error", "-i", str(clip), "-vf", "bwdif=send_frame", "-fps_mode", "passthrough"]
    run = subprocess.run([*command, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"], capture_output=True, check=True)
    truth = np.frombuffer(run.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
    with Video(clip) as video:
        frames = list(video.read(video.timestamps.tolist()))
    assert len(frames) == len(truth) == FRAMES
    for number in range(1, FRAMES - 1):
        assert np.abs(frames[number].pixels.astype(int) - truth[number]).mean() < 1.5


def test_a_frame_got_by_a_seek_is_the_same_as_one_got_by_playing(tmp_path: Path) -> None:
    with Video(write_interlaced(tmp_path / "c.ts", "libx264")) as video:
        played = list(video.read(video.timestamps.tolist()))
        for number in (20, 3, 11):
            np.testing.assert_array_equal(video.read_frame((number + 0.5) / FPS).pixels, played[number].pixels)
