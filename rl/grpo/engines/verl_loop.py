"""An agent loop for verl (read and tried: 0.9.1), which it finds by the file that `agent_loop_config_path` names:

    - name: videosleuth
      _target_: rl.grpo.engines.verl_loop.SleuthAgentLoop
      training: /where/train.toml

with `default_agent_loop: videosleuth`, `rollout.name: vllm`, and the rows that `rl.grpo.engines.rows` writes as data.
verl sets temperature and lengths, updates the weights and compares the runs of a question; the training file says what
is asked, played and rewarded.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from agent.policies.local.image_processing import QwenImageProcessor, decode_picture
from agent.policy import PolicyError
from agent.terminal import tell
from rl.grpo.config import read_training
from rl.grpo.engines.rollouts import EngineRollouts, TrainerEngine, name_conversation
from rl.rewards.turns import own_steps
from rl.sampling.engine import Sampled
from rl.sampling.sampler import Rollout

_TRIES = 3
"""Times that a run is played which can't be measured."""


class VerlEngine(TrainerEngine):
    """verl's `LLMServerClient`, for vLLM servers."""

    eyes: QwenImageProcessor | None = None
    """The model's image processor, by which pictures are sent."""

    def complete(
        self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any], conversation: str = ""
    ) -> Sampled:
        """Samples a completion; verl's servers do not say which prompt they made of it."""
        told = self.wait(
            self.client.generate(
                request_id=conversation,
                prompt_ids=list(prompt_ids),
                sampling_params=self.mix(sampling, conversation) | {"logprobs": True},
                image_data=show_pictures(self.eyes, jpegs),
                mm_processor_kwargs=choose_sizes(self.eyes),
            )
        )
        ids, logprobs = tuple(told.token_ids), told.log_probs
        if not ids or logprobs is None:
            raise PolicyError(
                f"verl's server gave no tokens with their probabilities: it stopped as {told.stop_reason}"
            )
        is_cut = len(ids) >= sampling["max_tokens"] and ids[-1] not in sampling["stop_token_ids"]
        return Sampled(None, ids, tuple(logprobs), is_cut)


class SleuthAgentLoop:
    """The graph as an agent loop: stands where verl has an `AgentLoopBase`, whose arguments and `run` it has."""

    def __init__(self, training: str, trainer_config: Any, server_manager: Any, **_: Any) -> None:
        """Takes verl's arguments; one object plays one run, and what is loaded serves all of them.

        Args:
            training: path of the training file.
            trainer_config: verl's configuration, in a wrapper.
            server_manager: verl's client of its servers.
        """
        self._rollout_config = trainer_config.config.actor_rollout_ref.rollout
        self._training, self._client = training, server_manager

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> Any:
        """Plays the question of a row; gives verl's `AgentLoopOutput`.

        Args:
            sampling_params: verl's sampling parameters.
            row: the columns of the row; `question` is the id of the question.

        Raises:
            ValueError: the training file can't be used here.
            PolicyError: the engine failed, or the run could not be measured, again and again.
        """
        loop = asyncio.get_running_loop()
        engine, rollouts = _open_once(self._training, self._client, loop)
        return await loop.run_in_executor(None, self._play, engine, rollouts, str(row["question"]), sampling_params)

    def _play(self, engine: VerlEngine, rollouts: EngineRollouts, question: str, sampling: Mapping[str, Any]) -> Any:
        for _ in range(_TRIES):
            key = question, secrets.randbits(31)  # part of the seed: the runs of a group may lie in several processes
            engine.sampling[name_conversation(key)] = sampling
            [rollout] = rollouts.play([key])
            score = rollouts.score(rollout)
            [reward] = rollouts.preset.compare([score.components]).totals_G
            if reward is not None:
                return self._hand_over(rollouts, rollout, reward, score.answer)
        # verl has no run without a reward, and a 0 would push the other runs of the group up
        why = rollout.trajectory.error or f"its components are {score.components}"
        raise PolicyError(f"a run of {question} could not be measured {_TRIES} times: {why}")

    def _hand_over(self, rollouts: EngineRollouts, rollout: Rollout, reward: float, answer: float | None) -> Any:
        verl: Any = import_module("verl.experimental.agent_loop.agent_loop")
        config, run = self._rollout_config, rollout.trajectory
        row = rollouts.make_row(rollout, (config.prompt_length, config.response_length))
        thinking = sum(step.turn.usage.seconds for step in run.steps)
        return verl.AgentLoopOutput(
            prompt_ids=list(row.prompt),
            response_ids=list(row.completion),
            response_mask=list(row.mask),
            response_logprobs=list(row.logprobs),
            multi_modal_data={"images": show_pictures(rollouts.eyes, [one.jpeg for one in row.pictures])},
            mm_processor_kwargs=choose_sizes(rollouts.eyes),
            reward_score=reward,
            num_turns=2 * len(own_steps(run)),
            metrics=verl.AgentLoopMetrics(generate_sequences=thinking, tool_calls=run.seconds - thinking),
            extra_fields={
                "turn_scores": [],
                "tool_rewards": [],
                "reward_extra_info": {"answer": answer or 0.0, "trained_on": float(row.is_trained_on)},
            },
        )


def show_pictures(eyes: QwenImageProcessor | None, jpegs: Sequence[bytes]) -> list[Any] | None:
    """The pictures of a prompt as its model's own processor takes them; None where there are none."""
    return None if eyes is None or not jpegs else [eyes.thicken(decode_picture(jpeg)) for jpeg in jpegs]


def choose_sizes(eyes: QwenImageProcessor | None) -> dict[str, Any]:
    """Settings of the model's own processor under which pictures get as many tokens as in our prompts."""
    return {} if eyes is None else {"size": dict(eyes.size)}


_opened: dict[str, tuple[VerlEngine, EngineRollouts]] = {}
"""What runs of this process share, by training file."""


def _open_once(training: str, client: Any, loop: asyncio.AbstractEventLoop) -> tuple[VerlEngine, EngineRollouts]:
    if training not in _opened:
        engine = VerlEngine(client, loop)
        rollouts = EngineRollouts(read_training(Path(training)), engine, tell)
        if rollouts.preset.recipe.group_terms:
            raise ValueError(
                f"{rollouts.preset.name} compares the runs of a question, and verl asks for them one by one"
            )
        engine.eyes = rollouts.eyes
        _opened[training] = engine, rollouts
    return _opened[training]
