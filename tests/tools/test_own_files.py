"""Files of our own are believed only if they are what was written: plain, whole, and of the right types."""

import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.poison import POISONS, poison, victim
from tools.cache import keep, load_kept

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs pipes and links")

ROWS = TypeAdapter(tuple[tuple[float, str], ...])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "cache" / "video" / "rows.json"
    keep(made, [[0.5, "a"], [1.0, "b"]])
    return made


@pytest.mark.parametrize("how", POISONS)
def test_whatever_lies_in_its_place_is_not_read_and_is_written_over(path: Path, how: str) -> None:
    poison(path, how)
    # the superuser reads every file
    assert load_kept(path, ROWS) is None or (how == "no permission" and os.access(path, os.R_OK))
    keep(path, [[2.0, "c"]])
    assert load_kept(path, ROWS) == ((2.0, "c"),)
    if how == "a link":
        assert victim(path).read_text() == "mine"


@pytest.mark.parametrize(
    "body",
    [
        '{"version": 1}',
        "null",
        "[[0.5, 7]]",
        '[["0.5", "a"]]',
        '[[NaN, "a"]]',
        '[[1e999, "a"]]',
        '[[0.5, "\\ud800"]]',
        "[" + "9" * 5000 + "]",
        "[" * 100_000 + "]" * 100_000,
    ],
    ids=[
        "object",
        "null",
        "a number for a text",
        "a text for a number",
        "NaN",
        "infinite",
        "surrogate",
        "huge",
        "deep",
    ],
)
def test_a_right_checksum_does_not_make_up_for_wrong_types(path: Path, body: str) -> None:
    raw = body.encode()
    path.write_bytes(b'{"crc32": %d, "kept":\n%s\n}\n' % (zlib.crc32(raw), raw))
    assert load_kept(path, ROWS) is None


def test_the_file_is_json_that_other_programs_read(path: Path) -> None:
    whole: dict[str, Any] = json.loads(path.read_bytes())
    assert whole["kept"] == [[0.5, "a"], [1.0, "b"]]
