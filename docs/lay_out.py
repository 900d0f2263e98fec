"""Lays out the documentation for `make docs`: the pages of the tree at their own places, and one for each room's API.

python docs/lay_out.py FOLDER
"""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONFIG = Path(__file__).with_name("zensical.toml")
PACKAGES = ("tools", "agent", "evals", "rl")
PAGES = {
    "Video Sleuth": "README.md",
    "Options of agent ask": "docs/ask.md",
    "Policies": "docs/policies.md",
    "In your own program": "docs/python.md",
    "As a service": "docs/serve.md",
    "In an assistant": "docs/mcp.md",
    "Architecture": "ARCHITECTURE.md",
    "Contributing": "CONTRIBUTING.md",
    "Benchmarks and controls": "evals/README.md",
    "Results": "evals/RESULTS.md",
    "Training": "rl/README.md",
    "Train on your own videos": "docs/train.md",
    "Log of the trainings": "rl/LOG.md",
    "Changelog": "CHANGELOG.md",
}
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")


def lay_out(folder: Path) -> None:
    """Writes configuration, pages and pictures into a folder, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = folder / "pages"
    for name in PAGES.values():
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, pages / name)
        for picture in PICTURE.findall((ROOT / name).read_text(encoding="utf-8")):
            shown = (ROOT / name).parent / picture
            (pages / shown.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(shown, pages / shown.relative_to(ROOT))
    (pages / "api").mkdir()
    nav = [_entry(title, f'"{name}"') for title, name in PAGES.items()]
    for package in PACKAGES:
        entries = []
        for room, modules in rooms(package):
            text = "\n".join(
                [f"::: {room}", "    options:", "      heading_level: 1", *(f"\n::: {m}" for m in modules)]
            )
            (pages / "api" / f"{room}.md").write_text(text + "\n", encoding="utf-8")
            entries.append(_entry(room, f'"api/{room}.md"'))
        nav.append(_entry(f"API: {package}", f"[{', '.join(entries)}]"))
    config = CONFIG.read_text(encoding="utf-8").replace("nav = []", f"nav = [{', '.join(nav)}]")
    (folder / CONFIG.name).write_text(config, encoding="utf-8")


def rooms(package: str) -> Iterator[tuple[str, list[str]]]:
    """The package and every package in it, by name, each with the names of its modules."""
    for path in sorted((ROOT / package).rglob("__init__.py")):
        room = ".".join(path.parent.relative_to(ROOT).parts)
        stems = (file.stem for file in sorted(path.parent.glob("*.py")))
        yield room, [f"{room}.{stem}" for stem in stems if not stem.startswith("__")]


def _entry(title: str, value: str) -> str:
    return f'{{"{title}" = {value}}}'


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]))
