"""A video fetched from a host that the server's settings name, and from no other.

The address that was checked is the one that is connected to, so that a name which changes its address in between leads
nowhere; each redirect is checked as the first URL was; one deadline stands over all of it.
"""

import http.client
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, cast
from urllib.parse import SplitResult, urljoin, urlsplit

from agent.doors.http.errors import RequestRefusedError
from agent.doors.public_address import is_public
from tools.deadline import OutOfTime, run_in_time, set_deadline

_SILENCE_SECONDS = 30.0
"""Silence of a host at most."""
_IN_MEMORY_BYTES = 2**20
"""Size from which on a fetched video lies on disk."""
_READ_BYTES = 2**18
"""Most bytes read at once: the time is looked at between two reads."""
_REDIRECTS = 5
"""Redirects in a row at most."""
_KINDS = ("video/", "audio/", "image/gif", "application/octet-stream", "application/mp4", "application/ogg", "binary/")
"""Beginnings of the content types that a video may have; a host that names none is believed."""
_PORTS = {"http": 80, "https": 443}
_fetching = threading.BoundedSemaphore(3)
"""Fetches at the same time: they wait in threads that other requests need too."""


@dataclass(frozen=True)
class FetchRules:
    """What may be fetched."""

    hosts: tuple[str, ...] = ()
    """Names that may be asked: `example.org` at the usual ports, `example.org:8443` at that one."""
    allows_private: bool = False
    """Whether these may lie in a private network or on this machine."""
    seconds: float = 300.0
    """Time of a fetch at most, redirects included."""
    largest_bytes: int = 2 * 2**30


@contextmanager
def fetch_video(url: str, rules: FetchRules) -> Iterator[BinaryIO]:
    """A context with the content behind a URL, in a temporary file.

    Raises:
        RequestRefusedError: the host may not be asked, does not answer with a video in time, or with one that is too
            large.
    """
    if not _fetching.acquire(blocking=False):
        raise RequestRefusedError(
            429, "other videos are being fetched: ask again in a moment", "fetching", {"retry-after": "10"}
        )
    try:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as spooled:
            file = cast(BinaryIO, spooled)
            _fetch(url, rules, file)
            file.seek(0)
            yield file
    finally:
        _fetching.release()


def _fetch(url: str, rules: FetchRules, file: BinaryIO) -> None:
    ends_at = time.monotonic() + rules.seconds
    try:
        for _ in range(_REDIRECTS + 1):
            address = _check_url(url, rules)
            with _connect(address, rules, ends_at) as connection:
                target = address._replace(scheme="", netloc="", fragment="").geturl() or "/"
                connection.request("GET", target, headers={"Accept-Encoding": "identity", "Connection": "close"})
                with connection.getresponse() as response:
                    if response.status not in (301, 302, 303, 307, 308):
                        _read(response, rules, file, ends_at)
                        return
                    url = urljoin(url, response.headers.get("location", ""))
                if address.scheme == "https" and not url.startswith("https:"):
                    raise RequestRefusedError(400, "the host of the video leads from https to http", "not_fetched")
    except (OSError, http.client.HTTPException, ValueError) as error:
        late = time.monotonic() >= ends_at
        why = f"not within {rules.seconds:g} s" if late else type(error).__name__
        raise RequestRefusedError(400, f"the video could not be fetched ({why})", "not_fetched") from error
    raise RequestRefusedError(400, f"the host of the video redirects more than {_REDIRECTS} times", "not_fetched")


def _check_url(url: str, rules: FetchRules) -> SplitResult:
    """The parts of a URL that may be fetched.

    Raises:
        RequestRefusedError: it may not.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RequestRefusedError(400, "the address of the video can't be read", "bad_address") from None
    usual = _PORTS.get(parts.scheme)
    host = parts.hostname or ""
    names = {f"{host}:{port or usual}", host} if port in (None, usual) else {f"{host}:{port}"}
    if usual is None or not host or names.isdisjoint(name.lower() for name in rules.hosts):
        hosts = ", ".join(rules.hosts)
        raise RequestRefusedError(403, f"this server fetches videos from {hosts} alone", "host_not_allowed")
    if parts.username is not None or not url.isascii() or any(letter.isspace() for letter in url):
        raise RequestRefusedError(400, "need an address without a user and in ASCII", "bad_address")
    return parts


@contextmanager
def _connect(address: SplitResult, rules: FetchRules, ends_at: float) -> Iterator[http.client.HTTPConnection]:
    """A context with a connection to the very address that was checked, which is cut at the deadline."""
    host, port = cast(str, address.hostname), address.port or _PORTS[address.scheme]
    with set_deadline(ends_at - time.monotonic()):
        (found,) = run_in_time([partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)])
    if isinstance(found, OutOfTime):
        raise TimeoutError
    addresses = [str(place[0]) for *_, place in found]
    usable = [one for one in addresses if rules.allows_private or is_public(one)]
    if not usable:
        raise RequestRefusedError(403, "the host of the video lies in a private network", "private_address")
    plain = _open_socket(usable, port, ends_at)
    connection = http.client.HTTPConnection(host, address.port)
    connection.sock = plain
    if address.scheme == "https":
        # shaken hands with below: a host may be slow at that, too
        connection.sock = ssl.create_default_context().wrap_socket(
            plain, server_hostname=host, do_handshake_on_connect=False
        )
    watchdog = threading.Timer(max(0.0, ends_at - time.monotonic()), _cut, (connection.sock,))
    watchdog.daemon = True
    watchdog.start()
    try:
        if isinstance(connection.sock, ssl.SSLSocket):
            connection.sock.do_handshake()
        yield connection
    finally:
        watchdog.cancel()
        connection.close()


def _open_socket(addresses: list[str], port: int, ends_at: float) -> socket.socket:
    """A connection to the first address that takes one.

    Raises:
        OSError: none does.
    """
    for number, address in enumerate(addresses, 1):
        try:
            return socket.create_connection(
                (address, port), max(0.01, min(_SILENCE_SECONDS, ends_at - time.monotonic()))
            )
        except OSError:
            if number == len(addresses):
                raise
    raise AssertionError("there is one address at least")


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _read(response: http.client.HTTPResponse, rules: FetchRules, file: BinaryIO, ends_at: float) -> None:
    if response.status != 200:
        raise RequestRefusedError(400, f"the host of the video answered {response.status}", "not_fetched")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and not kind.startswith(_KINDS):
        raise RequestRefusedError(415, f"the host of the video sent {kind!r:.60}, which is no video", "no_video")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestRefusedError(400, "the host of the video sent it packed, unasked", "not_fetched")
    due, size = response.length, 0
    if due is not None and due > rules.largest_bytes:
        raise _make_too_large(rules)
    while piece := response.read1(_READ_BYTES):
        size += len(piece)
        if size > rules.largest_bytes:
            raise _make_too_large(rules)
        file.write(piece)
    if time.monotonic() >= ends_at:  # a connection that was cut ends like one that is done
        raise TimeoutError
    if due is not None and size < due:
        raise RequestRefusedError(400, f"the video was cut off after {size} of {due} bytes", "not_fetched")


def _make_too_large(rules: FetchRules) -> RequestRefusedError:
    return RequestRefusedError(413, f"the video is too large: up to {rules.largest_bytes} bytes", "too_large")
