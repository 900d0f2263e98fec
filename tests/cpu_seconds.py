"""Writes `slow.txt` anew, from a run of all tests: `python -m pytest -p tests.cpu_seconds -n 0`.

A test function that takes over half a CPU second, its processes and all its cases counted, is slow: `make test` leaves
it to `make test-all`. Where a fixture is shared, the first test that asks for it pays; a file that shares a model or a
training among all its tests is named whole, by hand, and stays named.
"""

import resource
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("slow.txt")
SLOW_SECONDS = 0.5
_seconds: dict[str, float] = defaultdict(float)


def function_of(node_id: str) -> str:
    """A test's id without the case in square brackets."""
    return node_id.partition("[")[0]


def slow_functions() -> set[str]:
    """The functions, and the whole files, on the list."""
    return {line.rpartition(" ")[0] for line in LIST.read_text(encoding="utf-8").splitlines()}


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
    whole = {name for name in slow_functions() if name.endswith(".py")}
    taken_by = {name: taken for name, taken in _seconds.items() if name.partition("::")[0] not in whole}
    for file in whole:
        taken_by[file] = sum(taken for name, taken in _seconds.items() if name.startswith(f"{file}::"))
    slow = sorted((name, taken) for name, taken in taken_by.items() if taken > SLOW_SECONDS)
    LIST.write_text("".join(f"{name} {taken:.1f}\n" for name, taken in slow), encoding="utf-8")


def _cpu_seconds() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
