"""Client of a vLLM server on this machine or another, asked with token ids and JPEGs.

Started with vLLM 0.31 for LoRA, which reaches it as a folder on a disk that both see:

    VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 vllm serve MODEL --enable-scale-out --enable-lora --max-lora-rank 16 \\
        --logprobs-mode processed_logprobs --generation-config vllm \\
        --mm-processor-kwargs '{"size": {"shortest_edge": 4096, "longest_edge": 460800}}'

and for all weights, which reach it over NCCL (not run here):

    VLLM_SERVER_DEV_MODE=1 vllm serve MODEL --enable-scale-out --weight-transfer-config '{"backend": "nccl"}' ...

The sizes, in pixels, are those of `agent.policies.local.image_processing`: at least four blocks of 32x32 (Qwen3-VL) or
28x28 (Qwen2.5-VL), at most twice `max_frame_pixels`. With others vLLM would show its model larger or smaller pictures
than those that are trained on, which is noticed in the first prompt. A model of text only needs no sizes.
"""

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from agent.policy import PolicyError
from agent.rendering.data_uri import make_jpeg_uri
from rl.sampling.engine import EngineGoneError, Sampled
from rl.sampling.weight_sync import WeightSync, check_cuda, check_text_only, find_own_address, start_transfer

_TRIES = 4
"""Requests before giving up; with the pauses between them they span 14 seconds."""
_PASSING = (429, 502, 503, 504)
"""HTTP statuses of a server that may answer later."""
_CONNECT_SECONDS = 10.0
"""Longest wait for a connection; the wait for a reply is `patience_seconds`."""
_TRANSFER_PORT = 51216
"""Port of this machine from which the server fetches weights; TRL's too."""


class VllmServer:
    """A vLLM server's `/inference/v1/generate` as an engine, which several processes may ask."""

    is_shared = True

    def __init__(
        self,
        url: str,
        *,
        concurrency: int,
        patience_seconds: float = 600.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Asks the server for its model.

        Args:
            url: root of the server, as in http://127.0.0.1:8000.
            concurrency: requests at the same time.
            patience_seconds: longest wait for one reply, which comes whole.
            sleep: pauses between two tries; for tests.

        Raises:
            PolicyError: there is no vLLM server at the url.
        """
        self.url = url.rstrip("/").removesuffix("/v1")
        self._sleep = sleep
        self._http = httpx2.Client(
            timeout=httpx2.Timeout(patience_seconds, connect=_CONNECT_SECONDS, pool=None),
            limits=httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
            follow_redirects=False,
            trust_env=False,  # the server of a training is on this machine or its own network: no proxy between
        )
        self._model: str = self._told("GET", "/v1/models")["data"][0]["id"]
        self._asked_of = self._model
        self.adapter = ""
        """Name of the adapter in use; empty for the model as it is."""

    def complete(
        self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any], conversation: str = ""
    ) -> Sampled:
        """Samples a completion of one prompt."""
        pictures = [{"type": "image_url", "url": make_jpeg_uri(jpeg)} for jpeg in jpegs]
        told = self._told(
            "POST",
            "/inference/v1/generate",
            {
                "model": self._asked_of,
                "token_ids": list(prompt_ids),
                "sampling_params": {"logprobs": 0, **sampling},
                "return_token_ids": True,
                **({"content_parts": pictures} if pictures else {}),
            },
        )
        [choice] = told["choices"]
        return Sampled(
            prompt_ids=tuple(told["prompt_token_ids"]),
            token_ids=tuple(choice["token_ids"]),
            logprobs=tuple(position["logprob"] for position in choice["logprobs"]["content"]),
            is_cut=choice["finish_reason"] == "length",
        )

    def end(self, conversation: str) -> None:
        """Does nothing: all runs are asked of the same engine."""

    def load(self, name: str, adapter: Path) -> None:
        """Makes the server load an adapter; PolicyError where it does not see the folder or takes no adapters."""
        check_text_only(adapter)
        self._told("POST", "/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(adapter.resolve())})

    def use(self, name: str) -> None:
        """Applies a loaded adapter to every request from now on; its name is new, so no cache has anything of
        another."""
        self._asked_of = self.adapter = name

    def forget(self, name: str) -> None:
        """Makes the server unload the adapter of this name."""
        self._told("POST", "/v1/unload_lora_adapter", {"lora_name": name})

    def weight_sync(self, rank: int) -> WeightSync:
        """The synchronisation of all weights to the server, over NCCL. Needs CUDA; not run here.

        Args:
            rank: rank of this process; the first sends, the others take part where FSDP has split the weights.

        Raises:
            PolicyError: there is no CUDA.
        """
        check_cuda("bringing all weights to a vLLM server")

        def opened(model: Any) -> Any:
            clients: Any = importlib.import_module("vllm.distributed.weight_transfer")
            workers: int = self._told("GET", "/get_world_size")["world_size"] if rank == 0 else 0
            told = {"master_address": find_own_address(), "master_port": _TRANSFER_PORT, "world_size": workers + 1}
            return start_transfer("nccl", clients.HTTPVLLMWeightSyncClient(self.url), model, rank=rank, **told)

        def forget_prefixes() -> None:
            if rank == 0:
                self._told("POST", "/reset_prefix_cache")

        return WeightSync(opened, forget_prefixes)

    def close(self) -> None:
        """Closes the connections; the server keeps running."""
        self._http.close()

    def check_probabilities(self, token: int) -> None:
        """Checks that the server gives the probabilities with which tokens are sampled.

        A token that is all but forced by a logit bias then has a probability of one; by the model alone it has not.

        Args:
            token: any token id.

        Raises:
            PolicyError: the server gives the probabilities of the model without the bias.
        """
        forced = {"temperature": 1.0, "max_tokens": 1, "logit_bias": {token: 100.0}, "seed": 0}
        said = self.complete([token], (), forced)
        if said.token_ids != (token,) or said.logprobs[0] < -1e-3:
            raise PolicyError(
                f"{self.url} gives other probabilities than its tokens are drawn with (ln p = {said.logprobs[0]:.3f} "
                "of a token that was forced): start it with --logprobs-mode processed_logprobs"
            )

    def _told(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        kind: type[PolicyError] = EngineGoneError
        for tried in range(1, _TRIES + 1):
            try:
                response = self._http.request(method, self.url + path, json=body)
            except httpx2.RequestError as error:
                trouble = f"can't be reached: {error or type(error).__name__}"
            else:
                if response.status_code == 200:
                    return _parse_body(response)
                trouble = f"{response.status_code} for {path}: {' '.join(response.text.split())[:400]}"
                if response.status_code not in _PASSING:
                    kind = PolicyError
                    break
            if tried < _TRIES:
                self._sleep(2.0**tried)
        raise kind(f"the vLLM server at {self.url}: {trouble}{_advice(trouble)}")


def _parse_body(response: Any) -> Any:
    """The body of a response; text where it is no JSON, as endpoints that change something answer with a word."""
    if "json" not in response.headers.get("content-type", ""):
        return response.text
    try:
        return response.json()
    except ValueError:
        return response.text


def _advice(trouble: str) -> str:
    for sign, advice in _ADVICE.items():
        if sign in trouble:
            return f" ({advice})"
    return ""


_ADVICE = {
    "404 for /inference": "start it with --enable-scale-out",
    "404 for /v1/load_lora": "start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and --enable-lora",
}
