"""vLLM's own OpenAI-compatible server, in a process of its own, on a model in a folder."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

NAME = "tiny"
PICTURE_SIZE = {"shortest_edge": 4 * 32 * 32, "longest_edge": 2 * 1280 * 720}
"""In pixels, as `agent.policies.local.image_processing` has it: pictures are only rounded to blocks of 32x32."""
_PATIENCE_SECONDS = 1500.0
"""It takes a minute of one core; on a machine with twenty other programs that took more than the seven it had."""
_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class VllmServer:
    """Up when entered, gone when left. Blocks of 32 tokens, the least on a CPU, so that five short turns fill many."""

    block_tokens = 32

    def __init__(self, model: Path, log: Path, *arguments: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._log = log
        # the module and not `vllm serve`, which looks for a distribution named vllm; the CPU build's is vllm-cpu
        self._command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
        self._command += ["--served-model-name", NAME, "--host", "127.0.0.1", "--port", str(self.port)]
        self._command += ["--dtype", "float32", "--enforce-eager", "--max-model-len", "16384", "--max-num-seqs", "16"]
        self._command += ["--block-size", str(self.block_tokens), "--enable-prompt-tokens-details", "--seed", "0"]
        # a model's own generation_config would put its repetition penalty on every request, greedy ones included
        self._command += ["--generation-config", "vllm", "--limit-mm-per-prompt", '{"image": 64, "video": 0}']
        # pictures keep their size; Qwen3-VL's own least of 65,536 pixels would enlarge what a zoom brings
        self._command += ["--mm-processor-kwargs", json.dumps({"size": PICTURE_SIZE}), *arguments]

    @property
    def root(self) -> str:
        """Where health and metrics are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """As the openai client takes it."""
        return f"{self.root}/v1"

    def counter(self, name: str) -> float:
        """One of the server's own counters, as in `vllm:prefix_cache_hits`."""
        lines = self._get("/metrics").decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name}_total{{", f"{name}{{")))

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | _ENVIRONMENT
            )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise RuntimeError(f"the server did not come up:\n{self._log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _is_up(self) -> bool:
        try:
            self._get("/health")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def _get(self, path: str) -> bytes:
        with _DIRECT.open(self.root + path, timeout=60) as answer:
            body: bytes = answer.read()
        return body
