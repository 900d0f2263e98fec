"""The server process: listens, says where, and ends in order at SIGTERM."""

import asyncio
import socket
from typing import TYPE_CHECKING

import uvicorn

from agent.doors.access import KEEP_ALIVE_SECONDS
from agent.doors.http.app import make_app, make_services
from agent.doors.http.logs import set_up_logs, write_log

if TYPE_CHECKING:
    from agent.doors.http.job_dispatcher import JobDispatcher
    from agent.doors.http.settings import ServeSettings

_BACKSTOP_SECONDS = 5
"""Time past `stop_seconds` after which connections that still stand are cut off."""
_CONNECTIONS = 1000
"""Connections at the same time; beyond that the answer is 503."""


class _UvicornServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, jobs: "JobDispatcher") -> None:
        super().__init__(config)
        self._jobs = jobs

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the questions beside the connections, which wait for them."""
        write_log("server stops")
        await asyncio.gather(self._jobs.stop(), super().shutdown(sockets))


def serve(settings: "ServeSettings") -> None:
    """Serves until SIGTERM or Ctrl-C.

    Raises:
        ValueError: settings that can't be met: others let in without a token, a folder that is none.
        OSError: the port is taken, or the folder of the state can't be made.
    """
    secret = settings.secret
    services = make_services(settings)
    set_up_logs()
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # TCP by name: asyncio sends at once (TCP_NODELAY) only where it is, else each reply waits 40 ms for the client
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host.strip("[]"), settings.port))
        listening.listen()  # who comes before the server is up waits for it
        config = uvicorn.Config(
            make_app(services),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=round(settings.stop_seconds) + _BACKSTOP_SECONDS,
        )
        port = listening.getsockname()[1]
        write_log("server listens", host=settings.host, port=port, token="needed" if secret else "none")
        _UvicornServer(config, services.jobs).run([listening])
