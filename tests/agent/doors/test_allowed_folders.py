"""A stranger names files of the allowed folders and no others, however the path is written."""

import os
from pathlib import Path

import pytest

from agent.doors.allowed_folders import AllowedFolders, NotAllowedError


@pytest.fixture
def allowed(tmp_path: Path) -> AllowedFolders:
    for folder in ("open", "second", "open2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.mp4").write_bytes(b"x")
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (tmp_path / "open" / "out.mp4").symlink_to(tmp_path / "secret.mp4")
    (tmp_path / "open" / "in.mp4").symlink_to(tmp_path / "second" / "second.mp4")
    (tmp_path / "open" / "loop.mp4").symlink_to(tmp_path / "open" / "loop.mp4")
    (tmp_path / "open" / "folder").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "open" / "pipe.mp4")
    return AllowedFolders([tmp_path / "open", tmp_path / "second"])


@pytest.mark.parametrize("path", ["open.mp4", "second.mp4", "./open.mp4", "../second/second.mp4", "in.mp4"])
def test_a_file_in_one_of_the_folders_is_found(path: str, allowed: AllowedFolders) -> None:
    found = allowed.find(path)
    assert found.is_file()
    assert not found.is_symlink()
    assert allowed.find(str(found)) == found


@pytest.mark.parametrize(
    "path",
    [
        *("../secret.mp4", "out.mp4", "folder/secret.mp4", "../open2/open2.mp4", "loop.mp4", "pipe.mp4", "no.mp4"),
        *("", ".", "a\0b", "x" * 5000, "/etc/passwd", "/no/such/file"),
    ],
)
def test_nothing_else_is_and_the_message_tells_nothing(path: str, allowed: AllowedFolders) -> None:
    with pytest.raises(NotAllowedError) as refused:
        allowed.find(path)
    assert str(refused.value) == f"{path!r:.200} is no file in a folder that this server may read"


def test_a_folder_may_be_named_where_it_lies_in_them_and_holds_what_lies_there(
    tmp_path: Path, allowed: AllowedFolders
) -> None:
    (tmp_path / "open" / ".deep").mkdir()
    (tmp_path / "open" / ".deep" / "hidden.mp4").write_bytes(b"x")
    for path in (".", "../second", str(tmp_path / "open" / ".deep")):
        assert allowed.find_videos(path).is_dir()
    for path in ("", " ", "..", "folder", "pipe.mp4", "../open2", "/"):
        with pytest.raises(NotAllowedError):
            allowed.find_videos(path)
    names = ("open.mp4", "in.mp4", "out.mp4", "no.mp4", ".deep/hidden.mp4")
    assert {name for name in names if allowed.refuse(tmp_path / "open" / name) is None} == {"open.mp4", "in.mp4"}


def test_a_link_as_the_allowed_folder_stands_for_what_it_leads_to(tmp_path: Path, allowed: AllowedFolders) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "second")
    assert AllowedFolders([tmp_path / "link"]).find("second.mp4") == tmp_path / "second" / "second.mp4"


def test_a_folder_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no folder"):
        AllowedFolders([tmp_path / "missing"])


def test_what_may_be_asked_about_is_listed_by_the_name_that_finds_it(tmp_path: Path, allowed: AllowedFolders) -> None:
    (tmp_path / "second" / "deep").mkdir()
    for name in ("deep/Talk.MP4", ".hidden.mp4", "notes.txt", "open.mp4"):
        (tmp_path / "second" / name).write_bytes(b"x")
    assert allowed.list_names((".mp4",)) == ["deep/Talk.MP4", "in.mp4", "open.mp4", "second.mp4"]
