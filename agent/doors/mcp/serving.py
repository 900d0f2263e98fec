"""Serves over stdio, or over streamable HTTP: to this machine alone, or to whoever has the token."""

from typing import TYPE_CHECKING, Any

from mcp.server import MCPServer
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from agent.doors.access import KEEP_ALIVE_SECONDS, SHORTEST_TOKEN, bears_token, is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_STOP_SECONDS = 5
"""Time that open streams have to end after SIGTERM; the runs behind them are cancelled after that."""


def serve_stdio(server: MCPServer[Any]) -> None:
    """Serves the process that started this one, until it closes the input."""
    try:
        server.run("stdio")
    except* BrokenPipeError:  # it is gone: nobody is left to answer
        pass


def serve_http(server: MCPServer[Any], host: str, port: int, token: str) -> None:
    """Serves `/mcp` until the process is told to stop.

    Args:
        server: the server.
        host: address to listen at.
        port: port to listen at.
        token: token that every request must bear; empty for none.

    Raises:
        ValueError: the address is open to others and there is no token, or too short a one.
    """
    import uvicorn

    app = build_guarded_app(server, host, token)
    # log_config: uvicorn's own would write its access log to stdout
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_STOP_SECONDS,
        lifespan="on",
    )
    uvicorn.Server(config).run()


def build_guarded_app(server: MCPServer[Any], host: str, token: str) -> "ASGIApp":
    """The application for an address, behind its guard.

    Args:
        server: the server.
        host: address to listen at.
        token: token that every request must bear; empty for none.

    Raises:
        ValueError: the address is open to others and there is no token, or too short a one.
    """
    if token and len(token) < SHORTEST_TOKEN:
        raise ValueError(f"the token has {len(token)} characters: need at least {SHORTEST_TOKEN}")
    if is_loopback(host):
        app = server.streamable_http_app()  # checks Host and Origin
        return TokenGuard(app, token) if token else app
    if not token:
        raise ValueError(f"{host} can be reached by others: set VIDEOSLEUTH_MCP_TOKEN, or listen at 127.0.0.1")
    # the names of this machine are not known here, and a page on a rebound name has no token
    return TokenGuard(server.streamable_http_app(host=host), token)


class TokenGuard:
    """Middleware that lets in requests with the token, and none from a page in a browser that bears an Origin."""

    def __init__(self, app: "ASGIApp", token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not bears_token(headers, self._token):
            refused = PlainTextResponse("this server wants a token", 401, {"www-authenticate": "Bearer"})
            await refused(scope, receive, send)
        elif "origin" in headers:
            await PlainTextResponse("no page in a browser may call this server", 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
