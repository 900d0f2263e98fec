"""JSON and TOML of strangers: a value, or one ValueError."""

import ast

import pytest

from tests.test_layout import ORDER, ROOT
from tools.plain_data import MAX_DEPTH, loads_json, loads_toml

_READERS = ("json.loads", "json.load", "tomllib.loads", "tomllib.load")
_OWN_WAYS = ("tools/cache.py", "agent/policies/openai_api/", "evals/perf/speed.py")
"""What reads the cache, a server's reply or its own child process has rules of its own for what is damaged."""


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
