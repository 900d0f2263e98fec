"""What every request passes before it reaches a route: Host, Origin, token and size; and what every response bears.

One plain ASGI middleware, so that a stream goes through it unbuffered.
"""

import time
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser

from agent.doors.access import bears_token, is_same, make_pass
from agent.doors.http.errors import RequestRefusedError
from agent.doors.http.logs import log, write_log
from agent.doors.http.page.files import HOME, PASS, SIGN_IN, show_sign_in

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from agent.doors.http.metrics import ServerMetrics
    from agent.doors.http.settings import ServeSettings

_PROBES = frozenset({"/healthz", "/readyz"})
"""Asked by machines that know neither the server's name nor its token; they tell nothing but that it is up."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_UPLOADS = "/v1/files"
_MULTIPART_BYTES = 2**16
"""What a form may add to the size of its file."""
_HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guards:
    """Middleware that refuses what may not come in, counts and logs the rest."""

    def __init__(self, app: "ASGIApp", settings: "ServeSettings", metrics: "ServerMetrics") -> None:
        """Reads the token once.

        Args:
            app: the routes.
            settings: settings of the server.
            metrics: counts requests.
        """
        self._app = app
        self._metrics = metrics
        self._secret = settings.secret
        self._pass = make_pass(self._secret)
        self._hosts = _LOOPBACK | {_strip_host(host) for host in (settings.host, *settings.hosts)}
        self._upload_bytes = settings.max_upload_bytes + _MULTIPART_BYTES
        self._json_bytes = settings.max_inline_bytes

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.monotonic(), 500

        async def answer(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, _BoundedBody(receive, self._most_bytes(scope)), answer)
        except RequestRefusedError as refused:
            is_visit = refused.status_code == 401 and scope["path"] == HOME
            await (show_sign_in() if is_visit else refused.response())(scope, receive, answer)
        except Exception:
            log.exception("request failed")  # the response, which is sent by now, has no traceback
        finally:
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.monotonic() - begun
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.request_seconds.labels(route).observe(seconds)
            client = (scope.get("client") or ("",))[0]
            write_log(
                "request", method=scope["method"], route=route, status=status, seconds=round(seconds, 4), client=client
            )

    def _check(self, scope: "Scope") -> None:
        if scope["path"] in _PROBES:
            return
        headers = Headers(scope=scope)
        _check_host(headers, self._hosts)
        has_pass = is_same(cookie_parser(headers.get("cookie", "")).get(PASS, ""), self._pass)
        if scope["path"] != SIGN_IN and not has_pass and not bears_token(headers, self._secret):
            raise RequestRefusedError(
                401,
                "need the server's token as `Authorization: Bearer TOKEN`",
                "invalid_api_key",
                headers={"www-authenticate": "Bearer"},
            )
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > self._most_bytes(scope):
            raise _make_too_large(self._most_bytes(scope))

    def _most_bytes(self, scope: "Scope") -> int:
        return self._upload_bytes if scope["path"] == _UPLOADS else self._json_bytes


class _BoundedBody:
    """Receives the body of a request, up to a size."""

    def __init__(self, receive: "Receive", most_bytes: int) -> None:
        self._receive = receive
        self._most = most_bytes
        self._left = most_bytes

    async def __call__(self) -> "Message":
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise _make_too_large(self._most)
        return message


def _make_too_large(most: int) -> RequestRefusedError:
    return RequestRefusedError(
        413,
        f"the request is too large: up to {most} bytes are taken; a larger video goes to POST {_UPLOADS}",
        "too_large",
    )


def _check_host(headers: Headers, hosts: Iterable[str]) -> None:
    """Refuses a name that is not the server's (DNS rebinding) and a page of another site (cross-site requests).

    Raises:
        RequestRefusedError: it is one of these.
    """
    given = headers.getlist("host")
    if len(given) != 1 or _strip_host(given[0]) not in hosts:
        raise RequestRefusedError(421, "this server is not called so; further names are set as `hosts`", "wrong_host")
    origin = headers.get("origin")
    if origin is not None and origin.casefold() not in (
        f"http://{given[0]}".casefold(),
        f"https://{given[0]}".casefold(),
    ):
        raise RequestRefusedError(403, "requests from pages of other sites are not taken", "wrong_origin")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise RequestRefusedError(403, "requests from pages of other sites are not taken", "wrong_origin")


def _strip_host(host: str) -> str:
    """The name in a Host header or a setting, without port and brackets, in lower case."""
    name = host.strip().casefold()
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.rpartition(":")[0] if name.rpartition(":")[2].isdigit() and ":" in name else name
