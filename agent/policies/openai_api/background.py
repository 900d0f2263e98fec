"""An event loop in a thread of its own, for requests that a deadline or Ctrl-C must end, wherever they hang.

A blocking read can only be given up between two bytes, and a server that sends a byte now and then keeps it for ever; a
task can be cancelled, also while a name is resolved or a header comes in.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

from tools.deadline import cancellation_at_hand

_T = TypeVar("_T")


@cache
def _start_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="chat", daemon=True).start()
    return loop


os.register_at_fork(after_in_child=_start_loop.cache_clear)  # threads do not survive a fork


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Runs a coroutine and gives its result; cancels it with the work at hand, or when the waiting is interrupted."""
    future = asyncio.run_coroutine_threadsafe(work, _start_loop())
    try:
        with cancellation_at_hand().calling(future.cancel):
            return future.result()
    except BaseException:
        future.cancel()
        raise


def start(work: Coroutine[Any, Any, Any]) -> None:
    """Runs a coroutine without waiting for it."""
    asyncio.run_coroutine_threadsafe(work, _start_loop())
