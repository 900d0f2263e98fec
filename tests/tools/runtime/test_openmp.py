"""Counted in processes of their own: how many threads there are depends on all that ran before."""

import subprocess
import sys
from pathlib import Path

import pytest

SHOWN = """
import os
import time
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import torch
from tools.index.vectors import _VectorTable
from tools.runtime.openmp import release_openmp_threads

def tasks():
    return len(os.listdir("/proc/self/task"))

def compute(_=None):
    return torch.ones(400, 400).exp().sum().item()

torch.set_num_threads(2)
with ThreadPoolExecutor(1) as pool:
    pool.submit(int).result()
    before = tasks()
    first = pool.submit(compute).result()
    kept = tasks()
    pool.submit(release_openmp_threads).result()
    for _ in range(500):  # a thread that has ended is counted a little longer
        if tasks() == before:
            break
        time.sleep(0.01)
    dismissed = tasks()
    table = _VectorTable(64)
    pool.submit(table.add, np.ones((1000, 64), np.float32)).result()
    added = tasks()
    again = pool.submit(compute).result()
    print(added - before, kept - before, dismissed - before, tasks() - before, first == again, torch.get_num_threads())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP, and threads that /proc counts")
def test_workers_stay_until_they_are_dismissed_as_an_index_does_and_come_again() -> None:
    here = Path(__file__).parents[3]
    found = subprocess.run([sys.executable, "-c", SHOWN], cwd=here, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["0", "1", "0", "1", "True", "2"]
