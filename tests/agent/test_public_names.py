"""The names that other programs import from `agent`."""

import subprocess
import sys

import agent


def test_every_public_name_is_there() -> None:
    assert {name: getattr(agent, name).__name__ for name in agent.__all__} == {name: name for name in agent.__all__}
    assert set(agent.__all__) <= set(dir(agent))


def test_importing_the_package_loads_none_of_it() -> None:
    code = "import sys, agent; print([name for name in ('torch', 'numpy', 'agent.trajectory') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    assert not hasattr(agent, "no_such_name")
