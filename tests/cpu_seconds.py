"""Brings `slow.txt` up to date with the tests that are run: `python -m pytest -p tests.cpu_seconds`, of all or of some.

A test function that takes over half a CPU second, its processes and all its cases counted, is slow: `make test` leaves
it to `make test-all`. Where a fixture is shared, the first test that asks for it pays; a file that shares a model or a
training among all its tests is named whole, by hand, and stays named. What is not run keeps its line.
"""

import resource
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

LIST = Path(__file__).with_name("slow.txt")
SLOW_SECONDS = 0.5
_seconds: dict[str, float] = defaultdict(float)


def function_of(node_id: str) -> str:
    """A test's id without the case in square brackets."""
    return node_id.partition("[")[0]


def file_of(node_id: str) -> str:
    """The file that a test is in."""
    return node_id.partition("::")[0]


def read_slow_seconds() -> dict[str, float]:
    """CPU seconds of the functions, and of the whole files, on the list."""
    rows = (line.rpartition(" ") for line in LIST.read_text(encoding="utf-8").splitlines())
    return {name: float(seconds) for name, _, seconds in rows}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Adds what the test took."""
    before = _cpu_seconds()
    try:
        return (yield)  # type: ignore[return-value]
    finally:
        _seconds[function_of(item.nodeid)] += _cpu_seconds() - before


def pytest_sessionfinish() -> None:
    """Writes the list, with the seconds as the reason."""
    with FileLock(Path(tempfile.gettempdir()) / "videosleuth-slow-list.lock"):  # processes of pytest-xdist end together
        listed = read_slow_seconds()
        taken_by: dict[str, float] = defaultdict(float)
        for name, taken in _seconds.items():
            taken_by[file_of(name) if file_of(name) in listed else name] += taken
        measured = {name: taken for name, taken in taken_by.items() if taken > SLOW_SECONDS}
        kept = {name: taken for name, taken in listed.items() if name not in taken_by}
        rows = sorted((kept | measured).items())
        LIST.write_text("".join(f"{name} {taken:.1f}\n" for name, taken in rows), encoding="utf-8")


def _cpu_seconds() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
