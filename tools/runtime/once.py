"""Results that are computed once: also for threads that want the same one at the same time."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class OnceCache(Generic[Key, Value]):
    """A cache of computed values; those unused for longest make room. Threads compute different ones side by side."""

    def __init__(self, compute: Callable[[Sequence[Key]], Mapping[Key, Value]], room: int) -> None:
        """An empty cache.

        Args:
            compute: gives the value of each key.
            room: the most values that are kept.
        """
        self._compute = compute
        self._room = room
        self._kept: OrderedDict[Key, Future[Value]] = OrderedDict()
        self._lock = threading.Lock()

    def make_room(self, room: int) -> None:
        """Keeps at least so many values from now on."""
        with self._lock:
            self._room = max(self._room, room)

    def get(self, key: Key, beside: Sequence[Key] = ()) -> Value:
        """The value of a key.

        Args:
            key: the key.
            beside: keys that will be asked for next; where the key has to be computed, they are computed with it.
        """
        while True:
            found, claimed = self._claim(key, beside)
            if claimed:
                self._fill(claimed)
            try:
                return found.result()
            except CancelledError:  # who computed it was stopped or failed, which is no fault of this caller
                continue

    def _claim(self, key: Key, beside: Sequence[Key]) -> tuple[Future[Value], dict[Key, Future[Value]]]:
        """The place of a value, and the places that this thread has to fill."""
        with self._lock:
            claimed: dict[Key, Future[Value]] = {}
            if key not in self._kept:
                claimed = {one: Future() for one in (*beside, key) if one not in self._kept}
                self._kept |= claimed
            found = self._kept[key]
            self._kept.move_to_end(key)
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)
        return found, claimed

    def _fill(self, claimed: dict[Key, Future[Value]]) -> None:
        try:
            values = self._compute(list(claimed))
            for key, place in claimed.items():
                place.set_result(values[key])
        except BaseException:
            with self._lock:
                for key, place in claimed.items():
                    if place.cancel() and self._kept.get(key) is place:
                        del self._kept[key]
            raise
