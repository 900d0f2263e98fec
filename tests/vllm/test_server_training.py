"""A training whose tokens a vLLM server draws: adapters reach it as folders, by its own /v1/load_lora_adapter."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from agent.policy import PolicyError
from tests.vllm.marks import needs_vllm
from tests.vllm.server import PICTURE_SIZE, VllmServer
from tests.vllm.training_beside import Watched, trained, wanted

pytest.importorskip("trl", reason="needs the rl extra")
pytestmark = [
    *needs_vllm,
    pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*:UserWarning"),
]

assert PICTURE_SIZE["shortest_edge"] == 4 * 32 * 32


@pytest.fixture(scope="module")
def server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    scaled = ["--enable-scale-out", "--enable-lora", "--max-lora-rank", "8", "--logprobs-mode", "processed_logprobs"]
    # on a CPU vLLM 0.31 dies of a seeded request whose prompt it cuts into pieces: "CPU Generator does not use offset"
    scaled += ["--no-enable-chunked-prefill", "--max-num-batched-tokens", "16384"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "1")
        with VllmServer(tiny_model, tmp_path_factory.mktemp("trained") / "server.log", *scaled) as server:
            yield server


@pytest.fixture(scope="module")
def watched(server: VllmServer, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    from rl.sampling import vllm_server

    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        training = wanted(tiny_model, folder / "out")
        engine = vllm_server.VllmServer(server.root, concurrency=4)
        engine.check_probabilities(7)
        yield trained(training, engine)
        engine.close()


def test_both_programs_give_the_tokens_of_a_run_the_same_probability(watched: Watched) -> None:
    assert all(rollout.tokens is not None and rollout.pictures for rollout in watched.played[0])
    assert watched.off_by(0) < 0.02


def test_after_a_step_the_server_plays_with_what_was_learned(watched: Watched) -> None:
    assert watched.off_by(1) < 0.02


def test_an_adapter_that_the_server_does_not_see_is_said(server: VllmServer, tmp_path: Path) -> None:
    from rl.sampling import vllm_server

    engine = vllm_server.VllmServer(server.root, concurrency=1)
    save_file({"q_proj.lora_A.weight": torch.zeros(1, 1)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(PolicyError, match="load_lora_adapter"):
        engine.load("nothing", tmp_path)
    engine.close()
