"""The sampler of rollouts: what a policy's next turn is drawn with."""

import threading
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from agent.policies.local.batching import Batcher
from agent.policies.local.image_processing import ProcessedImage, QwenImageProcessor
from agent.policies.local.vision_cache import VisionFeatureCache
from agent.policies.transformers import Prompt, TransformersPolicy
from agent.policy import PolicyOptions, ToolAccess
from agent.rendering.messages import Conversation
from agent.rendering.tokens import Tokens
from agent.trajectory import Reply, Trajectory, Turn
from evals.runner.run_file import Key
from rl.monitor.stopwatch import Stopwatch
from rl.rewards.catalogue import is_broken_off
from rl.sampling.bf16_copy import Bf16Copy


@dataclass(frozen=True)
class Rollout:
    """One run, and what it was for the model."""

    trajectory: Trajectory
    tokens: Tokens | None
    """Placeholders expanded, from the first of the prompt to the last that was sampled; None where none was."""
    pictures: tuple[ProcessedImage, ...] = ()
    """As the model saw them, in the order of their tokens."""

    @property
    def counts(self) -> bool:
        """Whether it can be learned from: it ended by the policy's own doing."""
        return self.tokens is not None and not is_broken_off(self.trajectory)

    @property
    def is_cut(self) -> bool:
        """Whether its last reply ran into the limit of tokens."""
        reply = self.trajectory.steps[-1].turn.reply if self.trajectory.steps else None
        return reply is not None and reply.is_cut


class WatchedBatcher(Batcher[Prompt, Reply]):
    """Tells a stopwatch who waits for the model."""

    def __init__(self, run: Callable[[Sequence[Prompt]], Sequence[Reply]], size: int, watch: Stopwatch) -> None:
        super().__init__(run, size, in_play=watch.in_play)
        self._watch = watch

    def __call__(self, request: Prompt) -> Reply:
        """The reply."""
        with self._watch.waiting():
            return super().__call__(request)


class TrainingSampler(TransformersPolicy):
    """The policy in training: the one that serves, and it keeps what it was fed.

    While it plays its weights stay, so a tower of the Qwen-VL shape encodes each picture once, whichever runs show it.
    Before they change, it is told to `forget`.
    """

    _once: VisionFeatureCache | None = None

    def __init__(self, where: str, options: PolicyOptions, *, is_half: bool = False) -> None:
        """Loads the model; errors as `TransformersPolicy`.

        Args:
            where: as `TransformersPolicy`.
            options: as `TransformersPolicy`.
            is_half: a copy in bfloat16 plays for it.

        Raises:
            ValueError: the options would take back what the model was shown, or always give the same run.
        """
        if options.max_pictures is not None:
            raise ValueError("max_pictures leaves out pictures shown before, and a run is trained on as one: drop it")
        if options.temperature == 0:
            raise ValueError("with temperature 0 all runs of a group are the same: give one above it, e.g. 1.0")
        super().__init__(where, options)
        self._half = Bf16Copy(self.loaded.model) if is_half else None
        self.watch = Stopwatch()
        self._ask = WatchedBatcher(self.generate, options.concurrency, self.watch)
        self._kept: dict[Key, tuple[Tokens, tuple[ProcessedImage, ...]]] = {}
        self._here = threading.local()  # prompt and reply of one request belong to one thread

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """The next turn."""
        turn = super().__call__(trajectory, sight)
        assert turn.reply is not None, "a model in process replies"
        self._keep((trajectory.question.id, trajectory.sample), self._here.prompt, turn.reply)
        return turn

    @property
    def model(self) -> Any:
        """What generates."""
        return self.loaded.model if self._half is None else self._half.model

    @property
    def is_half(self) -> bool:
        """Whether a copy plays, which has to follow."""
        return self._half is not None

    def follow(self) -> None:
        """Plays from now on with the weights that training has come to."""
        if self._half is not None:
            self._half.follow()

    def forget(self) -> None:
        """Nothing of the pictures that were encoded is kept: the weights will change."""
        if self._once is not None:
            self._once.forget()

    def prompt(self, conversation: Conversation, sight: ToolAccess, seed: int) -> Prompt:
        """A conversation as the model takes it."""
        self._here.prompt = super().prompt(conversation, sight, seed)
        return self._here.prompt  # type: ignore[no-any-return]

    def generate(self, prompts: Sequence[Prompt]) -> list[Reply]:
        """A reply to each prompt, once for those that are the same in all; timed."""
        places: dict[Hashable, int] = {}
        place_of = [places.setdefault((p.tokens.ids, p.draw, tuple(map(id, p.seen))), len(places)) for p in prompts]
        different = [prompts[place_of.index(place)] for place in range(len(places))]
        with self.watch.generating(), self._showing(different):
            replies = super().generate(different)
        return [replies[place] for place in place_of]

    def taken(self, trajectory: Trajectory) -> Rollout:
        """A run that has ended, with its tokens; they are kept no longer."""
        kept = self._kept.pop((trajectory.question.id, trajectory.sample), None)
        return Rollout(trajectory, None) if kept is None else Rollout(trajectory, *kept)

    def _showing(self, prompts: Sequence[Prompt]) -> AbstractContextManager[None]:
        """Within, the tower is given the pictures of these prompts."""
        if not isinstance(self.loaded.eyes, QwenImageProcessor):
            return nullcontext()
        if self._once is None:
            self._once = VisionFeatureCache(self.model)
        return self._once.showing([seen for prompt in prompts for seen in prompt.seen])

    def _keep(self, key: Key, prompt: Prompt, reply: Reply) -> None:
        before = self._kept.get(key)
        if before is not None and prompt.tokens.ids[: len(before[0].ids)] != before[0].ids:
            return  # the second look at the evidence alone, a conversation of its own, which is not trained on
        self._kept[key] = (_answered(prompt.tokens, reply), prompt.seen)


def _answered(prompt: Tokens, reply: Reply) -> Tokens:
    ids = reply.token_ids or ()
    count = len(ids)
    return replace(
        prompt,
        ids=prompt.ids + ids,
        sampled=prompt.sampled + (True,) * count,
        logprobs=prompt.logprobs + (reply.logprobs or (None,) * count),
        is_placeholder=prompt.is_placeholder + (False,) * count,
    )
