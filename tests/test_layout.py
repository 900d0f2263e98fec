"""The shape of the project: imports point one way, and the four packages are ours."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ("tools", "agent", "evals", "rl")
"""Each may import itself and those before it."""


@pytest.mark.parametrize("package", ORDER)
def test_a_package_lies_in_this_repository(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None
    assert Path(module.__file__).is_relative_to(ROOT)


@pytest.mark.parametrize("package", ORDER)
def test_imports_point_one_way(package: str) -> None:
    later = ORDER[ORDER.index(package) + 1 :]
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            wrong = [name for name in names if name.split(".")[0] in later]
            assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_nothing_is_named_after_a_standard_module() -> None:
    import sys

    names = {path.stem for package in ORDER for path in (ROOT / package).glob("*.py")} - {"__init__"}
    assert not names & sys.stdlib_module_names
