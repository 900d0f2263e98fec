"""JSON and TOML of strangers: a value, or one ValueError."""

import ast
import os
from pathlib import Path

import pytest

from tests.test_layout import ORDER, ROOT
from tools.plain_data import MAX_DEPTH, loads_json, loads_toml, read_plain_lines, read_plain_text

_READERS = ("json.loads", "json.load", "tomllib.loads", "tomllib.load")
_OWN_WAYS = ("tools/cache.py", "agent/policies/openai_api/", "evals/perf/speed.py")
"""What reads the cache, a server's reply or its own child process has rules of its own for what is damaged."""
_LINES_OF_THE_SYSTEM = ("tools/cache.py", "agent/policies/hub/npm.py", "evals/perf/", "evals/runner/manifest.py")
"""What reads lines of /proc, of npm's settings or of its own child process, none of them JSON of others."""


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 150 + "]" * 150, "9" * 5000, "", "\0", "{]"])
def test_json_that_is_none_or_too_deep_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads_json(text)


@pytest.mark.parametrize("text", ["a = " + "[" * 50_000, "a = " + "{b=" * 5_000, "." * 100, "[a." + "b." * 200 + "c]"])
def test_toml_that_is_none_or_too_deep_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads_toml(text)


def test_what_is_as_deep_as_allowed_is_read() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert str(loads_json(text)) == text
    assert loads_toml("a = [[1], {b = 2}]") == {"a": [[1], {"b": 2}]}


def test_half_a_pair_of_surrogates_is_no_text() -> None:
    assert loads_json(r'"\ud83d\ude00"') == "😀"
    for text in (r'"\ud800"', r'{"a": ["\uDFFF"]}', r'{"\ud800": 1}'):
        with pytest.raises(ValueError, match="no valid Unicode"):
            loads_json(text)
        with pytest.raises(ValueError, match="no valid Unicode"):
            loads_json(text.encode())


def test_a_line_of_json_may_hold_what_other_texts_part_at(tmp_path: Path) -> None:
    rows = ['{"a": "1\u20282\u00853\x0c4"}', '{"b": 2}']
    (tmp_path / "rows.jsonl").write_text("\r\n\n".join(rows) + "\n", encoding="utf-8-sig", newline="")
    assert list(read_plain_lines(tmp_path / "rows.jsonl")) == [(1, rows[0]), (3, rows[1])]


def test_what_is_no_file_on_a_disk_or_too_large_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**41)
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(ValueError, match="is not a file: need text in one"):
            read_plain_text(path)
    with pytest.raises(ValueError, match=r"holds 2097152 MB: too large for a text"):
        read_plain_text(tmp_path / "sparse")


def test_nobody_parts_the_lines_of_a_file_otherwise() -> None:
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"
        for package in ORDER
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "splitlines" and "read_text(" in ast.unparse(node.value)
    ]
    assert [place for place in found if not place.startswith(_LINES_OF_THE_SYSTEM)] == []


def test_nobody_else_reads_json_or_toml_but_where_depth_is_caught() -> None:
    found = []
    for package in ORDER:
        for path in (ROOT / package).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            tries = [node for node in ast.walk(tree) if isinstance(node, ast.Try)]
            careful = [t for t in tries if any("RecursionError" in ast.unparse(h.type or t) for h in t.handlers)]
            fine = {id(node) for t in careful for statement in t.body for node in ast.walk(statement)}
            found += [
                f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and ast.unparse(node.func) in _READERS and id(node) not in fine
            ]
    assert [place for place in found if not place.startswith(_OWN_WAYS)] == []
