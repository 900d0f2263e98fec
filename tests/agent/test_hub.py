"""A model of the hub is downloaded only after a yes, and its size is named before."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from huggingface_hub import HfApi

from agent.policies.local.hub import check_download
from agent.policy import DOWNLOAD, PolicyError

FILES = {
    "model-1.safetensors": 4_000_000_000,
    "model-2.safetensors": 3_500_000_000,
    "pytorch_model.bin": 7_500_000_000,
    "onnx/model.safetensors": 9_000_000_000,
    "config.json": 1000,
}


class Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_known = self.path.startswith("/api/models/Org/Model")
        siblings = [{"rfilename": name, "size": size} for name, size in FILES.items()]
        body = json.dumps({"id": "Org/Model", "siblings": siblings}).encode() if is_known else b"{}"
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HfApi]:
    monkeypatch.delenv(DOWNLOAD, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield HfApi(endpoint=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


def test_without_a_yes_the_size_is_named_and_nothing_is_downloaded(hub: HfApi) -> None:
    said = r"Org/Model is not on this machine: 7.5 GB would be downloaded from the hub; --yes allows it"
    with pytest.raises(ValueError, match=said):
        check_download("Org/Model", hub)
    asked: list[str] = []
    with pytest.raises(ValueError, match="--yes"):
        check_download("Org/Model", hub, lambda question: bool(asked.append(question)))
    assert asked == ["Org/Model is not on this machine: 7.5 GB would be downloaded from the hub. Download it? [y/N] "]


def test_a_yes_on_the_terminal_or_in_the_environment_is_enough(hub: HfApi, monkeypatch: pytest.MonkeyPatch) -> None:
    check_download("Org/Model", hub, lambda _: True)
    monkeypatch.setenv(DOWNLOAD, "yes")
    check_download("Org/Model", hub)


def test_a_model_that_the_hub_does_not_know_is_one_sentence(hub: HfApi) -> None:
    with pytest.raises(PolicyError, match=r"Org/None is neither a folder here nor could it be fetched .*404"):
        check_download("Org/None", hub)


def test_no_network_is_one_sentence() -> None:
    with pytest.raises(PolicyError, match="check its name and the network"):
        check_download("Org/Model", HfApi(endpoint="http://127.0.0.1:9"))
