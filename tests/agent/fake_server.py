"""A real HTTP server on this machine that answers chat completions by a script, well or badly.

Each request takes the next behaviour of the script; past its end the last one stays. What was sent is kept.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Request:
    """What came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def images(self) -> list[tuple[str, str]]:
        """Role and data URI of every picture, in order."""
        return [
            (message["role"], part["image_url"]["url"])
            for message in self.body["messages"]
            if isinstance(message["content"], list)
            for part in message["content"]
            if part["type"] == "image_url"
        ]


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the script of its server."""

    protocol_version = "HTTP/1.1"
    server: "FakeServer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers, json.loads(body))
        with self.server.counting():
            self.server.next_behaviour(request)(self, request)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def send(self, status: int, body: str | bytes, kind: str = "application/json", **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def start_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def event(self, piece: dict[str, Any] | str) -> None:
        data = piece if isinstance(piece, str) else json.dumps(piece)
        self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.flush()


Behaviour = Callable[[Handler, Request], None]


class FakeServer(ThreadingHTTPServer):
    """The server; use it in a `with`."""

    daemon_threads = True

    def __init__(self, *script: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[Request] = []
        self.most_at_once = 0
        self._script = script
        self._at_once = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def next_behaviour(self, request: Request) -> Behaviour:
        with self._lock:
            self.requests.append(request)
            return self._script[min(len(self.requests), len(self._script)) - 1]

    def counting(self) -> "_Counting":
        return _Counting(self)

    def count(self, change: int) -> None:
        with self._lock:
            self._at_once += change
            self.most_at_once = max(self.most_at_once, self._at_once)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is what some tests want."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()


class _Counting:
    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def __enter__(self) -> None:
        self._server.count(1)

    def __exit__(self, *_: object) -> None:
        self._server.count(-1)


@dataclass(frozen=True)
class Say:
    """A good answer, as a stream where one is asked for; words, tool calls or both."""

    text: str = ""
    calls: tuple[dict[str, Any], ...] = ()
    reasoning: str = ""
    finish_reason: str = ""
    usage: dict[str, Any] | None = field(
        default_factory=lambda: {
            "prompt_tokens": 1000,
            "completion_tokens": 20,
            "prompt_tokens_details": {"cached_tokens": 600},
        }
    )
    extra: dict[str, Any] = field(default_factory=dict)
    """Put into the choice of a whole answer, or of the last piece of a stream."""

    def __call__(self, handler: Handler, request: Request) -> None:
        if request.body.get("stream"):
            self._stream(handler)
        else:
            handler.send(200, json.dumps(self._whole()))

    @property
    def _finish(self) -> str:
        return self.finish_reason or ("tool_calls" if self.calls else "stop")

    def _whole(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": self.text or None, "tool_calls": list(self.calls)}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        choice = {"index": 0, "message": message, "finish_reason": self._finish, **self.extra}
        return {"object": "chat.completion", "choices": [choice], "usage": self.usage}

    def _stream(self, handler: Handler) -> None:
        handler.start_stream()
        handler.wfile.write(b": a comment that keeps it alive\n\n")
        for piece in self.pieces():
            handler.event(piece)
        handler.event("[DONE]")

    def pieces(self) -> list[dict[str, Any]]:
        """The stream: text in halves, arguments of calls in halves, then the end and the usage."""
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": half} for half in _halves(self.reasoning)]
        deltas += [{"content": half} for half in _halves(self.text)]
        for index, call in enumerate(self.calls):
            first, second = _halves(call["function"]["arguments"])
            begun = {**call, "index": index, "function": {**call["function"], "arguments": first}}
            deltas += [{"tool_calls": [begun]}]
            deltas += [{"tool_calls": [{"index": index, "function": {"arguments": second}}]}]
        pieces = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        pieces.append({"choices": [{"index": 0, "delta": {}, "finish_reason": self._finish, **self.extra}]})
        return [*pieces, {"choices": [], "usage": self.usage}]


def call(name: str, arguments: dict[str, Any], call_id: str = "call_a", **more: Any) -> dict[str, Any]:
    """A native tool call."""
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
        **more,
    }


def fail(status: int, message: str = "went wrong", headers: dict[str, str] | None = None, **error: Any) -> Behaviour:
    """An error as OpenAI words it."""

    def behave(handler: Handler, request: Request) -> None:
        body = {"error": {"message": message, **error}}
        handler.send(status, json.dumps(body), **(headers or {}))

    return behave


def raw(body: str | bytes, kind: str = "application/json", status: int = 200, **headers: str) -> Behaviour:
    """Exactly these bytes."""

    def behave(handler: Handler, request: Request) -> None:
        handler.send(status, body, kind, **headers)

    return behave


def half_a_stream(handler: Handler, request: Request) -> None:
    """Begins well and hangs up."""
    handler.start_stream()
    for piece in Say("<answer>half an ans").pieces()[:2]:
        handler.event(piece)


def broken_json(handler: Handler, request: Request) -> None:
    """A piece of a stream that is no JSON."""
    handler.start_stream()
    handler.event('{"choices": [{"delta": {"con')


def silent_for(seconds: float, after_start: bool = False) -> Behaviour:
    """Takes the request and says nothing; or begins a stream and says no more."""

    def behave(handler: Handler, request: Request) -> None:
        if after_start:
            handler.start_stream()
            handler.event(Say("<answer>").pieces()[0])
        time.sleep(seconds)

    return behave


def endless(megabytes: int, lines: bool = True) -> Behaviour:
    """Text without end, as pieces of a stream or as one line."""

    def behave(handler: Handler, request: Request) -> None:
        handler.start_stream()
        if not lines:
            handler.wfile.write(b"data: ")
        for _ in range(megabytes * 16):
            if lines:
                handler.event({"choices": [{"index": 0, "delta": {"content": "x" * 2**16}}]})
            else:
                handler.wfile.write(b"x" * 2**16)

    return behave


def whole(message: dict[str, Any], finish_reason: str | None = "stop", **more: Any) -> Behaviour:
    """A whole answer with exactly this message, whether or not a stream was asked for."""
    return raw(json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}], **more}))


def stream(*pieces: dict[str, Any] | str, is_ended: bool = True) -> Behaviour:
    """Exactly these pieces, with or without the `[DONE]` behind them."""

    def behave(handler: Handler, request: Request) -> None:
        handler.start_stream()
        for piece in (*pieces, *(["[DONE]"] if is_ended else [])):
            handler.event(piece)

    return behave


def delta(finish_reason: str | None = None, **said: Any) -> dict[str, Any]:
    """A piece of a stream."""
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish_reason}]}


def dripping(data: bytes, head: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n") -> Behaviour:
    """The same bytes again and again, twenty times a second, until the client hangs up."""

    def behave(handler: Handler, request: Request) -> None:
        handler.wfile.write(head)
        while True:
            handler.wfile.write(data)
            handler.wfile.flush()
            time.sleep(0.05)

    return behave


def slowly(behaviour: Behaviour, seconds: float) -> Behaviour:
    """The same after a while."""

    def behave(handler: Handler, request: Request) -> None:
        time.sleep(seconds)
        behaviour(handler, request)

    return behave


def when(is_so: Callable[[Request], bool], then: Behaviour, otherwise: Behaviour) -> Behaviour:
    """One or the other, by what is in the request."""

    def behave(handler: Handler, request: Request) -> None:
        (then if is_so(request) else otherwise)(handler, request)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after the other, counted on its own; the last one stays."""
    waiting = list(behaviours)

    def behave(handler: Handler, request: Request) -> None:
        (waiting.pop(0) if len(waiting) > 1 else waiting[0])(handler, request)

    return behave


def _halves(text: str) -> Sequence[str]:
    return (text[: len(text) // 2], text[len(text) // 2 :])
