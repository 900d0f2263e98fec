"""A generator for SkyRL (read: 0.3.0), which an entry point of one's own gives it:

    class Experiment(BasePPOExp):
        def get_generator(self, cfg, tokenizer, inference_engine_client):
            return SleuthGenerator("train.toml", inference_engine_client)

with the rows that `rl.grpo.engines.rows` writes as data, and servers that make pictures as large as
`rl.sampling.vllm_server` describes. SkyRL sets temperature, updates the weights and compares the runs of a question;
the training file says what is asked, played and rewarded. Its `update.max_tokens` is at most SkyRL's `max_seq_len`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agent.policies.local.image_processing import decode_picture
from agent.policy import PolicyError
from agent.rendering.data_uri import make_jpeg_uri
from agent.terminal import tell
from evals.runner.run_file import Key
from rl.grpo.config import read_training
from rl.grpo.engines.rollouts import EngineRollouts, TrainerEngine, name_conversation
from rl.grpo.rows import RolloutRow
from rl.sampling.engine import Sampled
from rl.sampling.sampler import Rollout


class SkyRLEngine(TrainerEngine):
    """SkyRL's client of its vLLM servers."""

    def complete(
        self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any], conversation: str = ""
    ) -> Sampled:
        """Samples a completion; pictures are rendered by the servers, which say how many tokens they are."""
        ids, features = tuple(prompt_ids), None
        if jpegs:
            ids, features = place_pictures(ids, self.wait(self.client.render_chat_completion(self._show(jpegs))))
        asked = {
            "prompt_token_ids": [list(ids)],
            "session_ids": [conversation],
            "sampling_params": self.mix(sampling, conversation) | {"logprobs": 1},
            "mm_features": None if features is None else [features],
        }
        told = self.wait(self.client.generate(asked))
        logprobs = told["response_logprobs"]
        if not logprobs or not told["response_ids"][0]:
            raise PolicyError(f"SkyRL's engine gave no tokens with their probabilities: {told['stop_reasons'][0]}")
        is_cut = told["stop_reasons"][0] == "length"
        return Sampled(ids, tuple(told["response_ids"][0]), tuple(logprobs[0]), is_cut)

    def end(self, conversation: str) -> None:
        """Gives the server free that the conversation was on."""
        super().end(conversation)
        self.wait(self.client.finish_session(conversation))

    def _show(self, jpegs: Sequence[bytes]) -> dict[str, Any]:
        parts = [{"type": "image_url", "image_url": {"url": make_jpeg_uri(jpeg)}} for jpeg in jpegs]
        return {"json": {"model": self.client.model_name, "messages": [{"role": "user", "content": parts}]}}


def place_pictures(ids: Sequence[int], rendered: Mapping[str, Any]) -> tuple[tuple[int, ...], dict[str, Any]]:
    """A prompt with every picture expanded as a server rendered it, and the server's features at their new places.

    Args:
        ids: token ids with one placeholder for each picture.
        rendered: the server's rendering of a message that has the pictures and nothing else.

    Raises:
        PolicyError: the server rendered other pictures than the prompt has.
    """
    features, told = rendered["features"], rendered["token_ids"]
    spans = [tuple(told[one["offset"] : one["offset"] + one["length"]]) for one in features["mm_placeholders"]["image"]]
    whole: list[int] = []
    places: list[dict[str, int]] = []
    for token in ids:
        if len(places) < len(spans) and token == spans[len(places)][0]:
            places.append({"offset": len(whole), "length": len(spans[len(places)])})
            whole += spans[len(places) - 1]
        else:
            whole.append(token)
    if len(places) < len(spans):
        raise PolicyError(f"SkyRL's engine rendered {len(spans)} pictures, of which the prompt has {len(places)}")
    return tuple(whole), {**features, "mm_placeholders": {"image": places}}


class SleuthGenerator:
    """The graph as a generator: stands where SkyRL has a `GeneratorInterface`, whose `generate` it has."""

    def __init__(self, training: str | Path, client: Any) -> None:
        """Opens nothing yet.

        Args:
            training: path of the training file; its `play.concurrency` runs are played at the same time.
            client: SkyRL's client of its engines.
        """
        self._training, self._client = Path(training), client
        self._numbers = count()
        self._opened: tuple[SkyRLEngine, EngineRollouts] | None = None

    async def generate(self, input_batch: Mapping[str, Any]) -> dict[str, Any]:
        """Plays the questions of a batch; gives SkyRL's `GeneratorOutput`, in the order of the batch.

        Args:
            input_batch: SkyRL's `GeneratorInput`; `question` in `env_extras` is the id of the question.

        Raises:
            PolicyError: the engine failed.
        """
        loop = asyncio.get_running_loop()
        if self._opened is None:
            engine = SkyRLEngine(self._client, loop)
            self._opened = engine, EngineRollouts(read_training(self._training), engine, tell)
        engine, rollouts = self._opened
        keys = [(str(extra["question"]), next(self._numbers)) for extra in input_batch["env_extras"]]
        engine.sampling |= {name_conversation(key): input_batch["sampling_params"] or {} for key in keys}
        played = await loop.run_in_executor(None, rollouts.play, keys)
        return await loop.run_in_executor(None, self._hand_over, rollouts, keys, played, input_batch)

    def _hand_over(
        self, rollouts: EngineRollouts, keys: Sequence[Key], played: Sequence[Rollout], batch: Mapping[str, Any]
    ) -> dict[str, Any]:
        rewards = score_batch(rollouts, keys, played)
        rows = [
            rollouts.make_row(rollout).mask_turns(len(rollout.trajectory.steps) * (reward is None))
            for rollout, reward in zip(played, rewards, strict=True)
        ]
        return {
            "prompt_token_ids": [list(row.prompt) for row in rows],
            "response_ids": [list(row.completion) for row in rows],
            "rewards": fill_in(keys, rewards),
            "loss_masks": [list(row.mask) for row in rows],
            "stop_reasons": ["stop" if row.is_trained_on else "length" for row in rows],
            "rollout_metrics": {
                "videosleuth/unmeasured": float(np.mean([reward is None for reward in rewards])),
                "videosleuth/trained_on": float(np.mean([row.is_trained_on for row in rows])),
            },
            "rollout_logprobs": [list(row.logprobs) for row in rows],
            "trajectory_ids": batch.get("trajectory_ids"),
            "trajectory_generation_times": [rollout.trajectory.seconds for rollout in played],
            "rollout_expert_indices": None,
            "is_last_step": None,
            "env_metrics": None,
            **gather_pixels(rollouts, rows),
        }


def score_batch(rollouts: EngineRollouts, keys: Sequence[Key], played: Sequence[Rollout]) -> list[float | None]:
    """The reward of each rollout among those of its question; None where it does not count.

    Args:
        rollouts: scores a rollout, by its preset.
        keys: question and number of each rollout.
        played: the rollouts.
    """
    places: dict[str, list[int]] = {}
    for place, (question, _) in enumerate(keys):
        places.setdefault(question, []).append(place)
    rewards: dict[int, float | None] = {}
    for group in places.values():
        components = [rollouts.score(played[place]).components for place in group]
        rewards |= zip(group, rollouts.preset.compare(components).totals_G, strict=True)
    return [rewards[place] for place in range(len(played))]


def fill_in(keys: Sequence[Key], rewards: Sequence[float | None]) -> list[float]:
    """The rewards, with the mean of its question for a run that does not count: so it moves no other run's advantage.

    A trainer that compares runs knows none without a reward.
    """
    known: dict[str, list[float]] = {}
    for (question, _), reward in zip(keys, rewards, strict=True):
        known.setdefault(question, []).extend(() if reward is None else (reward,))
    return [
        reward if reward is not None else float(np.mean(known[question] or [0.0]))
        for (question, _), reward in zip(keys, rewards, strict=True)
    ]


def gather_pixels(rollouts: EngineRollouts, rows: Sequence[RolloutRow]) -> dict[str, list[torch.Tensor] | None]:
    """Pixels and grids of the pictures of each row, as our own prompts are made; None where no row has any.

    SkyRL takes pixels, 5.4 MB for a picture of 640x360, where our own trainer makes them for each micro-batch.
    """
    eyes = rollouts.eyes
    if eyes is None or not any(row.pictures for row in rows):
        return {"pixel_values": None, "image_grid_thw": None}
    looked = [[eyes.look(decode_picture(one.jpeg)) for one in row.pictures] for row in rows]
    width = next(one for row in looked for one in row).inputs["pixel_values"].shape[1]
    none = {"pixel_values": torch.zeros(0, width), "image_grid_thw": torch.zeros(0, 3, dtype=torch.int64)}
    gathered = [eyes.gather([row]) or none for row in looked]
    return {name: [one[name] for one in gathered] for name in none}
