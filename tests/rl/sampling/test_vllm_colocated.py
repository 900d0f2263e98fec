"""vLLM beside the model in training, without vLLM: what it is told, and when."""

from typing import Any

import pytest
import torch

from agent.policy import PolicyError, PolicyOptions
from rl.sampling import vllm_colocated
from rl.sampling.vllm_colocated import ColocatedVllm


class Recorder:
    """A policy whose engine keeps what it was told."""

    def __init__(self, *_: Any, **arguments: Any) -> None:
        self.arguments, self.told = arguments, list[tuple[Any, ...]]()
        self.engine = self

    def tell(self, *told: Any) -> None:
        self.told.append(told)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Recorder]:
    made: list[Recorder] = []

    def make(*_: Any, **arguments: Any) -> Recorder:
        made.append(Recorder(**arguments))
        return made[-1]

    monkeypatch.setattr(vllm_colocated, "VllmPolicy", make)
    monkeypatch.setattr(vllm_colocated, "choose_lora_room", lambda rank: rank)
    monkeypatch.setattr(vllm_colocated, "is_on_cpu", lambda: False)
    return made


def test_an_engine_that_sleeps_is_awake_while_it_is_asked_and_at_no_other_time(
    opened: list[Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    beside = ColocatedVllm("model", PolicyOptions(), rank=8, memory_share=0.8, sleeps=True)
    [engine] = opened
    assert engine.arguments["enable_sleep_mode"] is True
    with beside.awake():
        assert engine.told == [], "it has just begun, awake"
    with beside.awake():
        assert engine.told == [("sleep", 1), ("wake_up",)]
    assert engine.told == [("sleep", 1), ("wake_up",), ("sleep", 1)]


def test_another_engine_is_told_nothing(opened: list[Recorder]) -> None:
    beside = ColocatedVllm("model", PolicyOptions(), rank=8, memory_share=0.4)
    with beside.awake():
        pass
    assert opened[0].told == []
    assert "enable_sleep_mode" not in opened[0].arguments


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_sleep_without_a_gpu_is_refused(opened: list[Recorder]) -> None:
    with pytest.raises(PolicyError, match="sleeps = false"):
        ColocatedVllm("model", PolicyOptions(), rank=8, memory_share=0.4, sleeps=True)
    assert not opened
