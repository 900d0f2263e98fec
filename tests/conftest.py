"""No test asks a model hub for anything: what is not on this machine is not there. A list says which tests are slow."""

import os

import pytest

from tests.cpu_seconds import function_of, slow_functions
from tools.runtime.model_libraries import prepare_model_libraries

os.environ["HF_HUB_OFFLINE"] = "1"
prepare_model_libraries()  # tests import transformers themselves


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what `slow.txt` names."""
    slow = slow_functions()
    for item in items:
        if function_of(item.nodeid) in slow or item.nodeid.partition("::")[0] in slow:
            item.add_marker(pytest.mark.slow)
