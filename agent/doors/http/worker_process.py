"""The server's end of a worker process: what it is asked, what it says, and its death."""

import asyncio
import base64
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from agent.doors.http.logs import log, write_log
from agent.doors.http.worker import DrawRequest, WorkerSetup
from tools.plain_data import loads_json
from tools.runtime.own_process import make_own_environment

_LONGEST_LINE = 256 * 2**20
"""Bytes of one event at most; a saved trajectory may have 64 MiB."""
_NOT_PASSED_ON = ("VIDEOSLEUTH_SERVE_TOKEN",)


class WorkerProcess:
    """A worker process, from its start to its end."""

    def __init__(
        self,
        setup: WorkerSetup,
        on_message: Callable[["WorkerProcess", dict[str, Any]], None],
        on_death: Callable[["WorkerProcess"], None],
    ) -> None:
        """Starts nothing yet.

        Args:
            setup: what the process is started with.
            on_message: called with each message.
            on_death: called when the process has ended, however it did.
        """
        self._setup = setup
        self._on_message = on_message
        self._on_death = on_death
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.is_ready = False
        """Whether it has begun to read requests."""
        self.job_ids: set[str] = set()
        """Jobs that it has."""
        self._drawing: dict[str, asyncio.Future[str | None]] = {}

    @property
    def has_room(self) -> bool:
        """Whether it can take a further job now."""
        return len(self.job_ids) < self._setup.running

    @property
    def pid(self) -> int | None:
        """Id of the process; None before its start."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Starts the process, and reads what it says until it ends."""
        self._reading = asyncio.get_running_loop().create_task(self._live())

    def send(self, message: dict[str, Any]) -> None:
        """Sends a message; to a dead process it goes nowhere."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(ConnectionError, RuntimeError):
                self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def draw(self, request: DrawRequest, seconds: float) -> bytes | None:
        """Has pictures drawn; None where they can't be had.

        Args:
            request: what is wanted.
            seconds: how long it may take.
        """
        drawn = self._drawing[request.draw] = asyncio.get_running_loop().create_future()
        self.send(vars(request))
        try:
            async with asyncio.timeout(seconds):
                body = await drawn
        except TimeoutError:
            return None
        finally:
            del self._drawing[request.draw]
        return None if body is None else base64.b64decode(body)

    @property
    def draws(self) -> int:
        """Number of pictures that it is asked for now."""
        return len(self._drawing)

    def kill(self) -> None:
        """Ends the process at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def close(self) -> None:
        """Ends the process and waits for that."""
        self.kill()
        if self._reading is not None:
            await self._reading

    async def _live(self) -> None:
        try:
            await self._read(await self._launch())
        except OSError:
            log.exception("worker can't be started")
        for drawn in self._drawing.values():
            if not drawn.done():
                drawn.set_result(None)
        self._on_death(self)

    async def _launch(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "agent.doors.http.worker", self._setup.as_argument()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=make_own_environment(_NOT_PASSED_ON),
            limit=_LONGEST_LINE,
            start_new_session=True,  # so that Ctrl-C reaches the server alone, which ends its workers in order
        )
        write_log("worker started", pid=self.pid)
        return self._process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None, "it is a pipe"
        try:
            while line := await process.stdout.readline():
                message = loads_json(line)
                self.is_ready = self.is_ready or message["kind"] == "ready"
                if message["kind"] != "drawn":
                    self._on_message(self, message)
                elif (drawn := self._drawing.get(message["id"])) is not None and not drawn.done():
                    drawn.set_result(message["body"])
        except ValueError:  # a line that is too long, or none of ours
            log.exception("worker said what it should not")
            self.kill()
        write_log("worker ended", pid=self.pid, status=await process.wait())
