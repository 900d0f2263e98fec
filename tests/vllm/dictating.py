"""Between a client and a vLLM server: dictates the replies of a model that would never call a tool by itself.

A random model writes noise. The dictation goes through vLLM's structured outputs, so that the model still samples every
token of it, with every picture in front of it: the request is the client's own plus two fields.
"""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Exchange:
    """One request that was answered, and what the server said of it."""

    request: dict[str, Any]
    """As the client sent it."""
    prompt_ids: tuple[int, ...]
    """The whole prompt as the model saw it, pictures expanded."""
    token_ids: tuple[int, ...]
    """What was sampled."""
    usage: dict[str, Any]


class Dictation:
    """A server at `base_url` that passes everything on to another; `reply_to` gives the words for a request."""

    def __init__(self, upstream: str, reply_to: Callable[[dict[str, Any]], str]) -> None:
        self.upstream = upstream.removesuffix("/v1")
        self.reply_to = reply_to
        self.exchanges: list[Exchange] = []
        self.refused: list[tuple[int, str]] = []
        """Status and body of what the server would not do."""
        owner = self

        class Handler(_Handler):
            dictation = owner

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def base_url(self) -> str:
        """As a client takes it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    dictation: Dictation

    def do_GET(self) -> None:
        self._pass_on(None, {})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        dictated = {"structured_outputs": {"choice": [self.dictation.reply_to(asked)]}, "return_token_ids": True}
        self._pass_on(json.dumps(asked | dictated).encode(), asked)

    def _pass_on(self, body: bytes | None, asked: dict[str, Any]) -> None:
        url = self.dictation.upstream + self.path
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with _DIRECT.open(request, timeout=300) as answer:
                kind, said = answer.headers["Content-Type"], answer.read()
            status = 200
        except urllib.error.HTTPError as refusal:
            status, kind, said = refusal.code, refusal.headers["Content-Type"], refusal.read()
            self.dictation.refused.append((status, said.decode()))
        if status == 200 and asked:
            self.dictation.exchanges.append(_exchange(asked, kind, said))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing on the test's stderr."""


def _exchange(asked: dict[str, Any], kind: str, said: bytes) -> Exchange:
    """From a whole answer or a stream of parts, whichever the client asked for."""
    if kind.startswith("text/event-stream"):
        lines = [line[6:] for line in said.decode().splitlines() if line.startswith("data: ")]
        parts = [json.loads(line) for line in lines if line != "[DONE]"]
    else:
        parts = [json.loads(said)]
    prompt = next((part["prompt_token_ids"] for part in parts if part.get("prompt_token_ids")), [])
    sampled = [i for part in parts for choice in part["choices"] for i in choice.get("token_ids") or []]
    usage = next((part["usage"] for part in reversed(parts) if part.get("usage")), {})
    return Exchange(asked, tuple(prompt), tuple(sampled), usage)
