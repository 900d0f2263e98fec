"""Counted in a process of its own: how many threads there are depends on all that ran before."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.runtime.threads import choose_thread_count, map_in_threads

SHOWN = """
import os
import time
import torch
from tools.runtime.threads import map_in_threads

def compute(size):
    return torch.ones(size, size).exp().sum().item()

torch.set_num_threads(2)
map_in_threads(time.sleep, [0.2] * 3)
before = len(os.listdir("/proc/self/task"))
sums = map_in_threads(compute, [400] * 20)
print(len(os.listdir("/proc/self/task")) - before, len(set(sums)), torch.get_num_threads())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP, and threads that /proc counts")
def test_threads_that_run_networks_get_no_workers_and_others_keep_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_THREADS", "3")
    here = Path(__file__).parents[3]
    found = subprocess.run([sys.executable, "-c", SHOWN], cwd=here, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["0", "1", "2"]


def test_results_come_in_the_order_of_the_items() -> None:
    assert map_in_threads(lambda number: number * number, range(50)) == [number * number for number in range(50)]


def test_what_is_raised_in_a_thread_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        map_in_threads(lambda number: 1 / number, [1, 0])


def test_the_setting_says_how_many_and_nothing_else_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIDEOSLEUTH_THREADS", raising=False)
    assert 1 <= choose_thread_count() <= 4
    monkeypatch.setenv("VIDEOSLEUTH_THREADS", "7")
    assert choose_thread_count() == 7
    for wrong in ("0", "-1", "two", "1.5", "", "²"):
        monkeypatch.setenv("VIDEOSLEUTH_THREADS", wrong)
        with pytest.raises(ValueError, match="VIDEOSLEUTH_THREADS needs a whole number from 1 on"):
            choose_thread_count()
