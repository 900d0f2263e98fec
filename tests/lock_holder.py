"""A process that takes the lock of a file and is stopped, as by Ctrl-Z."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TAKE_AND_STOP = """
import os, signal, sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
os.kill(os.getpid(), signal.SIGSTOP)
"""


@contextmanager
def hold_in_stopped_process(lock: Path) -> Iterator[int]:
    """Gives the id of the process, which holds the lock and is stopped by then."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen([sys.executable, "-c", _TAKE_AND_STOP, str(lock)])
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        yield process.pid
    finally:
        process.kill()
        process.wait()
