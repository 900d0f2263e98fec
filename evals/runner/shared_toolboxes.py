"""One toolbox a video, shared by all its questions: opened by the first of them and closed by the last."""

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tools.toolbox import Toolbox

Name = TypeVar("Name", bound=Hashable)


@dataclass
class _SharedToolbox:
    """The toolbox of one video, and the number of uses that are left."""

    left: int = 0
    toolbox: Toolbox | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class SharedToolboxes(Generic[Name]):
    """Toolboxes by the key of their video, each opened at its first use and closed after its last. Thread safe."""

    def __init__(self, videos: Iterable[Name], open_: Callable[[Name], Toolbox]) -> None:
        """Opens nothing yet.

        Args:
            videos: keys of videos, each as often as it will be used.
            open_: opens the toolbox of a video.
        """
        self._open = open_
        self._places: dict[Name, _SharedToolbox] = {}
        for name in videos:
            self._places.setdefault(name, _SharedToolbox()).left += 1

    @contextmanager
    def use(self, name: Name) -> Iterator[Toolbox]:
        """A context with the toolbox of a video, for one use; waits while another thread opens it."""
        place = self._places[name]
        try:
            with place.lock:
                if place.toolbox is None:
                    place.toolbox = self._open(name)
                toolbox = place.toolbox
            yield toolbox
        finally:
            with place.lock:
                place.left -= 1
                if place.left == 0 and place.toolbox is not None:
                    place.toolbox.close()
                    place.toolbox = None

    def close(self) -> None:
        """Closes toolboxes that are still open because some uses never came."""
        for place in self._places.values():
            if place.toolbox is not None:
                place.toolbox.close()
                place.toolbox = None
