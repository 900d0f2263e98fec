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
    later = set(ORDER[ORDER.index(package) + 1 :])
    for path in (ROOT / package).rglob("*.py"):
        wrong = imported(path) & later
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_one_file_knows_trl() -> None:
    """What it overrides there is private, so that a new release of TRL is read against this file alone."""
    found = [path for package in ORDER for path in (ROOT / package).rglob("*.py") if "trl" in imported(path)]
    assert [path.relative_to(ROOT).as_posix() for path in found] == ["rl/trainer.py"]


def test_nothing_is_named_after_a_standard_module() -> None:
    import sys

    names = {path.stem for package in ORDER for path in (ROOT / package).glob("*.py")} - {"__init__"}
    assert not names & sys.stdlib_module_names


def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports, anywhere in it."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
    return {name.split(".")[0] for name in names}
