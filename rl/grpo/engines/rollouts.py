"""Rollouts of a training file for another trainer: its engine samples, the graph plays, the preset rewards."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from agent.policies.local.image_processing import QwenImageProcessor
from agent.policy import PolicyError
from evals.runner.run_file import Key
from rl.grpo.config import Training
from rl.grpo.limits import check_room
from rl.grpo.opening import open_goal
from rl.grpo.rollout import RolloutRunner
from rl.grpo.rows import RolloutRow, make_idle_row, make_row
from rl.monitor.step_log import Say
from rl.rewards.groups import RunScore, check_preset, score_run
from rl.sampling.engine import Sampled, Sync
from rl.sampling.sampler import Rollout
from rl.sampling.vllm_sampler import EngineSampler

_THEIRS = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
"""Sampling parameters that the other trainer sets, as its loss knows of them."""

_NOT_OURS = "the weights of this engine are brought by its own trainer"

Answered = TypeVar("Answered")


class TrainerEngine:
    """An engine of another trainer, asked from the threads of rollouts by its client, which lives in an event loop."""

    is_shared = True

    def __init__(self, client: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Asks nothing yet.

        Args:
            client: the trainer's client of its engine.
            loop: the event loop in which the client is used.
        """
        self.client, self._loop = client, loop
        self.sampling: dict[str, Mapping[str, Any]] = {}
        """The trainer's sampling parameters by conversation."""

    def wait(self, answer: Awaitable[Answered]) -> Answered:
        """What the client answers; waits in a thread that is not the loop's."""

        async def awaited() -> Answered:
            return await answer

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result()

    def mix(self, ours: Mapping[str, Any], conversation: str) -> dict[str, Any]:
        """Our sampling parameters, with those that the trainer sets."""
        theirs = self.sampling.get(conversation, {})
        return {**ours, **{name: theirs[name] for name in _THEIRS if name in theirs}}

    def complete(
        self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any], conversation: str = ""
    ) -> Sampled:
        """Samples a completion of one prompt by the client."""
        raise NotImplementedError

    def end(self, conversation: str) -> None:
        """Forgets the sampling parameters of a conversation."""
        self.sampling.pop(conversation, None)

    def load(self, name: str, adapter: Path) -> None:
        """Refuses an adapter: the trainer brings the weights itself.

        Raises:
            PolicyError: always.
        """
        raise PolicyError(_NOT_OURS)

    def use(self, name: str) -> None:
        """Refuses to choose among adapters: the trainer has the weights.

        Raises:
            PolicyError: always.
        """
        raise PolicyError(_NOT_OURS)

    def forget(self, name: str) -> None:
        """Refuses to forget an adapter: the trainer has the weights.

        Raises:
            PolicyError: always.
        """
        raise PolicyError(_NOT_OURS)

    def weight_sync(self, rank: int) -> Sync:
        """Refuses to bring weights to the engine: the trainer does it.

        Raises:
            PolicyError: always.
        """
        raise PolicyError(_NOT_OURS)

    def close(self) -> None:
        """Does nothing: the engine is the trainer's."""


class EngineRollouts:
    """Plays and scores the questions of a training file, sampled by the engine of another trainer."""

    def __init__(self, training: Training, engine: TrainerEngine, say: Say) -> None:
        """Loads tokenizer and image processor, and opens the questions.

        Args:
            training: the training file; what it says of updates, engines and checkpoints is the other trainer's matter.
            engine: samples the replies.
            say: prints what is left out.

        Raises:
            ValueError: the file can't be used, or compares with runs on shuffled frames, or the model's pictures are
                not of the Qwen-VL shape.
            PolicyError: the model's files can't be had.
        """
        goal = open_goal(training, say)
        self.questions, self.preset = goal.questions, goal.preset
        self._credit = training.update.credit(self.preset)
        self.sampler = EngineSampler(training.model, training.play.options(training.seed), engine)
        eyes = self.sampler.loaded.eyes
        if eyes is not None and not isinstance(eyes, QwenImageProcessor):
            raise ValueError(f"{training.model}: other trainers are given pictures of the Qwen-VL shape alone")
        self.eyes = eyes
        check_preset(self.preset, self._credit, sees_pictures=eyes is not None)
        if self.preset.compares_shuffled:
            raise ValueError(f"{self.preset.name} compares with runs on shuffled frames, which our own trainer plays")
        if self._credit.turns != "alike":
            raise ValueError(
                f'turns = "{self._credit.turns}" gives each turn its advantage, which our own trainer does'
            )
        check_room(training, eyes, self.sampler.loaded.context_tokens)
        self._update = training.update
        self._runner = RolloutRunner(self.questions, training.run_settings(self.sampler), self.sampler)

    def play(self, wanted: Sequence[Key]) -> list[Rollout]:
        """A rollout of each (question id, number), in order; those of a question in one call share its video.

        Raises:
            ValueError: a question is not of this training file.
            PolicyError: the engine failed.
        """
        if unknown := [question for question, _ in wanted if question not in self.questions.examples]:
            raise ValueError(f"no question {unknown[0]!r} in the data of the training file")
        return self._runner(wanted)

    def score(self, rollout: Rollout) -> RunScore:
        """What a rollout earned by itself."""
        example = self.questions.examples[rollout.trajectory.question.id]
        return score_run(self.preset, example, rollout.trajectory, self._credit)

    def make_row(self, rollout: Rollout, room: tuple[int, int] | None = None) -> RolloutRow:
        """The tokens of a rollout; two with mask 0 where it is not trained on, as where the trainer has no room.

        Args:
            rollout: the rollout.
            room: most tokens before the first reply, and from there on; None where only the training file bounds them.
        """
        filler = self.sampler.loaded.ends[0]
        row = make_row(rollout, filler, self._update.max_tokens, mask_cut=self._update.mask_cut)
        if room is not None and (len(row.prompt) > room[0] or len(row.completion) > room[1]):
            return make_idle_row(filler)
        return row


def name_conversation(key: Key) -> str:
    """The name by which the sampler asks the engine in a run."""
    return f"{key[0]}#{key[1]}"
