"""The policy in training as a sampler: it keeps the tokens, log-probabilities and pictures of its rollouts."""

import threading
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch

from agent.policies.local.batching import Batcher
from agent.policies.local.image_processing import JpegImage, QwenImageProcessor
from agent.policies.local.vision_cache import VisionFeatureCache
from agent.policies.transformers import Prompt, TransformersPolicy
from agent.policy import ContextFullError, PolicyOptions, ToolAccess
from agent.rendering.messages import Conversation
from agent.rendering.tokens import Tokens
from agent.trajectory import Reply, Stop, Trajectory, Turn
from evals.runner.run_file import Key
from rl.monitor.stopwatch import Stopwatch
from rl.rewards.catalogue import is_broken_off
from rl.sampling.bf16_copy import Bf16Copy


@dataclass(frozen=True)
class Rollout:
    """One trajectory with the tokens and pictures that the model read and sampled."""

    trajectory: Trajectory
    tokens: Tokens | None
    """Tokens from the first of the prompt to the last sampled one, placeholders expanded; None where none was
    sampled."""
    pictures: tuple[JpegImage, ...] = ()
    """Pictures that the model saw, in the order of their tokens."""

    @property
    def counts(self) -> bool:
        """Whether the rollout can be trained on: it did not break off, as by a crash."""
        return self.tokens is not None and not is_broken_off(self.trajectory)

    @property
    def is_cut(self) -> bool:
        """Whether the last reply ran into the limit of tokens."""
        reply = self.trajectory.steps[-1].turn.reply if self.trajectory.steps else None
        return reply is not None and reply.is_cut


class WatchedBatcher(Batcher[Prompt, Reply]):
    """A batcher that tells a stopwatch which runs wait for the model."""

    def __init__(self, run: Callable[[Sequence[Prompt]], Sequence[Reply]], size: int, watch: Stopwatch) -> None:
        super().__init__(run, size, in_play=watch.count_active)
        self._watch = watch

    def __call__(self, request: Prompt) -> Reply:
        """The reply to one prompt, generated in a batch with others."""
        with self._watch.waiting():
            return super().__call__(request)


class TrainingSampler(TransformersPolicy):
    """The policy in training: `TransformersPolicy`, which also keeps the tokens of its rollouts.

    Weights stay while it samples, so a vision tower of the Qwen-VL shape encodes each picture once, whichever runs show
    it. Call `forget` before they change.
    """

    _once: VisionFeatureCache | None = None

    def __init__(self, where: str, options: PolicyOptions, *, is_half: bool = False) -> None:
        """Loads the model; further errors as those of `TransformersPolicy`.

        Args:
            where: folder or hub id of the model, or `smollm2`, for `TransformersPolicy`.
            options: sampling options.
            is_half: whether a copy in bfloat16 generates.

        Raises:
            ValueError: the options would drop pictures shown before, or always give the same run.
        """
        if options.max_pictures is not None:
            raise ValueError("max_pictures leaves out pictures shown before, and a run is trained on as one: drop it")
        if options.temperature == 0:
            raise ValueError("with temperature 0 all runs of a group are the same: give one above it, e.g. 1.0")
        super().__init__(where, options)
        self._half = Bf16Copy(self.loaded.model) if is_half else None
        if isinstance(self.loaded.eyes, QwenImageProcessor) and self.model is not None:
            self._once = VisionFeatureCache(self.model, self._make_pixels)
        self.watch = Stopwatch()
        self._ask = WatchedBatcher(self.generate, options.concurrency, self.watch)
        self._kept: dict[Key, tuple[Tokens, tuple[JpegImage, ...]]] = {}
        self.autocast: Callable[[], AbstractContextManager[object]] = nullcontext
        """A context in which products are computed in the precision of the loss."""
        self.awake: Callable[[], AbstractContextManager[object]] = nullcontext
        """A context in which an engine that sleeps during the update can be asked, and takes weights."""
        self._full: set[Key] = set()
        """Runs whose own calls have filled the model's context."""
        self._here = threading.local()  # prompt and reply of one request belong to one thread

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """Samples the next turn, and keeps its tokens."""
        key = (trajectory.question.id, trajectory.sample)
        try:
            turn = super().__call__(trajectory, sight)
        except ContextFullError:
            if key in self._kept:  # by its own calls
                self._full.add(key)
            raise
        assert turn.reply is not None, "a model in process replies"
        self._keep(key, self._here.prompt, turn.reply)
        return turn

    @property
    def model(self) -> Any:
        """The model that generates: the one in training, or its bfloat16 copy."""
        return self.loaded.model if self._half is None else self._half.model

    @property
    def is_half(self) -> bool:
        """Whether a bfloat16 copy generates, which has to `follow`."""
        return self._half is not None

    def follow(self) -> None:
        """Copies the current weights to the bfloat16 copy, if one generates."""
        if self._half is not None:
            self._half.follow()

    def forget(self) -> None:
        """Empties the cache of encoded pictures, because the weights will change."""
        if self._once is not None:
            self._once.forget()

    def prompt(self, conversation: Conversation, sight: ToolAccess, seed: int) -> Prompt:
        """The prompt of a conversation in tokens and pictures; kept for the record of the turn.

        Args:
            conversation: the messages so far.
            sight: the pictures behind the references.
            seed: seed of the request.
        """
        self._here.prompt = super().prompt(conversation, sight, seed)
        return self._here.prompt  # type: ignore[no-any-return]

    def generate(self, prompts: Sequence[Prompt]) -> list[Reply]:
        """A reply to each prompt, generated once for prompts that are equal, seed included; timed."""
        places: dict[Hashable, int] = {}
        place_of = [places.setdefault((p.tokens.ids, p.draw, p.seen), len(places)) for p in prompts]
        different = [prompts[place_of.index(place)] for place in range(len(places))]
        with self.watch.generating(), self._showing(different), self.autocast():
            replies = super().generate(different)
        return [replies[place] for place in place_of]

    def taken(self, trajectory: Trajectory) -> Rollout:
        """The rollout of a run that has ended; its tokens are kept no longer.

        A run that filled the model's context by its own calls has reached a limit, as one of turns, and counts.
        """
        key = (trajectory.question.id, trajectory.sample)
        kept = self._kept.pop(key, None)
        if key in self._full:
            self._full.discard(key)
            trajectory = replace(trajectory, stop=Stop.TOKEN_LIMIT) if trajectory.answer is None else trajectory
        if kept is None or (trajectory.stop is Stop.TIME_LIMIT and not _ends_so(kept[0], trajectory)):
            return Rollout(trajectory, None)
        return Rollout(trajectory, *kept)

    def gather_pictures(self, rows: Sequence[Sequence[JpegImage]]) -> dict[str, torch.Tensor]:
        """The picture inputs of a batch of rows: of what the vision cache is shown, grids alone."""
        seen = [one for row in rows for one in row]
        if self._once is None or not self._once.is_showing or not seen:
            return super().gather_pictures(rows)
        # the model asks for features where there are any pixels, and the cache knows of which pictures
        return {"pixel_values": torch.empty(0, 1), "image_grid_thw": torch.tensor([one.grid for one in seen])}

    def _make_pixels(self, seen: Sequence[JpegImage]) -> torch.Tensor:
        pixels: torch.Tensor = super().gather_pictures([seen])["pixel_values"]
        return pixels

    def _process(self, seen: Sequence[JpegImage]) -> None:
        """Makes the pixels of the pictures whose features are not kept."""
        super()._process([one for one in seen if self._once is None or one.jpeg not in self._once])

    def _showing(self, prompts: Sequence[Prompt]) -> AbstractContextManager[None]:
        """A context within which the vision tower encodes the pictures of these prompts through the cache."""
        if self._once is None:
            return nullcontext()
        self._once.most_pictures = max(
            self._once.most_pictures, self.options.concurrency * max(len(prompt.seen) for prompt in prompts)
        )
        return self._once.showing([seen for prompt in prompts for seen in prompt.seen])

    def _keep(self, key: Key, prompt: Prompt, reply: Reply) -> None:
        before = self._kept.get(key)
        if before is not None and prompt.tokens.ids[: len(before[0].ids)] != before[0].ids:
            return  # the second look at the evidence alone, a conversation of its own, which is not trained on
        self._kept[key] = (_append_reply(prompt.tokens, reply), prompt.seen)


def _ends_so(tokens: Tokens, trajectory: Trajectory) -> bool:
    """Whether tokens end with the last reply of a run: one that came when its time was over is in none."""
    reply = trajectory.steps[-1].turn.reply if trajectory.steps else None
    ids = () if reply is None else reply.token_ids or ()
    return bool(ids) and tokens.ids[-len(ids) :] == ids


def _append_reply(prompt: Tokens, reply: Reply) -> Tokens:
    ids = reply.token_ids or ()
    count = len(ids)
    return replace(
        prompt,
        ids=prompt.ids + ids,
        sampled=prompt.sampled + (True,) * count,
        logprobs=prompt.logprobs + (reply.logprobs or (None,) * count),
        is_placeholder=prompt.is_placeholder + (False,) * count,
    )
