"""Rollouts played by actors of a Ray cluster, which hold no weights and ask the training's vLLM servers.

The rollouts of a question go to one actor, which has its video open and no other. An actor that dies is started again
and plays again what it had, from the first: of each rollout comes one.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from agent.policy import PolicyError
from agent.trajectory import Trajectory
from evals.runner.run_file import Key
from rl.data.questions import TrainingQuestions, open_questions
from rl.grpo.config import Training
from rl.grpo.open_sampler import open_sampler
from rl.grpo.rollout import RolloutRunner
from rl.sampling.sampler import Rollout, TrainingSampler
from rl.sampling.server_pool import ServerPool
from rl.sampling.vllm_sampler import EngineSampler
from rl.sampling.vllm_server import VllmServer
from tools.runtime.ray_cluster import RETRIES, open_ray


class RolloutWorker:
    """Plays rollouts in the process of an actor; opens questions, tokenizer and connections by the training file."""

    def __init__(self, training: Training, folder: str) -> None:
        """Opens what rollouts need.

        Args:
            training: the training file.
            folder: the folder by which its paths are meant.
        """
        os.chdir(folder)
        self._sampler = open_sampler(training)
        questions = open_questions(training.data, training.asked_questions)
        settings = training.run_settings(self._sampler)
        self._runner = RolloutRunner(questions, settings, self._sampler, training.play.game)

    def play(self, keys: Sequence[Key], adapter: str) -> list[Rollout]:
        """Rollouts of one question, sampled by an adapter that the servers have; empty for the model as it is."""
        self._use(adapter)
        return self._runner(keys)

    def play_shuffled(self, keys: Sequence[Key], adapter: str) -> list[Trajectory]:
        """Rollouts of one question on shuffled frames, for rewards that compare with them."""
        self._use(adapter)
        return self._runner.shuffled(keys)

    def _use(self, adapter: str) -> None:
        if adapter:
            _get_servers(self._sampler).use(adapter)


class RayRollouts(RolloutRunner):
    """A `RolloutRunner` whose rollouts are played by actors."""

    def __init__(self, questions: TrainingQuestions, training: Training, sampler: TrainingSampler, ray: Any) -> None:
        """Starts the actors.

        Args:
            questions: the questions.
            training: the training file, which the actors open for themselves.
            sampler: the sampler of this process, whose engine learns which adapter is in use.
            ray: the module, connected to a cluster.
        """
        super().__init__(questions, training.run_settings(sampler), sampler, training.play.game)
        self._ray, self._servers = ray, _get_servers(sampler)
        start = ray.remote(num_cpus=1, max_restarts=RETRIES, max_task_retries=RETRIES)(RolloutWorker).remote
        self._actors = [start(training, str(Path.cwd())) for _ in range(training.engine.ray_workers)]

    def __call__(self, wanted: Sequence[Key]) -> list[Rollout]:
        """A rollout of each (question id, sample number), in order.

        Raises:
            ValueError: a run is wanted twice.
            PolicyError: the engine failed, or an actor died again and again.
        """
        return self._share_out(wanted, "play")

    def shuffled(self, wanted: Sequence[Key]) -> list[Trajectory]:
        """Rollouts on shuffled frames, for rewards that compare with them; errors as of a call."""
        return self._share_out(wanted, "play_shuffled")

    def _share_out(self, wanted: Sequence[Key], way: str) -> list[Any]:
        """What the actors give for each key, in order: the keys of a question to one actor, the next to one that is
        idle."""
        if len(set(wanted)) < len(wanted):
            raise ValueError(f"each run can be played once, got {list(wanted)}")
        jobs = [
            list(keys) for _, keys in groupby(sorted(wanted, key=_order_by_question(wanted)), key=lambda key: key[0])
        ]
        idle, playing, done = list(self._actors), dict[Any, tuple[Any, list[Key]]](), dict[Key, Any]()
        with self.sampler.watch.playing(1, 1), self.sampler.watch.waiting():
            while jobs or playing:
                while jobs and idle:
                    actor, keys = idle.pop(), jobs.pop(0)
                    playing[getattr(actor, way).remote(keys, self._servers.adapter)] = (actor, keys)
                (ended,), _ = self._ray.wait(list(playing), num_returns=1)
                actor, keys = playing.pop(ended)
                idle.append(actor)
                done |= zip(keys, self._fetch(ended), strict=True)
                self.on_run(len(done), len(wanted))
        return [done[key] for key in wanted]

    def _fetch(self, ended: Any) -> Any:
        try:
            return self._ray.get(ended)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayError as error:
            raise PolicyError(f"an actor that played rollouts died, again and again: {error}") from error


def _order_by_question(wanted: Sequence[Key]) -> Callable[[Key], int]:
    """A sorting key by which those of a question stand together, the questions in the order in which they came."""
    places = {question: place for place, (question, _) in reversed(list(enumerate(wanted)))}
    return lambda key: places[key[0]]


@contextmanager
def open_rollouts(
    training: Training, questions: TrainingQuestions, sampler: TrainingSampler
) -> Iterator[RolloutRunner]:
    """A context with what plays the rollouts of a training: this process, or actors of the cluster that it names.

    Args:
        training: the training file.
        questions: its questions.
        sampler: its sampler.

    Raises:
        ValueError: there is no such cluster.
        MissingPartError: Ray is not installed.
    """
    if not training.engine.ray:
        yield RolloutRunner(questions, training.run_settings(sampler), sampler, training.play.game)
        return
    with open_ray(training.engine.ray) as ray:
        yield RayRollouts(questions, training, sampler, ray)


def _get_servers(sampler: TrainingSampler) -> VllmServer | ServerPool:
    assert isinstance(sampler, EngineSampler), "a training file with `ray` has servers"
    assert isinstance(sampler.engine, VllmServer | ServerPool), "a training file with `ray` has servers"
    return sampler.engine
