"""A stranger names files of the allowed folders and no others, however the path is written."""

import os
import sys
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


def test_a_folder_of_pictures_is_found_as_a_file_is_and_one_of_videos_is_not(
    tmp_path: Path, allowed: AllowedFolders
) -> None:
    for name in ("pics/1.jpg", "videos/1.jpg", "videos/deep/1.mp4", "hidden/.1.jpg"):
        (tmp_path / "open" / name).parent.mkdir(parents=True)
        (tmp_path / "open" / name).write_bytes(b"x")
    assert allowed.find("pics") == tmp_path / "open" / "pics"
    for name in ("videos", "hidden"):
        with pytest.raises(NotAllowedError):
            allowed.find(name)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("What is said in talks/?", ["talks/"]),
        ("What's shown in talks/, and isn't in talks/2024.", ["talks/", "talks/2024"]),
        ('Is it in "talks/last year" or `talks/2024/`?', ["talks/last year", "talks/2024/"]),
        ("Do talks and/or signs, 'talks', open.mp4/, ../outside/ or // count?", []),
    ],
)
def test_a_folder_is_named_in_a_text_with_a_slash(
    text: str, names: list[str], tmp_path: Path, allowed: AllowedFolders
) -> None:
    for name in ("open/talks/2024", "open/talks/last year", "outside"):
        (tmp_path / name).mkdir(parents=True)
    found = list(allowed.find_folders_in_text(text))
    assert [one.name for one in found] == names
    assert [text[one.start : one.stop].strip('"`') for one in found] == names
    assert all(one.path == tmp_path / "open" / one.name for one in found)


def test_long_texts_without_an_end_are_read_through(allowed: AllowedFolders) -> None:
    for text in ("a" * 100_000, "'" * 100_000, '"a/`' * 500, "`" + "/" * 3000):
        assert list(allowed.find_folders_in_text(text)) == []


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


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="needs file names that are any bytes")
def test_a_name_that_no_json_can_hold_is_not_listed(tmp_path: Path, allowed: AllowedFolders) -> None:
    folder = tmp_path / "second" / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "talk.mp4").write_bytes(b"x")
    assert "talk.mp4" not in str(allowed.list_names((".mp4",)))
    assert "caf" not in str(allowed.list_folders())


def test_folders_to_ask_about_are_those_of_videos_and_those_above_and_those_of_pictures(tmp_path: Path) -> None:
    for name in ("trips/2024/a.mp4", "pics/deep/1.png", ".hidden/a.mp4", "notes/a.txt"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "notes" / "out.mp4").symlink_to("/etc/hostname")
    assert AllowedFolders([tmp_path]).list_folders() == [".", "pics/deep", "trips", "trips/2024"]
    assert AllowedFolders([tmp_path, tmp_path / "pics"]).list_folders() == ["deep", "pics/deep", "trips", "trips/2024"]
