"""The shape of the project: imports point one way, and the four packages are ours."""

import ast
import importlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cpu_seconds import file_of, read_slow_seconds

ROOT = Path(__file__).parent.parent
ORDER = ("tools", "agent", "evals", "rl")
"""Each may import itself and those before it."""
DEFINITION = re.compile(r"^(?:class (?P<group>\w+)|(?P<indent> *)(?:async )?def (?P<name>\w+))", re.M)


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
    assert [path.relative_to(ROOT).as_posix() for path in found] == ["rl/grpo/trainer.py"]


def test_nothing_is_named_after_a_standard_module() -> None:
    import sys

    names = {path.stem for package in ORDER for path in (ROOT / package).glob("*.py")} - {"__init__"}
    assert not names & sys.stdlib_module_names


def test_every_test_that_is_called_slow_is_there() -> None:
    listed = read_slow_seconds()
    there = {name for file in {file_of(name) for name in listed} for name in list_tests(file)}
    assert sorted(listed.keys() - there) == [], "these lines of slow.txt are stale: rename or remove them"


def list_tests(file: str) -> Iterator[str]:
    """A file and its functions by their ids; none if there is no such file."""
    if (ROOT / file).is_file():
        yield file
        group = ""
        for found in DEFINITION.finditer((ROOT / file).read_text(encoding="utf-8")):
            group = found["group"] or group
            yield f"{file}::{group + '::' if found['indent'] else ''}{found['name']}"


def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports, anywhere in it."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
    return {name.split(".")[0] for name in names}


MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ORDER
    for path in sorted((ROOT / package).rglob("*.py"))
}
"""Every module of the product by its dotted name."""


def test_no_modules_and_no_folders_import_each_other_in_a_circle() -> None:
    files = {name: modules_imported(path) - {name} for name, path in MODULES.items()}
    rooms: dict[str, set[str]] = {}
    for name, others in files.items():
        rooms.setdefault(room(name), set()).update({room(other) for other in others} - {room(name)})
    assert not circles(files)
    assert not circles(rooms)


def test_a_folder_can_be_taken_in_at_a_glance() -> None:
    folders = Counter(path.parent.relative_to(ROOT).as_posix() for path in MODULES.values())
    folders.update(folder.parent.relative_to(ROOT).as_posix() for folder in {path.parent for path in MODULES.values()})
    assert not {folder: count for folder, count in folders.items() if folder != "." and count > 25}


def test_a_class_name_stands_for_one_thing() -> None:
    names = Counter(
        node.name.lstrip("_")
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert not [name for name, count in names.items() if count > 1]


def room(name: str) -> str:
    """The folder of a module below its package, or the module itself where it lies at the package's top."""
    parts = MODULES[name].relative_to(ROOT).parts
    return "/".join(parts[:2])


def modules_imported(path: Path) -> set[str]:
    """The modules of the product that a module imports, anywhere in it."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (full & MODULES.keys()) or ({node.module} & MODULES.keys())
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & MODULES.keys()
    return found


def circles(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """What is left of a graph when everything that nothing left points at, or that points at nothing left, is gone."""
    left = dict(edges)
    while True:
        pointed_at = set[str]().union(*left.values()) if left else set[str]()
        kept = {
            name: others & left.keys() for name, others in left.items() if name in pointed_at and others & left.keys()
        }
        if kept == left:
            return left
        left = kept
