"""A model hub on loopback, as huggingface_hub talks to one, that serves files of folders and goes wrong on order."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE_BYTES = 100_000
"""From this size on a file is stored as a large one, with its SHA-256."""


@dataclass
class Trouble:
    """What goes wrong, and how often."""

    gated: bool = False
    changed: str = ""
    """Name of the file whose bytes are other ones than those listed."""
    cut: dict[str, int] = field(default_factory=dict)
    """Bytes after which the connection is dropped, by the file's name; each file once."""
    broken: bool = False
    """Whether every request for a file fails after one that was cut."""
    listed: dict[str, int] = field(default_factory=dict)
    """Sizes that are listed in place of the true ones, by the file's name."""


class HubHandler(BaseHTTPRequestHandler):
    """Answers the requests for a model's description and for its files."""

    protocol_version = "HTTP/1.1"
    server: "FakeHub"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, with_body: bool) -> None:
        path = urlsplit(self.path).path.strip("/")
        self.server.requests.append((self.command, path, self.headers.get("Range", "")))
        if path.startswith("api/models/"):
            model = path.removeprefix("api/models/").partition("/revision/")[0]
            self._describe(model)
            return
        model, _, rest = path.partition("/resolve/")
        _, _, name = rest.partition("/")
        if self.server.trouble.gated:
            self._refuse(403, "GatedRepo", f"Access to model {model} is restricted")
            return
        if self.server.trouble.broken and not self.server.trouble.cut:
            self._refuse(503, "", "the hub is down")
            return
        file = self.server.models.get(model, Path("nowhere")) / name
        if not file.is_file():
            self._refuse(404, "EntryNotFound", "there is no such file")
            return
        self._send(file.read_bytes(), name, with_body)

    def _describe(self, model: str) -> None:
        if model not in self.server.models:
            self._refuse(404, "RepoNotFound", "there is no such model")
            return
        files = sorted(file for file in self.server.models[model].rglob("*") if file.is_file())
        root = self.server.models[model]
        siblings = [describe(str(file.relative_to(root)), file.read_bytes()) for file in files]
        for sibling in siblings:
            sibling["size"] = self.server.trouble.listed.get(str(sibling["rfilename"]), sibling["size"])
        card = {"license": "apache-2.0"}
        body = {"id": model, "sha": COMMIT, "siblings": siblings, "cardData": card, "gated": self.server.trouble.gated}
        self._reply(200, json.dumps(body).encode(), {})

    def _send(self, data: bytes, name: str, with_body: bool) -> None:
        digest = hash_of(data)
        headers = {"ETag": f'"{digest}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        status, sent = 200, data
        if name == self.server.trouble.changed:
            sent = bytes(byte ^ 1 for byte in data)
        if wanted := self.headers.get("Range"):
            begin = int(wanted.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
            status, sent = 206, sent[begin:]
        if not with_body:
            self._reply(status, b"", headers, len(sent))
            return
        cut = self.server.trouble.cut.pop(name, None)
        if cut is None:
            self._reply(status, sent, headers)
            return
        self._reply(status, sent[:cut], headers, len(sent))
        self.close_connection = True

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._reply(status, b"", {"X-Error-Code": code, "X-Error-Message": message})

    def _reply(self, status: int, body: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


class FakeHub(ThreadingHTTPServer):
    """The hub; use it in a `with`."""

    daemon_threads = True

    def __init__(self, models: dict[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.models = models
        self.trouble = Trouble()
        self.requests: list[tuple[str, str, str]] = []
        """Method, path and range of every request so far."""

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


def describe(name: str, data: bytes) -> dict[str, object]:
    """A file as the hub lists it."""
    digest = git_hash(data)
    listed: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": digest}
    if len(data) >= LARGE_BYTES:
        listed["lfs"] = {"sha256": hash_of(data), "size": len(data), "pointerSize": 130}
    return listed


def hash_of(data: bytes) -> str:
    """The hash that the hub lists: SHA-256 of a large file, git's SHA-1 of a small one."""
    return hashlib.sha256(data).hexdigest() if len(data) >= LARGE_BYTES else git_hash(data)


def git_hash(data: bytes) -> str:
    """A file's hash as git has it."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
