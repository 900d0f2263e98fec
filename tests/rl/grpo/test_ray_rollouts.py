"""Rollouts by actors of a cluster: those of one process, none lost and none doubled when an actor is killed."""

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.policies.local.loading import load_preprocessor
from agent.policy import PolicyError
from rl.data.questions import open_questions
from rl.grpo.config import EngineConfig, Training
from rl.grpo.open_sampler import open_sampler
from rl.grpo.ray_rollouts import RayRollouts, open_rollouts
from rl.grpo.rollout import RolloutRunner
from rl.sampling.sampler import Rollout
from tests.agent.cli.test_ray import list_workers, needs_ray
from tests.fake_ray import FakeRay
from tests.rl.sampling.test_vllm_server import Stand
from tests.rl.small_training import built, say, training
from tools.observation import MissingPartError
from tools.runtime import ray_cluster


class Speaker(Stand):
    """Says one answer to every prompt, after some seconds."""

    def __init__(self, model: Path) -> None:
        super().__init__()
        scribe = load_preprocessor(str(model), 100).scribe
        self.ids = [*scribe.ids(say("A")), scribe.end]
        self.seconds = 0.0

    def _said(self, body: Any) -> dict[str, Any]:
        forced = body["sampling_params"]["max_tokens"] == 1
        ids = body["token_ids"] if forced else self.ids
        time.sleep(0 if forced else self.seconds)
        content = [{"logprob": 0.0 if forced else -0.5} for _ in ids]
        choice = {"token_ids": ids, "logprobs": {"content": content}, "finish_reason": "stop"}
        return {"choices": [choice], "prompt_token_ids": body["token_ids"]}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("ray")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield built("qwen3_vl", folder / "model", folder / "cache")


@pytest.fixture
def server(model: Path) -> Iterator[Speaker]:
    server = Speaker(model)
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def wanted(model: Path, server: Speaker, tmp_path: Path) -> Training:
    engine = {"name": "vllm-server", "url": server.url, "ray": "local"}
    data = "composed,first=1,last=1,view=words,families=read"
    return training(model, tmp_path / "out", data=data, steps=4, generations=2, engine=engine)


def read_tokens(rollouts: list[Rollout]) -> list[Any]:
    return [(one.trajectory.question.id, one.trajectory.sample, one.trajectory.answer, one.tokens) for one in rollouts]


def list_keys(wanted: Training) -> list[tuple[str, int]]:
    questions = open_questions(wanted.data, wanted.asked_questions).examples
    return [(question, sample) for question in questions for sample in range(wanted.generations)]


def play_here(wanted: Training) -> list[Rollout]:
    sampler = open_sampler(wanted)
    questions = open_questions(wanted.data, wanted.asked_questions)
    return RolloutRunner(questions, wanted.run_settings(sampler), sampler)(list_keys(wanted))


def test_actors_give_the_rollouts_of_one_process_and_use_its_adapter(
    wanted: Training, server: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = FakeRay()
    monkeypatch.setattr(ray_cluster, "is_installed", lambda name: True)
    monkeypatch.setattr(ray_cluster, "import_module", lambda name: ray)
    told: list[tuple[int, int]] = []
    sampler = open_sampler(wanted)
    keys = list_keys(wanted)
    with open_rollouts(wanted, open_questions(wanted.data, wanted.asked_questions), sampler) as rollouts:
        rollouts.on_run = lambda done, of: told.append((done, of))
        mixed = keys[::2] + keys[1::2]  # the rollouts of a question need not stand together
        spread = rollouts(mixed)
        with pytest.raises(ValueError, match="each run can be played once"):
            rollouts([keys[0], keys[0]])
        assert isinstance(rollouts, RayRollouts)
        rollouts._servers.use("adapter-7")
        rollouts(keys[:1])
    assert not ray.is_open
    assert len(ray.actors) == 2
    assert told[:4] == [(2, 8), (4, 8), (6, 8), (8, 8)]
    in_order = dict(zip(mixed, spread, strict=True))
    assert read_tokens([in_order[key] for key in keys]) == read_tokens(play_here(wanted))
    asked = [body["model"] for path, body in server.asked if path == "/inference/v1/generate"]
    assert "adapter-7" in asked


def test_an_actor_that_dies_again_and_again_ends_the_training(
    wanted: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = FakeRay(dies=(1,))
    sampler = open_sampler(wanted)
    rollouts = RayRollouts(open_questions(wanted.data, wanted.asked_questions), wanted, sampler, ray)
    with pytest.raises(PolicyError, match="an actor that played rollouts died, again and again: killed"):
        rollouts(list_keys(wanted))


def test_without_ray_or_without_servers_it_is_said(wanted: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "is_installed", lambda name: False)
    with (
        pytest.raises(MissingPartError, match="Ray is not installed"),
        open_rollouts(wanted, open_questions(wanted.data, wanted.asked_questions), open_sampler(wanted)),
    ):
        pass
    with pytest.raises(ValueError, match="ray plays rollouts on machines without weights: take a vllm-server"):
        EngineConfig(ray="local")


@needs_ray
@pytest.mark.skipif(sys.platform != "linux", reason="looks for the worker in /proc")
def test_what_a_killed_actor_had_is_played_again(wanted: Training, server: Speaker) -> None:
    alone = play_here(wanted)
    server.seconds, killed = 1.0, list[int]()
    before = len(server.asked)

    def kill_one() -> None:
        ends_at = time.monotonic() + 120
        while not (workers := list(list_workers(os.getpid(), b"RolloutWorker.play"))) and time.monotonic() < ends_at:
            time.sleep(0.05)
        time.sleep(0.5)  # in the middle of its question
        os.kill(workers[0], signal.SIGKILL)
        killed.append(workers[0])

    threading.Thread(target=kill_one).start()
    questions, sampler = open_questions(wanted.data, wanted.asked_questions), open_sampler(wanted)
    with open_rollouts(wanted, questions, sampler) as rollouts:
        spread = rollouts(list_keys(wanted))
    assert killed
    assert read_tokens(spread) == read_tokens(alone)
    played = Counter((one.trajectory.question.id, one.trajectory.sample) for one in spread)
    assert set(played.values()) == {1}
    requests = [body for path, body in server.asked[before:] if path == "/inference/v1/generate"]
    assert len([body for body in requests if body["sampling_params"]["max_tokens"] > 1]) > len(alone)
