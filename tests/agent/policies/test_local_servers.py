"""Servers on this machine are found by their ports, and what they offer is read with care."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent.policies.openai_api.endpoint import Server
from agent.policies.openai_api.local_servers import find_local_servers, list_local_models


class ModelList(BaseHTTPRequestHandler):
    """Answers every request with the bytes of its server."""

    body = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with ThreadingHTTPServer(("127.0.0.1", 0), ModelList) as listening:
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield Server(f"http://127.0.0.1:{listening.server_port}/v1", start="run me")
        listening.shutdown()


def test_only_servers_that_listen_are_found(server: Server) -> None:
    silent, hosted = Server("http://127.0.0.1:9/v1", start="run me"), Server(server.base_url)
    found = find_local_servers({"here": server, "silent": silent, "hosted": hosted})
    assert found == {"here": server.base_url.split("/")[2]}


@pytest.mark.parametrize("body", [b"", b"[]", b"[" * 5000, b'{"data": 3}', b'{"data": [3, {"id": 4}, {}]}', b"\xff"])
def test_an_odd_answer_offers_nothing(server: Server, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelList, "body", body)
    assert list_local_models(server) == []


def test_the_models_are_listed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelList, "body", json.dumps({"data": [{"id": "qwen2.5vl:7b"}, {"id": "b"}]}).encode())
    assert list_local_models(server) == ["qwen2.5vl:7b", "b"]
