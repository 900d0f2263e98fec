"""Closes what was opened at the end of a `with` block."""

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """What can be opened in a `with` block, whose end closes it."""

    @abstractmethod
    def close(self) -> None:
        """Closes what is open; the end of the block calls it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
