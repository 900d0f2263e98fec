"""No test asks a model hub for anything: what is not on this machine is not there. A list says which tests are slow."""

import os
from collections import defaultdict

import pytest

from tests.cpu_seconds import file_of, function_of, read_slow_seconds
from tools.runtime.model_libraries import prepare_model_libraries

os.environ["HF_HUB_OFFLINE"] = "1"
prepare_model_libraries()  # tests import transformers themselves


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what `slow.txt` names, and has the files that take longest begin first."""
    slow = read_slow_seconds()
    seconds_of: dict[str, float] = defaultdict(float)
    for name, seconds in slow.items():
        seconds_of[file_of(name)] += seconds
    for item in items:
        if function_of(item.nodeid) in slow or file_of(item.nodeid) in slow:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: -seconds_of[file_of(item.nodeid)])
