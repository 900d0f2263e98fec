"""`agent index` over a folder: one file that fails never keeps the others from being indexed."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.cli import build_index
from agent.cli.build_index import NotIndexed, index_all
from agent.cli.main import main
from agent.exit_codes import EXIT_BAD_INPUT, EXIT_BUG
from tests.clips import write_clip
from tests.drawn import TEXT, write_captioned
from tools import packaged_weights
from tools.cache import list_cached_videos
from tools.ocr.reader import TextReader
from tools.toolbox import Toolbox, open_toolbox
from tools.video.video import VideoError


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three videos; whatever is made of them is kept apart from the user's cache."""
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "videos"
    folder.mkdir()
    for number, name in enumerate(("a.mp4", "b[red].mp4", "c.mp4")):
        write_clip(folder / name, frames=30 + number)
    return folder


@pytest.mark.parametrize("error", [VideoError("torn"), MemoryError(), IndexError("list index"), OSError(5, "I/O")])
def test_a_file_that_fails_in_any_way_does_not_end_the_folder(
    videos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def failing_once(path: Path, **options: Any) -> Toolbox:
        if path.name == "b[red].mp4":
            raise error
        return open_toolbox(path, **options)

    monkeypatch.setattr(build_index, "open_toolbox", failing_once)
    failed = index_all([videos], "hashing", Console(stderr=True))
    assert failed == [NotIndexed(videos / "b[red].mp4", is_bug=isinstance(error, IndexError))]
    assert len(list_cached_videos()) == 3  # and the index over both
    assert f"not indexed: 1 of 3 videos: {videos / 'b[red].mp4'}" in capsys.readouterr().err


def test_the_exit_status_tells_a_bad_file_from_a_bug(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (videos / "b[red].mp4").write_bytes(b"no video at all")
    assert main(["index", str(videos), "--encoder", "hashing"]) == EXIT_BAD_INPUT

    def failing(path: Path, **options: Any) -> Toolbox:
        raise IndexError("list index out of range")

    monkeypatch.setattr(build_index, "open_toolbox", failing)
    assert main(["index", str(videos), "--encoder", "hashing"]) == EXIT_BUG


def test_an_unknown_encoder_is_said_once_and_blames_no_file(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", str(videos), "--encoder", "nonsense"]) == EXIT_BAD_INPUT
    said = capsys.readouterr().err
    assert said.count("unknown encoder") == 1
    assert "not indexed" not in said


def test_text_is_read_ahead_and_what_is_left_for_a_question_is_said(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not packaged_weights.is_installed("rapidocr"):
        pytest.skip("needs videosleuth[ocr]")
    video = write_captioned(videos / "long.mp4", seconds=40.0, shown=(12.0, 16.0))
    assert main(["index", str(video), "--encoder", "hashing"]) == 0
    assert "40 frames indexed; a question may still have to read text on screen (--text" in capsys.readouterr().err
    assert main(["index", str(video), "--encoder", "hashing", "--text"]) == 0
    assert capsys.readouterr().err.endswith("40 frames indexed\n")
    with open_toolbox(video, encoder="hashing") as toolbox:
        toolbox.index.wait()

        def nobody() -> TextReader:
            raise AssertionError("what was read ahead is read again")

        toolbox._resources.screen_text._reader = nobody
        assert [line.text for line in toolbox.call("search_text", {}).findings] == [TEXT]
        assert toolbox.call("search_text", {"start": 20.0, "stop": 25.0}).findings == ()
