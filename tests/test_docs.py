"""What the pages name is there, and the documentation has all of it."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "evals/README.md", "rl/README.md", *DOCS)
LAY_OUT = runpy.run_path(str(ROOT / "docs" / "lay_out.py"))


def is_name(dotted: str) -> bool:
    """Whether it is a module of ours, or a name that is defined in one."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:count])
        module = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if module.is_file():
            return count == len(parts) or (
                not path.is_dir() and re.search(rf"\b{parts[count]}\b", module.read_text(encoding="utf-8")) is not None
            )
    return False


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"(?:python -m |`)((?:agent|tools|evals|rl)(?:\.\w+)+)", text)
    assert {name for name in named if not is_name(name)} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w./])((?:agent|tools|evals|rl|tests|docs|examples|constraints)/[\w./*-]*\w)", text)
    assert {path for path in named if not list(ROOT.glob(path))} == set()


def test_every_page_has_its_place_in_the_documentation() -> None:
    assert set(PAGES) <= set(LAY_OUT["PAGES"].values())


def test_every_path_that_the_page_of_the_tests_names_is_there() -> None:
    named = re.findall(r"`([\w./-]+\.py)`", (ROOT / "tests" / "README.md").read_text(encoding="utf-8"))
    assert {path for path in named if not (ROOT / "tests" / path).exists()} == set()


@pytest.mark.parametrize("package", ["tools", "agent", "evals", "rl"])
def test_the_architecture_names_every_room(package: str) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    drawn = re.search(rf"^{package}/ .*?(?=^\S)", text, re.M | re.S)
    assert drawn is not None
    rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert {room for room in rooms if f"{room}/" not in drawn[0]} == set()


def test_every_module_has_its_place_in_the_api(tmp_path: Path) -> None:
    LAY_OUT["lay_out"](tmp_path / "docs")
    pages = sorted((tmp_path / "docs" / "pages" / "api").glob("*.md"))
    told = {name for page in pages for name in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.M)}
    files = [path for package in LAY_OUT["PACKAGES"] for path in (ROOT / package).rglob("*.py")]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files if path.stem != "__main__"}
    assert told == {module.removesuffix(".__init__") for module in modules}


def test_every_picture_of_a_page_is_laid_out_beside_it(tmp_path: Path) -> None:
    LAY_OUT["lay_out"](tmp_path / "docs")
    for page in LAY_OUT["PAGES"].values():
        place = tmp_path / "docs" / "pages" / page
        for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", place.read_text(encoding="utf-8")):
            assert (place.parent / picture).is_file(), f"{page}: {picture}"
