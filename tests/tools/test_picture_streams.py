"""Files with several streams of pictures: which one is shown, what is said of the others, how one is chosen."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from agent.cli.main import main
from agent.trajectory import load
from tools.toolbox import open_toolbox
from tools.video.video import Video, VideoError

RED, GREEN, BLUE = (200, 20, 20), (20, 180, 20), (20, 20, 200)
Stream = tuple[tuple[int, int, int], tuple[int, int], Disposition]
NONE, DEFAULT = Disposition(0), Disposition.default


def write_streams(path: Path, *streams: Stream, codec: str = "mpeg4") -> Path:
    """Each stream in one colour and size, with a disposition; 2 s at 5 frames a second."""
    with av.open(str(path), "w") as container:
        made = []
        for _, size, disposition in streams:
            stream = container.add_stream(codec, rate=5)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.codec_context.time_base = Fraction(1, 5)
            stream.disposition = disposition
            made.append(stream)
        for number in range(10):
            for stream, (colour, size, _) in zip(made, streams, strict=True):
                pixels = np.full((size[1], size[0], 3), colour, np.uint8)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 5)
                container.mux(stream.encode(frame))
        for stream in made:
            container.mux(stream.encode(None))
    return path


def colour_of(video: Video) -> tuple[int, int, int]:
    mean = video.read_frame(1.0).pixels.mean(axis=(0, 1))
    return min((RED, GREEN, BLUE), key=lambda colour: float(np.abs(mean - colour).sum()))


SMALL, LARGE = (160, 96), (320, 192)


@pytest.mark.parametrize(
    ("streams", "shown"),
    [
        (((RED, SMALL, NONE), (GREEN, SMALL, DEFAULT)), GREEN),
        (((RED, SMALL, DEFAULT), (GREEN, LARGE, NONE)), RED),
        (((RED, SMALL, DEFAULT), (GREEN, LARGE, DEFAULT)), GREEN),
        (((RED, SMALL, DEFAULT), (GREEN, SMALL, DEFAULT)), RED),
        (((RED, LARGE, DEFAULT | Disposition.visual_impaired), (GREEN, SMALL, DEFAULT)), GREEN),
    ],
)
def test_the_main_stream_is_the_default_one_then_the_largest_then_the_first(
    tmp_path: Path, streams: tuple[Stream, Stream], shown: tuple[int, int, int]
) -> None:
    with Video(write_streams(tmp_path / "c.mkv", *streams)) as video:
        assert colour_of(video) == shown


@pytest.mark.parametrize(("name", "codec"), [("c.mkv", "mpeg4"), ("c.mp4", "libx264"), ("c.ts", "mpeg2video")])
def test_every_stream_can_be_chosen_and_is_named(tmp_path: Path, name: str, codec: str) -> None:
    clip = write_streams(tmp_path / name, (RED, LARGE, DEFAULT), (GREEN, SMALL, NONE), (BLUE, SMALL, NONE), codec=codec)
    for number, colour in ((None, RED), (1, RED), (2, GREEN), (3, BLUE)):
        with Video(clip, stream=number) as video:
            assert colour_of(video) == colour
            assert [frame.seconds for frame in video.read([0.1, 1.9])] == pytest.approx([0.0, 1.8], abs=0.002)
            (note,) = video.info.notes
            assert f"stream {number or 1} (" in note
            assert all(f"{other}: " in note for other in {1, 2, 3} - {number or 1})
            assert "160x96" in note


def test_a_stream_that_is_not_there_is_refused(tmp_path: Path) -> None:
    clip = write_streams(tmp_path / "c.mkv", (RED, SMALL, DEFAULT), (GREEN, SMALL, NONE))
    for number in (0, 3, -1):
        with pytest.raises(VideoError, match=f"has picture streams 1 to 2, not {number}"):
            Video(clip, stream=number)


def test_a_file_with_one_stream_says_nothing_of_streams(tmp_path: Path) -> None:
    with Video(write_streams(tmp_path / "c.mkv", (RED, SMALL, DEFAULT))) as video:
        assert video.info.notes == ()


def test_each_stream_is_another_content_and_the_first_is_that_of_the_file(tmp_path: Path) -> None:
    clip = write_streams(tmp_path / "c.mkv", (RED, SMALL, DEFAULT), (GREEN, SMALL, NONE))
    alone = write_streams(tmp_path / "d.mkv", (RED, SMALL, NONE), (GREEN, SMALL, DEFAULT))

    def name(path: Path, stream: int | None, until: float | None = None) -> str:
        with Video(path, until, stream) as video:
            return video.content_hash

    assert name(clip, None) == name(clip, 1) != name(clip, 2)
    assert len({name(clip, 1), name(clip, 2), name(clip, 1, 1.0), name(clip, 2, 1.0)}) == 4
    assert name(alone, None) == name(alone, 2) != name(alone, 1)


def test_the_tools_of_one_stream_keep_nothing_for_those_of_another(tmp_path: Path) -> None:
    clip = write_streams(tmp_path / "c.mkv", (RED, SMALL, DEFAULT), (GREEN, LARGE, NONE))
    for number, colour, size in ((None, "red", "160x96"), (2, "green", "320x192"), (1, "red", "160x96")):
        with open_toolbox(clip, encoder="hashing", cache=tmp_path / "cache", picture_stream=number) as toolbox:
            toolbox.index.wait_tiled()
            assert f"picture: {size}" in toolbox.call("overview", {}).text
            assert colour in toolbox.call("caption", {}).text


def test_a_chosen_stream_is_asked_indexed_and_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    clip = write_streams(tmp_path / "c.mkv", (RED, SMALL, DEFAULT), (GREEN, SMALL, NONE))
    saved, fast = tmp_path / "run.json", ["--encoder", "hashing"]
    assert main(["index", str(clip), "--video", "2", *fast]) == 0
    asked = ["ask", str(clip), "Which colour is the picture?", "--video", "2", "--no-verify", *fast]
    assert (
        main([*asked, "--policy", "lite", "--save", str(saved)]) == 3
    )  # lite tells of the colour, and sees no picture
    assert "mostly green" in capsys.readouterr().err
    assert load(saved).question.picture_stream == 2
    assert main(["replay", str(saved), *fast]) == 0
    assert main(["ask", str(clip), "Which colour?", "--video", "7", *fast]) == 2
    assert "has picture streams 1 to 2, not 7" in capsys.readouterr().err
