"""An npm registry on loopback with one package, which goes wrong on order."""

import base64
import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self


def pack(files: dict[str, bytes]) -> bytes:
    """The archive of a package, gzipped as npm has it."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return written.getvalue()


def hash_of(data: bytes) -> str:
    """The hash of an archive as npm writes it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "FakeNpm"

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range", "")))
        if self.path != self.server.path:
            self._send(404, b"")
            return
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        cut, self.server.cut = self.server.cut, None
        data = self.server.data[begin:]
        self._send(206 if begin else 200, data[:cut] if cut else data, len(data), begin)
        if cut:
            self.close_connection = True

    def _send(self, status: int, body: bytes, length: int = 0, begin: int = 0) -> None:
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {begin}-{begin + length - 1}/{begin + length}")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class FakeNpm(ThreadingHTTPServer):
    """The registry; use it in a `with`."""

    daemon_threads = True

    def __init__(self, path: str, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.path, self.data = f"/{path}", data
        self.cut: int | None = None
        """Bytes after which the next connection is dropped."""
        self.requests: list[tuple[str, str]] = []
        """Path and range of every request so far."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()


def read_folder(folder: Path, within: str) -> dict[str, bytes]:
    """The files of a folder, by their names within a package."""
    return {f"{within}/{file.name}": file.read_bytes() for file in sorted(folder.iterdir())}
