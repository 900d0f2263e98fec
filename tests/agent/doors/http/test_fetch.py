"""What is fetched for whom: a host of the test on loopback that misbehaves in each way."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agent.doors.http.errors import RequestRefusedError
from agent.doors.http.fetch import FetchRules, fetch_video
from agent.doors.public_address import is_public

VIDEO = bytes(range(256)) * 40


class Host(BaseHTTPRequestHandler):
    """Answers each path in its own way."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].strip("/")
        getattr(self, f"give_{name}")()

    def give(self, *headers: tuple[str, str], status: int = 200, body: bytes = VIDEO) -> None:
        self.send_response(status)
        for header in (*headers, ("connection", "close")):
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def give_video(self) -> None:
        self.give(("content-type", "video/mp4"), ("content-length", str(len(VIDEO))))

    def give_chunks(self) -> None:
        chunk = b"a00\r\n" + VIDEO[:0xA00] + b"\r\n"
        self.give(("transfer-encoding", "chunked"), body=chunk * 4 + b"0\r\n\r\n")

    def give_torn_chunks(self) -> None:
        self.give(("transfer-encoding", "chunked"), body=b"a00\r\n" + VIDEO[:0x100])

    def give_page(self) -> None:
        self.give(("content-type", "text/html; charset=utf-8"))

    def give_packed(self) -> None:
        self.give(("content-encoding", "gzip"))

    def give_cut(self) -> None:
        self.give(("content-length", str(2 * len(VIDEO))))

    def give_missing(self) -> None:
        self.give(status=404)

    def give_large(self) -> None:
        self.give(("content-length", "100000000"))

    def give_endless(self) -> None:
        self.give(body=VIDEO * 20)

    def give_moved(self) -> None:
        self.give(("location", "/video"), status=302, body=b"")

    def give_round(self) -> None:
        self.give(("location", "/round"), status=307, body=b"")

    def give_elsewhere(self) -> None:
        self.give(("location", f"http://localhost:{self.server.server_port}/video"), status=301, body=b"")  # type: ignore[attr-defined]

    def give_file(self) -> None:
        self.give(("location", "file:///etc/passwd"), status=301, body=b"")

    def give_slow(self) -> None:
        self.give(("content-length", "50"), body=b"")
        self.drip(b"x")

    def give_slow_end(self) -> None:
        self.give(body=b"")
        self.drip(b"x")

    def give_slow_head(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
        self.drip(b"x")

    def drip(self, piece: bytes) -> None:
        try:
            for _ in range(50):
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def fetch(port: int, path: str, **rules: Any) -> bytes:
    given = {"hosts": (f"127.0.0.1:{port}",), "allows_private": True, "largest_bytes": 100_000} | rules
    with fetch_video(f"http://127.0.0.1:{port}/{path}", FetchRules(**given)) as file:
        return file.read()


@pytest.mark.parametrize("path", ["video", "chunks", "moved", "video?token=1#part"])
def test_a_video_is_fetched(port: int, path: str) -> None:
    assert fetch(port, path) == VIDEO


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("torn_chunks", 400, "IncompleteRead"),
        ("page", 415, "text/html"),
        ("packed", 400, "packed"),
        ("cut", 400, "10240 of 20480"),
        ("missing", 400, "404"),
        ("large", 413, "up to 100000 bytes"),
        ("endless", 413, "up to 100000 bytes"),
        ("round", 400, "redirects"),
        ("elsewhere", 403, "alone"),
        ("file", 403, "alone"),
    ],
)
def test_what_is_no_whole_video_of_an_allowed_host_is_refused(port: int, path: str, status: int, said: str) -> None:
    with pytest.raises(RequestRefusedError, match=said) as refused:
        fetch(port, path)
    assert refused.value.status_code == status


@pytest.mark.parametrize("path", ["slow", "slow_end", "slow_head"])
def test_one_time_bounds_a_fetch_however_its_bytes_drip(port: int, path: str) -> None:
    begun = time.monotonic()
    with pytest.raises(RequestRefusedError, match=r"not within 0\.5 s"):
        fetch(port, path, seconds=0.5)
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_private_address_is_not_asked_unless_allowed(port: int, name: str) -> None:
    rules = FetchRules((f"{name}:{port}",))
    with pytest.raises(RequestRefusedError, match="private network"), fetch_video(f"http://{name}:{port}/video", rules):
        pass


def test_the_address_that_was_checked_is_the_one_that_is_asked(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up, asked = socket.getaddrinfo, []

    def answer(host: str, *more: Any, **named: Any) -> Any:
        asked.append(host)
        return look_up("127.0.0.1" if host == "turns.example" else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    rules = FetchRules((f"turns.example:{port}",), allows_private=True)
    with fetch_video(f"http://turns.example:{port}/video", rules) as file:
        assert file.read() == VIDEO
    assert asked.count("turns.example") == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org:8443/a.mp4",
        "http://example.org.evil.example/a.mp4",
        "http://evil.example/example.org/a.mp4",
        "http://user@example.org/a.mp4",
        "http://example.org@evil.example/a.mp4",
        "ftp://example.org/a.mp4",
        "http://example.org:99999/a.mp4",
        "http://[::1/a.mp4",
        "http:///a.mp4",
    ],
)
def test_an_address_of_another_host_or_port_is_refused_before_it_is_looked_up(url: str) -> None:
    with pytest.raises(RequestRefusedError), fetch_video(url, FetchRules(("example.org",), allows_private=True)):
        pass


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("::ffff:93.184.216.34", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2002:a01:203::1", False),
        ("::7f00:1", False),
        ("::ffff:0:7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("64:ff9b:1::7f00:1", False),
        ("2606:2800:220:1:0:5efe:7f00:1", False),
        ("2001:0:5db8:d822:0:0:80ff:fffe", False),
        ("fec0::1", False),
        ("5f00::1", False),
        ("3fff::1", False),
        ("168.63.129.16", False),
        ("192.0.0.192", False),
        ("192.88.99.1", False),
    ],
)
def test_addresses_inside_are_known_in_every_form(address: str, public: bool) -> None:
    assert is_public(address) is public
