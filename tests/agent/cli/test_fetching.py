"""What an address leads to: no connection goes into a private network, whoever names it and however often it moves."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.cli.sources import address
from agent.cli.sources.fetching_process import ConnectionGuard
from agent.exit_codes import EXIT_BAD_INPUT
from agent.policy import DOWNLOAD
from tests.drawn import write_colours
from tools.runtime.own_process import make_own_environment

FOLLOW = """
import sys, urllib.request
from agent.cli.sources.fetching_process import ConnectionGuard
sys.addaudithook(ConnectionGuard(("127.0.0.1",)))
print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())
"""
Pages = dict[str, tuple[str, bytes]]


@dataclass
class Host:
    """A server with what it was asked for."""

    url: str = ""
    pages: Pages = field(default_factory=dict)
    """Kind and content by path; those of the kind `location` lead elsewhere."""
    asked: list[str] = field(default_factory=list)


@contextmanager
def hosting(ip: str) -> Iterator[Host]:
    """A server at an address of loopback."""
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.asked.append(self.path)
            kind, body = host.pages.get(self.path, ("text/plain", b"a secret of this network"))
            self.send_response(302 if kind == "location" else 200)
            self.send_header(*(("location", body.decode()) if kind == "location" else ("content-type", kind)))
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer((ip, 0), Handler) as server:
        host.url = f"http://{ip}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield host
        server.shutdown()
        thread.join()


@pytest.fixture
def allowed() -> Iterator[Host]:
    with hosting("127.0.0.1") as host:
        yield host


@pytest.fixture
def forbidden() -> Iterator[Host]:
    """At an address that no test allows."""
    with hosting("127.0.0.2") as host:
        yield host


def test_a_redirect_into_a_private_network_is_not_followed(allowed: Host, forbidden: Host) -> None:
    allowed.pages = {
        "/out": ("location", f"{forbidden.url}/x".encode()),
        "/in": ("location", b"/video"),
        "/video": ("video/mp4", b"frames"),
    }

    def follow(path: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-P", "-c", FOLLOW, f"{allowed.url}{path}"]
        return subprocess.run(command, env=make_own_environment(), capture_output=True, text=True, check=False)

    assert follow("/in").stdout == "frames\n"
    assert "127.0.0.2 lies in a private network" in follow("/out").stderr
    assert (allowed.asked, forbidden.asked) == (["/in", "/video", "/out"], [])


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", (None, ("10.0.0.1", 80))),
        ("socket.connect", (None, ("169.254.169.254", 80))),
        ("socket.connect", (None, ("::1", 80, 0, 0))),
        ("socket.connect", (None, ("fe80::1%eth0", 80, 0, 2))),
        ("socket.connect", (None, ("a.name.that.nobody.resolved", 80))),
        ("socket.connect", (None, "/run/docker.sock")),
        ("socket.sendto", (None, ("127.0.0.2", 53))),
        ("socket.sendmsg", (None, ("127.0.0.2", 53))),
        ("subprocess.Popen", ("/usr/bin/ffmpeg", ["/usr/bin/ffmpeg", "-i", "http://10.0.0.1/"], None, None)),
        ("subprocess.Popen", ("deno", ["deno", "run", "--allow-net", "-"], None, None)),
        ("subprocess.Popen", ("deno", ["deno", "run", "-A", "-"], None, None)),
        ("subprocess.Popen", ("deno", ["deno", "eval", "fetch('http://10.0.0.1/')"], None, None)),
        ("subprocess.Popen", ("/bin/sh", "curl http://10.0.0.1/", None, None)),
        ("os.system", (b"curl http://10.0.0.1/",)),
        ("os.posix_spawn", ("/usr/bin/curl", ["curl"], None)),
    ],
)
def test_what_connects_elsewhere_or_where_nobody_sees_is_refused(event: str, arguments: tuple[object, ...]) -> None:
    with pytest.raises(PermissionError):
        ConnectionGuard(("127.0.0.1",))(event, arguments)


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", (None, ("93.184.216.34", 443))),
        ("socket.connect", (None, ("127.0.0.1", 80))),
        ("socket.sendmsg", (None, None)),
        ("subprocess.Popen", ("/x/deno", ["/x/deno", "run", "--no-prompt", "--no-remote", "-"], None, None)),
        ("open", ("/tmp/video.mp4", "w", 0)),
        ("import", ("urllib", None, None, None, None)),
    ],
)
def test_all_else_goes_on(event: str, arguments: tuple[object, ...]) -> None:
    ConnectionGuard(("127.0.0.1",))(event, arguments)


def test_libcurl_is_not_loaded() -> None:
    with pytest.raises(ImportError):
        ConnectionGuard()("import", ("curl_cffi.requests", None, None, None, None))


@pytest.fixture
def only_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Allows one address of loopback; gives the cache."""
    pytest.importorskip("yt_dlp")
    for name, value in (
        ("VIDEOSLEUTH_CACHE", str(tmp_path / "cache")),
        ("VIDEOSLEUTH_ENCODER", "hashing"),
        (address.PRIVATE, "127.0.0.1"),
        (DOWNLOAD, "yes"),
    ):
        monkeypatch.setenv(name, value)
    return tmp_path / "cache"


@pytest.mark.parametrize("leads", ["redirect", "playlist", "playlist of a file", "typed"])
def test_yt_dlp_is_not_led_into_a_private_network(
    leads: str, allowed: Host, forbidden: Host, only_allowed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (only_allowed.parent / "secret.ts").write_bytes(b"a secret of this machine")
    segment = f"file://{only_allowed.parent}/secret.ts" if leads == "playlist of a file" else f"{forbidden.url}/1.ts"
    playlist = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{segment}\n#EXT-X-ENDLIST\n"
    allowed.pages = {
        "/a.mp4": ("location", f"{forbidden.url}/a.mp4".encode()),
        "/a.m3u8": ("application/vnd.apple.mpegurl", playlist.encode()),
    }
    urls = {"redirect": f"{allowed.url}/a.mp4", "typed": f"{forbidden.url}/a.mp4"}
    assert main(["ask", urls.get(leads, f"{allowed.url}/a.m3u8"), "What?", "--policy", "lite"]) == EXIT_BAD_INPUT
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert ("could not be fetched" if leads == "playlist of a file" else "lies in a private network") in told
    assert forbidden.asked == []
    came = [file for file in only_allowed.glob("fetched-*/video.*") if file.suffix not in (".part", ".ytdl")]
    assert came == []


def test_a_playlist_of_the_same_host_is_fetched(
    allowed: Host, only_allowed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_colours(tmp_path / "1.ts", ["red", "blue"]).read_bytes()
    playlist = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n/1.ts\n#EXT-X-ENDLIST\n"
    allowed.pages = {"/a.m3u8": ("application/vnd.apple.mpegurl", playlist), "/1.ts": ("video/mp2t", clip)}
    assert main(["ask", f"{allowed.url}/a.m3u8", "How long is the video?", "--policy", "lite"]) == 0
    assert capsys.readouterr().out.startswith("2.0 s (0:02)")


STUB = """
class utils:
    class YoutubeDLError(Exception): pass
class YoutubeDL:
    def __init__(self, options): self.path = options["outtmpl"]["default"] % {"ext": "mp4.part"}
    def __enter__(self): return self
    def __exit__(self, *error): return None
    def extract_info(self, address, download):
        import time
        if address.endswith("/page"):
            bytearray(3 * 2**30)
        for _ in range(600):
            with open(self.path, "ab") as file: file.write(b"x")
            time.sleep(0.1)
"""


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module in place of yt-dlp, which fetches a byte now and then, or takes in a page without end."""
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "yt_dlp.py").write_text(STUB)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stub"))
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(address.PRIVATE, "yes")
    monkeypatch.setenv(DOWNLOAD, "yes")
    monkeypatch.setattr(address, "is_installed", lambda name: True)


@pytest.mark.usefixtures("stub")
def test_a_host_that_sends_a_byte_now_and_then_is_given_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(address, "_PATIENCE_SECONDS", 2.0)
    assert main(["ask", "http://127.0.0.1:9/drip", "What?"]) == EXIT_BAD_INPUT
    assert "less than 300 kB came in 2 s, so it was given up" in capsys.readouterr().err


@pytest.mark.usefixtures("stub")
def test_a_page_without_end_takes_no_more_memory_than_there_may_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "http://127.0.0.1:9/page", "What?"]) == EXIT_BAD_INPUT
    assert "a page of it is too large to be looked at" in capsys.readouterr().err


def test_networks_that_are_none_are_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(address, "is_installed", lambda name: True)
    monkeypatch.setenv(address.PRIVATE, "intranet")
    assert main(["ask", "http://127.0.0.1:9/film.mp4", "What?"]) == EXIT_BAD_INPUT
    assert "is yes, or networks as" in capsys.readouterr().err
