import hashlib
import os
import sys
from pathlib import Path

import pytest

from tools.observation import MissingPartError
from tools.packaged_weights import _format_requirement, find_file, make_install_command

WEIGHTS = b"some weights"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that must not be imported: importing it raises."""
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "packaged_for_a_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "weights.bin").write_bytes(WEIGHTS)
    return folder


def test_a_file_is_found_without_importing_its_package(package: Path) -> None:
    assert find_file("packaged_for_a_test", "weights.bin", SHA256, "encoder") == package / "weights.bin"
    assert "packaged_for_a_test" not in sys.modules


def test_a_missing_package_says_which_extra_to_install() -> None:
    with pytest.raises(MissingPartError, match=r"install .*\[encoder\]"):
        find_file("no_such_package_at_all", "weights.bin", SHA256, "encoder")


def test_a_missing_file_says_to_reinstall() -> None:
    with pytest.raises(MissingPartError, match=r"other\.bin is not in it"):
        find_file("packaged_for_a_test", "other.bin", SHA256, "ocr")


def test_a_changed_file_is_refused_even_after_it_was_once_right(package: Path) -> None:
    find_file("packaged_for_a_test", "weights.bin", SHA256, "encoder")
    (package / "weights.bin").write_bytes(b"other weights!")
    with pytest.raises(ValueError, match="not the file that this version was tested with"):
        find_file("packaged_for_a_test", "weights.bin", SHA256, "encoder")


def test_nothing_in_the_cache_vouches_for_a_file(package: Path, tmp_path: Path) -> None:
    """Size and times of a swapped file can be set, and a note in the cache can be written."""
    find_file("packaged_for_a_test", "weights.bin", SHA256, "encoder")
    assert not (tmp_path / "cache").exists()
    path = package / "weights.bin"
    before = path.stat()
    path.write_bytes(WEIGHTS[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ValueError, match="not the file that this version was tested with"):
        find_file("packaged_for_a_test", "weights.bin", SHA256, "encoder")


@pytest.mark.parametrize(
    ("origin", "taken"),
    [
        ({"url": "file:///src/video%20sleuth", "dir_info": {"editable": True}}, "-e '/src/video sleuth[ocr]'"),
        ({"url": "file:///src/sleuth", "dir_info": {}}, "'/src/sleuth[ocr]'"),
        (
            {"url": "file:///d/videosleuth-0.1.0-py3-none-any.whl", "archive_info": {}},
            "'/d/videosleuth-0.1.0-py3-none-any.whl[ocr]'",
        ),
        ({"url": "https://h/v.whl", "archive_info": {}}, "'videosleuth[ocr] @ https://h/v.whl'"),
        ({"url": "https://h/r", "vcs_info": {"vcs": "git"}}, "'videosleuth[ocr] @ git+https://h/r'"),
        ({}, "'videosleuth[ocr]'"),
    ],
)
def test_an_extra_is_installed_from_where_the_project_came(origin: dict[str, object], taken: str) -> None:
    assert _format_requirement(origin, "ocr") == taken


def test_the_command_names_the_extra() -> None:
    assert "[ocr]" in make_install_command("ocr")
