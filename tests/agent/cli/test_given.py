"""What is given in place of a file: standard input, a folder of pictures, an address."""

import http.server
import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent import Sleuth
from agent.cli.main import main
from agent.cli.sources import address
from agent.exit_codes import EXIT_BAD_INPUT
from agent.policy import DOWNLOAD
from agent.trajectory import load
from tests.drawn import COLOURS, write_colours
from tools.cache import list_cached_videos
from tools.encoders.hashing import HashingEncoder
from tools.limits import VideoError
from tools.video.other_sources import open_video

ASKED = ["How long is the video?", "--policy", "lite"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VIDEOSLEUTH_ENCODER", "hashing")
    monkeypatch.delenv(DOWNLOAD, raising=False)
    return tmp_path / "cache"


def pipe(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_video_from_standard_input_is_kept_so_that_its_run_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cache: Path
) -> None:
    clip = write_colours(tmp_path / "a.mp4", ["red", "blue"])
    saved = tmp_path / "run.json"
    pipe(monkeypatch, clip.read_bytes())
    assert main(["ask", "-", *ASKED, "--save", str(saved)]) == 0
    assert capsys.readouterr().out.startswith("2.0 s (0:02)")
    assert Path(load(saved).question.video).read_bytes() == clip.read_bytes()
    assert main(["replay", str(saved)]) == 0
    assert sum(video.folder.name.startswith("given-") for video in list_cached_videos(cache)) == 1
    assert not list(cache.glob(".standard-input*"))


@pytest.mark.parametrize(
    ("command", "data", "said"),
    [
        (["ask", "-", "What?"], b"", "standard input is empty"),
        (["ask", "-", "What?"], b"no video", "is not a video"),
        (["chat", "-"], b"video", "where this command reads questions"),
    ],
)
def test_what_is_no_video_on_standard_input_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    data: bytes,
    said: str,
    cache: Path,
) -> None:
    pipe(monkeypatch, data)
    assert main(command) == EXIT_BAD_INPUT
    assert said in capsys.readouterr().err
    assert not list(cache.glob(".standard-input*"))


def write_pictures(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for name, colour in zip(names, ("red", "green", "blue"), strict=True):
        cv2.imwrite(str(folder / name), np.full((48, 64, 3), COLOURS[colour][::-1], np.uint8))
    return folder


def test_a_folder_of_pictures_is_a_video_in_the_order_of_the_numbers_in_their_names(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", ["scene2-10.png", "scene10-2.png", "scene10-11.png"])
    video = open_video(folder, fps=2)
    shown = [int(frame.pixels.mean((0, 1)).argmax()) for frame in video.read([0.0, 0.5, 1.0])]
    assert (video.info.duration_seconds, shown) == (1.5, [0, 1, 2])
    assert video.info.notes == ("A folder of 3 pictures, shown at 2 a second.",)
    assert open_video(folder).info.duration_seconds == 3.0
    assert open_video(folder, until=1.5).info.duration_seconds == 1.5
    assert [frame.seconds for frame in open_video(folder, start=1.5).read([1.5, 2.0])] == [1.5, 2.0]
    clip = write_colours(tmp_path / "a.mp4", ["red"])
    with pytest.raises(VideoError, match="is no folder of pictures"):
        open_video(clip, fps=2)


def test_a_folder_of_pictures_is_asked_as_one_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, saved = write_pictures(tmp_path / "pictures", ["1.png", "2.png", "10.png"]), tmp_path / "run.json"
    assert main(["ask", str(folder), *ASKED, "--fps", "0.5", "--save", str(saved)]) == 0
    assert capsys.readouterr().out.startswith("6.0 s (0:06)")
    assert main(["replay", str(saved)]) == 0
    with Sleuth("lite", encoder=HashingEncoder()) as sleuth:
        assert sleuth.ask(folder, ASKED[0]).text == "3.0 s (0:03)"
    write_colours(folder / "a.mp4", ["red"] * 5)
    assert main(["ask", str(folder), *ASKED]) == 0
    assert capsys.readouterr().out.splitlines()[-1].count("policy lite") == 1
    for fps in ("0", "nan"):
        assert main(["ask", str(folder), *ASKED, "--fps", fps]) == EXIT_BAD_INPUT


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("http://127.0.0.1:9/film.mp4", "127.0.0.1 lies in a private network"),
        ("http://[::ffff:10.0.0.1]/film.mp4", "lies in a private network"),
        ("http://no-such-host.invalid/film.mp4", "is no host that can be found"),
        ("http:///film.mp4", "is no host that can be found"),
    ],
)
def test_an_address_in_a_private_network_is_refused_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, said: str
) -> None:
    monkeypatch.setattr(address, "is_installed", lambda name: True)
    monkeypatch.setattr(address, "ask_user", lambda question: pytest.fail("it is asked"))
    assert main(["ask", typed, "What?", "--yes"]) == EXIT_BAD_INPUT
    assert said in capsys.readouterr().err


def test_nothing_is_fetched_without_a_yes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []
    monkeypatch.setenv(address.PRIVATE, "yes")
    monkeypatch.setattr(address, "is_installed", lambda name: True)
    monkeypatch.setattr(address, "ask_user", lambda question: bool(asked.append(question)))
    monkeypatch.setattr(address, "_download", lambda *_: pytest.fail("it is fetched"))
    assert main(["ask", "http://127.0.0.1:9/film.mp4", "What?"]) == EXIT_BAD_INPUT
    assert "--yes allows it" in capsys.readouterr().err
    assert len(asked) == 1
    assert "would be fetched by yt-dlp from 127.0.0.1" in asked[0]


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "served"
    folder.mkdir()
    write_colours(folder / "film.mp4", ["red", "blue"])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_video_is_fetched_once_after_a_yes(
    served: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("yt_dlp")
    monkeypatch.setenv(address.PRIVATE, "yes")
    monkeypatch.setenv(DOWNLOAD, "no")
    assert main(["ask", f"{served}/film.mp4", *ASKED, "--yes"]) == 0
    assert capsys.readouterr().out.startswith("2.0 s (0:02)")
    monkeypatch.setenv(DOWNLOAD, "no")
    monkeypatch.setattr(address, "_download", lambda *_: pytest.fail("it is fetched again"))
    assert main(["ask", f"{served}/film.mp4", *ASKED]) == 0
    capsys.readouterr()
    monkeypatch.undo()


def test_an_address_without_a_video_is_one_sentence(
    served: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("yt_dlp")
    monkeypatch.setenv(address.PRIVATE, "yes")
    monkeypatch.setenv(DOWNLOAD, "yes")
    assert main(["ask", f"{served}/gone.mp4", "What?"]) == EXIT_BAD_INPUT
    told = capsys.readouterr().err
    assert "could not be fetched" in told
    assert "404" in told


def test_a_file_needs_no_library_of_a_hub(tmp_path: Path) -> None:
    code = """
import argparse, sys
from agent.cli.sources.given import bring_files
bring_files(argparse.Namespace(video=sys.argv[1]))
print("huggingface_hub" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "clip.mp4")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
