"""A stand-in for the module `ray`: tasks run here, one after the other, and some of their workers die first."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any


class RayError(Exception):
    pass


class WorkerCrashedError(RayError):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass
class FakeRay:
    """The last task handed in ends first. Of `dies`, those tasks, from 0, have no worker that lives."""

    dies: tuple[int, ...] = ()
    address: str = ""
    names: list[str] = field(default_factory=list)
    actors: list[object] = field(default_factory=list)
    is_open: bool = False
    exceptions: Any = field(
        default_factory=lambda: SimpleNamespace(
            RayError=RayError, RayTaskError=RayTaskError, WorkerCrashedError=WorkerCrashedError
        )
    )
    _tasks: list[Callable[[], Any]] = field(default_factory=list)

    def init(self, address: str, **_: Any) -> None:
        if address.startswith("nowhere"):
            raise ConnectionError("no such cluster")
        if address.startswith("busy"):
            raise Exception("the node timed out")
        self.address, self.is_open = address, True

    def shutdown(self) -> None:
        self.is_open = False

    def remote(self, **_: Any) -> Callable[[Callable[..., Any]], Any]:
        def wrap(function: Callable[..., Any]) -> Any:
            if isinstance(function, type):
                return SimpleNamespace(remote=lambda *arguments: self._start(function(*arguments)))

            def hand_in(*arguments: Any) -> int:
                self._tasks.append(lambda: function(*arguments))
                return len(self._tasks) - 1

            def name(name: str) -> Any:
                self.names.append(name)
                return SimpleNamespace(remote=hand_in)

            return SimpleNamespace(options=name)

        return wrap

    def _start(self, actor: object) -> Any:
        """An actor, whose calls are handed in."""
        self.actors.append(actor)

        def call(name: str, *arguments: Any) -> int:
            self._tasks.append(lambda: getattr(actor, name)(*arguments))
            return len(self._tasks) - 1

        names = [name for name in vars(type(actor)) if not name.startswith("_")]
        return SimpleNamespace(**{name: SimpleNamespace(remote=partial(call, name)) for name in names})

    def wait(self, waiting: list[int], num_returns: int) -> tuple[list[int], list[int]]:
        return waiting[-num_returns:], waiting[:-num_returns]

    def get(self, task: int) -> Any:
        if task in self.dies:
            raise WorkerCrashedError("killed")
        try:
            return self._tasks[task]()
        except Exception as error:
            raise RayTaskError(error) from error
