"""Processes of our own."""

import os
from collections.abc import Container
from pathlib import Path


def make_own_environment(left_out: Container[str] = ()) -> dict[str, str]:
    """The environment for `python -P -m` with a module of ours: a `tools` package where one stands is not ours.

    Args:
        left_out: variables that the process does not need to know.
    """
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    root = str(Path(__file__).parents[2])
    return environment | {"PYTHONPATH": os.pathsep.join([root, *filter(None, [environment.get("PYTHONPATH")])])}
