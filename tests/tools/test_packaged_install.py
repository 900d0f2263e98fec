"""What is said to install is what works where it is said: no index has the project under its name."""

import pytest

from tools.packaged import _with_extra, install_command


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
    assert _with_extra(origin, "ocr") == taken


def test_the_command_names_the_extra() -> None:
    assert "[ocr]" in install_command("ocr")
