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
    """The toolbox of one video, and how many questions are still to use it."""

    left: int = 0
    toolbox: Toolbox | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class SharedToolboxes(Generic[Name]):
    """Toolboxes by what names their video. Threads may share it."""

    def __init__(self, videos: Iterable[Name], open_: Callable[[Name], Toolbox]) -> None:
        """Each video as often as it will be used."""
        self._open = open_
        self._places: dict[Name, _SharedToolbox] = {}
        for name in videos:
            self._places.setdefault(name, _SharedToolbox()).left += 1

    @contextmanager
    def use(self, name: Name) -> Iterator[Toolbox]:
        """The toolbox of a video, once; who comes while it is being opened waits."""
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
        """Closes what is still open because some questions were never asked."""
        for place in self._places.values():
            if place.toolbox is not None:
                place.toolbox.close()
                place.toolbox = None
