"""What is sent to a vLLM server and what is made of its answers; the server here only has vLLM's paths and shapes.

A real one is asked in `tests/vllm/test_server_training.py`.
"""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from agent.policy import PolicyError
from rl.sampling.vllm_server import VllmServer

SAMPLED = [11, 12]


class Stand:
    """Answers with one reply, whatever it is asked; `refuses` has a status for a path, and how often."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.logprob = -0.5
        self.finish = "stop"
        self.refuses: dict[str, tuple[int, int]] = {}
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.answer(self, None)

            def do_POST(self) -> None:
                owner.answer(self, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nothing on the test's stderr."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, handler: Any, body: Any) -> None:
        self.asked.append((handler.path, body))
        status, times = self.refuses.get(handler.path, (200, 0))
        if times:
            self.refuses[handler.path] = (status, times - 1)
            self._send(handler, status, "application/json", b'{"error": {"message": "no"}}')
        elif handler.path == "/v1/models":
            self._send(handler, 200, "application/json", b'{"data": [{"id": "tiny"}]}')
        elif handler.path == "/inference/v1/generate":
            self._send(handler, 200, "application/json", json.dumps(self._said(body)).encode())
        else:
            self._send(handler, 200, "text/plain", b"Success")

    def _said(self, body: Any) -> dict[str, Any]:
        count = body["sampling_params"]["max_tokens"]
        ids = SAMPLED[:count]
        content = [{"token": f"token_id:{i}", "logprob": self.logprob, "top_logprobs": []} for i in ids]
        choice = {"index": 0, "token_ids": ids, "logprobs": {"content": content}, "finish_reason": self.finish}
        return {"request_id": "r", "choices": [choice], "prompt_token_ids": [*body["token_ids"], 99]}

    def _send(self, handler: Any, status: int, kind: str, said: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(said)))
        handler.end_headers()
        handler.wfile.write(said)


@pytest.fixture
def stand() -> Iterator[Stand]:
    stand = Stand()
    yield stand
    stand.server.shutdown()
    stand.server.server_close()


@pytest.fixture
def engine(stand: Stand) -> Iterator[VllmServer]:
    engine = VllmServer(stand.url + "/v1", concurrency=2)
    yield engine
    engine.close()


def test_token_ids_and_pictures_go_out_and_token_ids_come_back(stand: Stand, engine: VllmServer) -> None:
    said = engine.complete([1, 2, 3], [b"jpeg"], {"temperature": 1.0, "max_tokens": 2, "logit_bias": {4: -100.0}})
    assert said.prompt_ids == (1, 2, 3, 99)
    assert (said.token_ids, said.logprobs, said.is_cut) == ((11, 12), (-0.5, -0.5), False)
    [_, (path, body)] = stand.asked
    assert path == "/inference/v1/generate"
    assert body["model"] == "tiny"
    assert body["token_ids"] == [1, 2, 3]
    assert body["sampling_params"] == {
        "logprobs": 0,
        "temperature": 1.0,
        "max_tokens": 2,
        "logit_bias": {"4": -100.0},
    }
    [part] = body["content_parts"]
    assert part["type"] == "image_url"
    assert base64.b64decode(part["url"].removeprefix("data:image/jpeg;base64,")) == b"jpeg"


def test_a_prompt_without_pictures_has_no_parts(stand: Stand, engine: VllmServer) -> None:
    stand.finish = "length"
    assert engine.complete([1], (), {"max_tokens": 1}).is_cut
    assert "content_parts" not in stand.asked[-1][1]


def test_an_adapter_is_loaded_used_by_its_name_and_let_go(stand: Stand, engine: VllmServer, tmp_path: Path) -> None:
    save_file({"q_proj.lora_A.weight": torch.zeros(1, 1)}, tmp_path / "adapter_model.safetensors")
    engine.load("adapter-1", tmp_path)
    engine.use("adapter-1")
    engine.complete([1], (), {"max_tokens": 1})
    engine.forget("adapter-1")
    (_, loaded), (_, asked), (path, left) = stand.asked[1:]
    assert loaded == {"lora_name": "adapter-1", "lora_path": str(tmp_path.resolve())}
    assert asked["model"] == "adapter-1"
    assert (path, left) == ("/v1/unload_lora_adapter", {"lora_name": "adapter-1"})


def test_probabilities_that_are_the_models_own_are_noticed(stand: Stand, engine: VllmServer) -> None:
    with pytest.raises(PolicyError, match="start it with --logprobs-mode processed_logprobs"):
        engine.check_probabilities(11)
    stand.logprob = 0.0
    engine.check_probabilities(11)


def test_a_server_that_takes_no_token_ids_is_said_with_how_to_start_it(stand: Stand, engine: VllmServer) -> None:
    stand.refuses["/inference/v1/generate"] = (404, 1)
    with pytest.raises(PolicyError, match="--enable-scale-out"):
        engine.complete([1], (), {"max_tokens": 1})


def test_a_server_that_takes_no_adapters_is_said_with_how_to_start_it(
    stand: Stand, engine: VllmServer, tmp_path: Path
) -> None:
    save_file({"q_proj.lora_A.weight": torch.zeros(1, 1)}, tmp_path / "adapter_model.safetensors")
    stand.refuses["/v1/load_lora_adapter"] = (404, 1)
    with pytest.raises(PolicyError, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"):
        engine.load("adapter-1", tmp_path)


def test_a_busy_server_is_asked_again_more_and_more_slowly(stand: Stand) -> None:
    slept: list[float] = []
    engine = VllmServer(stand.url, concurrency=1, sleep=slept.append)
    stand.refuses["/inference/v1/generate"] = (503, 2)
    assert engine.complete([1], (), {"max_tokens": 2}).token_ids == (11, 12)
    assert slept == [2.0, 4.0]
    stand.refuses["/inference/v1/generate"] = (503, 99)
    with pytest.raises(PolicyError, match="503 for /inference/v1/generate"):
        engine.complete([1], (), {"max_tokens": 2})
    engine.close()


def test_where_there_is_no_server_it_is_said() -> None:
    with pytest.raises(PolicyError, match=r"the vLLM server at http://127\.0\.0\.1:1: can't be reached"):
        VllmServer("http://127.0.0.1:1", concurrency=1, sleep=lambda _: None)
