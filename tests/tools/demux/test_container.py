"""A name or a file that a stranger gave leads nowhere but to that file, and opening it ends."""

import ast
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests import bombs, clips
from tools.demux import container as door
from tools.demux.container import PacketReader, open_container, run_interruptibly
from tools.speech.audio import read_blocks
from tools.speech.subtitles import read_embedded_subtitles
from tools.video.video import Video, VideoError

ROOT = Path(__file__).parents[3]

NAMES = (
    *("talk:1.mp4", "http:127.0.0.1:9", "https:x.mp4", "tcp:127.0.0.1:9", "concat:other.mp4|other.mp4", "-x.mp4"),
    *("subfile,,start,0,end,0,,:other.mp4", "async:other.mp4", "cache:other.mp4", "crypto:other.mp4", "file:other.mp4"),
    *(
        "pipe:0",
        "fd:",
        "data:;base64,AAAA",
        "50%d.mp4",
        "%03d.mp4",
        "what*?{a,b}[c].mp4",
        "~.mp4",
        "$HOME.mp4",
    ),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a video of 30 frames and another one of 60, both with sound."""
    monkeypatch.chdir(tmp_path)
    clips.write_clip(tmp_path / "mine.mp4", frames=30, with_sound=True)
    clips.write_clip(tmp_path / "other.mp4", frames=60, with_sound=True)
    return tmp_path


@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow such names")
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_the_name_of_a_file_and_nothing_else(folder: Path, name: str) -> None:
    shutil.copy("mine.mp4", name)
    with Video(name) as video:
        assert video.info.frame_count == 30
        assert sum(len(sound) for _, sound in read_blocks(video)) < 1.2 * 16_000
        assert read_embedded_subtitles(video) == ()


@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow such names")
@pytest.mark.parametrize("name", ["what is this?.gif", "50%d.gif", "{a,b}*.gif"])
def test_a_gif_is_no_pattern_of_names(folder: Path, name: str) -> None:
    Path(name).write_bytes(bombs.gif(64, 48))
    with Video(name) as video:
        assert video.info.frame_count == 2


def test_one_module_opens_files_with_ffmpeg() -> None:
    """Whatever else reads a media file by its name would follow what FFmpeg or OpenCV make of that name."""
    assert _openers(ROOT / "tools" / "demux" / "container.py") == ["av.open"]
    for package in ("tools", "agent", "evals", "rl"):
        for path in (ROOT / package).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            assert name == "tools/demux/container.py" or not set(_openers(path)) - _ALLOWED.get(name, set()), name


_ALLOWED = {
    # only in formats that hold a picture and nothing else
    "tools/video/still.py": {"Image.open"},
    # a speed test of other readers, on clips that it made itself
    "evals/perf/speed_jobs.py": {"cv2.VideoCapture", "VideoDecoder"},
    # pictures of a folder that its maker collects
    "evals/composed/fetched.py": {"cv2.imread"},
    "evals/composed/material_folder.py": {"cv2.imread"},
}
_FORBIDDEN = {
    *("VideoCapture", "imread", "imreadmulti", "VideoReader", "VideoDecoder", "AudioDecoder", "decode_audio"),
    *("read_video", "load_video", "load_audio", "mimread", "mimopen", "get_reader", "ffprobe"),
}


def _openers(path: Path) -> list[str]:
    """Calls in a module that read media by name: `av.open` but for writing, pictures but from bytes, and others."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        is_writing = len(node.args) > 1 and isinstance(node.args[1], ast.Constant) and node.args[1].value == "w"
        from_bytes = bool(node.args) and ast.unparse(node.args[0]).startswith("io.BytesIO(")
        is_opening = called in ("av.open", "Image.open") and not is_writing and not from_bytes
        if is_opening or called.rpartition(".")[2] in _FORBIDDEN:
            found.append(called)
    return found


PLAYLISTS = {
    "live.m3u8": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{other}\n",
    "list.mp4": "ffconcat version 1.0\nfile other.mp4\n",
    "list.mpd": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{other}</BaseURL></MPD>',
    "list.pls": "[playlist]\nFile1={other}\n",
    "list.asx": "<ASX version='3'><entry><ref href='{other}'/></entry></ASX>",
    "list.wmv": "[Reference]\r\nRef1={other}\r\n",
    "marked.m3u8": "\ufeff#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{other}\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_list_of_other_files_is_refused_and_called_that(folder: Path, name: str) -> None:
    Path(name).write_text(PLAYLISTS[name].format(other=folder / "other.mp4"), encoding="utf-8")
    with pytest.raises(VideoError, match="is not a video: it is a playlist, which only names other files; give the v"):
        Video(name)


def test_pictures_beside_a_file_are_not_read_in_its_name(folder: Path) -> None:
    for number in range(3):
        cv2.imwrite(f"shot{number:03d}.jpg", clips.picture(number))
    cv2.imwrite("shot%03d.jpg", clips.picture(7))
    with pytest.raises(VideoError, match="is not a video: it is a picture"):
        Video("shot%03d.jpg")


OTHER = {
    "a stream": ("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nm=video 5000 RTP/AVP 96\r\n", "the address of a stream"),
    "an address": ("http://127.0.0.1/x.mp4\n", "the address of a stream"),
    "srt": ("1\n00:00:01,000 --> 00:00:02,000\nHello\n", "a subtitle file; give the video and --subtitles"),
    "vtt": ("WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n", "a subtitle file"),
    "a page": ("<!DOCTYPE html>\n<html><body>Not found</body></html>", "a web page"),
    "text": ("Dear Sir or Madam,\n" * 20, "text; give the video itself"),
    "zeros": ("\0" * 5000, "nothing but zeros"),
    "zip": ("PK\x03\x04" + "x" * 500, "an archive; unpack it first"),
}


@pytest.mark.parametrize("kind", OTHER)
def test_what_is_no_video_is_called_what_it_is(tmp_path: Path, kind: str) -> None:
    content, words = OTHER[kind]
    (tmp_path / "film.mp4").write_text(content, encoding="utf-8", newline="")
    with pytest.raises(VideoError, match=f"is not a video: it is {words}"):
        Video(tmp_path / "film.mp4")


def test_a_track_that_lies_in_another_file_is_not_fetched(folder: Path) -> None:
    picture = bombs.png(64, 48)
    reference = bombs.outside_reference(str(folder / "outside.mov").encode())
    whole = bombs.mp4(2, ticks_each=500, sample_bytes=0, reference=reference)
    (folder / "outside.mov").write_bytes(bytes(whole.index(picture)) + picture * 2)
    (folder / "film.mov").write_bytes(whole.replace(picture, bytes(len(picture))))
    with av.open("film.mov", options={"enable_drefs": "1"}) as followed:  # so it is what it should be
        assert len(list(followed.decode(video=0))) == 2
    with pytest.raises(VideoError, match="no frame could be decoded"):
        Video("film.mov")


def test_no_format_that_opens_other_files_is_allowed() -> None:
    assert not set(door.FORMATS) & {
        *("hls", "applehttp", "concat", "dash", "image2", "image2pipe", "imf", "sdp", "rtsp", "rtp", "sap", "vobsub"),
        *("mlv", "lavfi", "tty", "avisynth", "vapoursynth", "webm_dash_manifest", "alias_pix", "libgme"),
    }


def test_every_allowed_format_is_one_that_ffmpeg_knows() -> None:
    known = {name for joined in av.formats_available for name in joined.split(",")}
    assert set(door.FORMATS) <= known


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_what_is_not_a_file_on_a_disk_is_refused_without_a_read(folder: Path) -> None:
    os.mkfifo("pipe.mp4")
    (folder / "link.mp4").symlink_to("pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.mp4")
        for name in ("pipe.mp4", "link.mp4", "socket.mp4", "/dev/zero", "/dev/null"):
            with pytest.raises(VideoError, match="is not a file but a pipe, a socket or a device: save the video"):
                Video(name)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_what_the_system_makes_up_is_refused() -> None:
    with pytest.raises(VideoError, match="is not a file on a disk"):
        Video("/proc/self/maps")
    with pytest.raises(VideoError, match="is not a file on a disk"):
        open_container(Path("/proc/self/environ"))


def test_opening_ends_after_its_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "OPEN_SECONDS", 0.0)
    with pytest.raises(VideoError, match=r"mine\.mp4 could not be opened within 0 s"):
        Video("mine.mp4")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_an_interrupt_ends_the_wait_for_work_that_does_not_return() -> None:
    """In a process of its own: a call without the interpreter's lock, as FFmpeg's are, and Ctrl-C after a while."""
    program = (
        "import ctypes, sys\n"
        "from tools.demux.container import run_interruptibly\n"
        "print('ready', flush=True)\n"
        "try:\n    run_interruptibly(lambda: ctypes.CDLL(None).sleep(60))\n"
        "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    process.kill()
    process.communicate()


def test_work_gives_and_raises_as_if_it_were_called() -> None:
    assert run_interruptibly(lambda: 7) == 7
    with pytest.raises(KeyError, match="lost"):
        run_interruptibly(lambda: {}["lost"])
    assert "opening" not in [thread.name for thread in threading.enumerate()]


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "canvas.gif": (lambda: bombs.gif(16_000, 16_000), "over 64 megapixels"),
    "largest.gif": (lambda: bombs.gif(65_535, 65_535), "over 64 megapixels"),
    "picture.mkv": (lambda: bombs.matroska([0, 500], bombs.png(16_000, 16_000), (16_000, 16_000)), "over 64 megapix"),
    "lie.mkv": (lambda: bombs.matroska([0, 500], bombs.png(16_000, 16_000), (64, 48)), "over 64 megapixels"),
    "tall.mkv": (lambda: bombs.matroska([0], bombs.png(1, 40_000), (1, 40_000)), "1x40000 pixels are too large"),
    "long.mkv": (
        lambda: bombs.matroska([0, 10**12], bombs.png(64, 48), (64, 48)),
        "a length of 2e.09 s can't be right",
    ),
    "scale.mkv": (lambda: bombs.matroska([0, 10**9], bombs.png(64, 48), (64, 48), 10**9), "a length of 1e.09 s"),
    "long.mp4": (lambda: bombs.mp4(2, 10**9, 1, sample_bytes=0), "a length of 2e.09 s can't be right"),
    "samples.mp4": (lambda: bombs.mp4(30_000_000), "promises 30000000 samples, far more than it has bytes"),
    "most.mp4": (lambda: bombs.mp4(2**32 - 1), "promises 4294967295 samples"),
    "edits.mp4": (lambda: bombs.mp4(1_000_000, edits=100), "promises 100000000 samples"),
    "packed.mov": (lambda: bombs.mp4(30_000_000, packed=True), "promises 30000000 samples"),
    "fragment.mp4": (
        lambda: bombs.mp4(2, 500, sample_bytes=0) + bombs.fragment(50_000_000),
        "promises 5000000. samples",
    ),
    "fragments.mp4": (lambda: bombs.mp4(2, 500, sample_bytes=0) + bombs.fragment(1_000_000) * 9, "promises [0-9]+ sam"),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.clock
def test_what_promises_too_much_is_refused_at_once(tmp_path: Path, name: str) -> None:
    make, words = BOMBS[name]
    (tmp_path / name).write_bytes(make())
    started = time.monotonic()
    with pytest.raises(VideoError, match=words):
        Video(tmp_path / name)
    assert time.monotonic() - started < 5.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: bombs.mp4(2, 500, sample_bytes=0),
        lambda: bombs.mp4(2, 500, sample_bytes=0, edits=3),
        lambda: bombs.mp4(2, 500, sample_bytes=0, packed=True),
        lambda: bombs.matroska([0, 500], bombs.png(7680, 4320), (7680, 4320)),
        lambda: bombs.matroska([0, 48 * 3_600_000], bombs.png(64, 48), (64, 48)),
        lambda: bombs.many_pictures(20_000),
    ],
    ids=["mp4", "edits", "packed header", "8K", "96 hours", "20,000 pictures in 20 ms"],
)
def test_what_promises_no_more_than_a_real_film_is_opened(tmp_path: Path, make: Callable[[], bytes]) -> None:
    (tmp_path / "film").write_bytes(make())
    with Video(tmp_path / "film") as video:
        assert len(list(video.read([0.0]))) == 1


def test_sound_without_compression_may_have_more_samples_than_the_file_has_bytes(tmp_path: Path) -> None:
    """A table of one size for all is right for it, and in a download that broke off it speaks of the whole."""
    path = tmp_path / "film.mov"
    with av.open(str(path), "w", container_options={"movflags": "faststart"}) as written:
        video = written.add_stream("mjpeg", rate=1)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        sound = written.add_stream("pcm_u8", rate=48_000, layout="mono")
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        for second in range(100):
            picture.pts = second
            written.mux(video.encode(picture))
            block = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.uint8), format="u8", layout="mono")
            block.sample_rate, block.pts = 48_000, second * 48_000
            written.mux(sound.encode(block))
    path.write_bytes(path.read_bytes()[:500_000])
    with Video(path) as video_file:
        assert video_file.info.is_cut_off
        assert video_file.info.frame_count > 3


@pytest.mark.parametrize(
    ("trouble", "more_streams", "ended_in_error"),
    [(IndexError("list index out of range"), True, False), (av.error.InvalidDataError(1, "damaged"), False, True)],
)
def test_packets_end_where_reading_fails_and_it_is_known_why(
    trouble: Exception, more_streams: bool, ended_in_error: bool
) -> None:
    class Tripping:
        """A container whose second packet can't be had, as with a stream that appears in the middle."""

        def demux(self) -> Iterator[str]:
            yield "first"
            raise trouble

    reader = PacketReader(Tripping())  # type: ignore[arg-type]
    assert list(reader) == ["first"]
    assert (reader.more_streams, reader.ended_in_error) == (more_streams, ended_in_error)
