"""Runs for training: the game that benchmarks play, with every token that went into the model and came out of it.

Nothing is rendered or tokenised again afterwards: the tokens of a run are the last prompt it was played with, which
begins with all that came before, and the reply to it. So what is trained on is what was played, pictures included.
"""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from agent.backends.batching import Batcher
from agent.backends.encoded import EncodedOnce
from agent.backends.transformers import Prompt, TransformersPolicy
from agent.backends.vision import QwenEyes, Seen
from agent.messages import Conversation
from agent.policy import PolicyOptions, Sight
from agent.tokens import Tokens
from agent.trajectory import Reply, Trajectory, Turn
from evals.controls.catalogue import control_named
from evals.example import Example
from evals.example_set import ExampleSet
from evals.playing import Game
from evals.run_file import Key
from rl.half_copy import HalfCopy
from rl.questions import Questions, SetQuestions
from rl.rewards.catalogue import is_broken_off
from rl.stopwatch import Stopwatch
from tools.workers import dismiss_workers


@dataclass(frozen=True)
class Rollout:
    """One run, and what it was for the model."""

    trajectory: Trajectory
    tokens: Tokens | None
    """Placeholders expanded, from the first of the prompt to the last that was sampled; None where none was."""
    pictures: tuple[Seen, ...] = ()
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


class Sampler(TransformersPolicy):
    """The policy in training: the one that serves, and it keeps what it was fed.

    While it plays its weights stay, so a tower of the Qwen-VL shape encodes each picture once, whichever runs show it.
    Before they change, it is told to `forget`.
    """

    _once: EncodedOnce | None = None

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
        self._half = HalfCopy(self.loaded.model) if is_half else None
        self.watch = Stopwatch()
        self._ask = WatchedBatcher(self.generate, options.concurrency, self.watch)
        self._kept: dict[Key, tuple[Tokens, tuple[Seen, ...]]] = {}
        self._here = threading.local()  # prompt and reply of one request belong to one thread

    def __call__(self, trajectory: Trajectory, sight: Sight) -> Turn:
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

    def prompt(self, conversation: Conversation, sight: Sight, seed: int) -> Prompt:
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
        if not isinstance(self.loaded.eyes, QwenEyes):
            return nullcontext()
        if self._once is None:
            self._once = EncodedOnce(self.model)
        return self._once.showing([seen for prompt in prompts for seen in prompt.seen])

    def _keep(self, key: Key, prompt: Prompt, reply: Reply) -> None:
        before = self._kept.get(key)
        if before is not None and prompt.tokens.ids[: len(before[0].ids)] != before[0].ids:
            return  # the second look at the evidence alone, a conversation of its own, which is not trained on
        self._kept[key] = (_answered(prompt.tokens, reply), prompt.seen)


class Rollouts:
    """Plays questions of a set as they are asked for. What is played at once shares videos and batches."""

    def __init__(self, asked_of: ExampleSet | Questions, game: Game, sampler: Sampler) -> None:
        """Plays nothing yet.

        Raises:
            ValueError: it is not the sampler that plays the game.
        """
        if game.policy is not sampler:
            raise ValueError(f"the game is played by {game.policy.spec}, whose tokens nobody keeps: give the sampler")
        self.sampler = sampler
        self.questions = SetQuestions(asked_of) if isinstance(asked_of, ExampleSet) else asked_of
        self.examples: Mapping[str, Example] = self.questions.examples
        """By the id of the question."""
        self._game = game

    def warm(self, question_id: str) -> None:
        """Leaves in the cache whatever opening the video of a question would have to compute."""
        self.questions.warm(question_id, self._game)

    def __call__(self, wanted: Sequence[Key]) -> list[Rollout]:
        """A run of each (question id, sample), in order; the sample tells the runs of a question apart, as a seed does.

        Raises:
            ValueError: a run is wanted twice.
        """
        played = self._played(wanted, self._game)
        return [self.sampler.taken(played[key]) for key in wanted]

    def shuffled(self, wanted: Sequence[Key]) -> list[Trajectory]:
        """The same on shuffled frames, for rewards that compare; these runs are not trained on.

        Raises:
            ValueError: a run is wanted twice.
        """
        played = self._played(wanted, replace(self._game, control=control_named("shuffled-frames")))
        return [self.sampler.taken(played[key]).trajectory for key in wanted]

    def _played(self, wanted: Sequence[Key], game: Game) -> dict[Key, Trajectory]:
        if len(set(wanted)) < len(wanted):
            raise ValueError(f"each run can be played once, got {list(wanted)}")
        played: dict[Key, Trajectory] = {}

        def keep(key: Key, trajectory: Trajectory) -> None:
            played[key] = trajectory
            self.sampler.watch.ended()

        at_once = self.sampler.options.concurrency
        dismiss_workers()  # of the update before, in this thread
        with self.sampler.watch.playing(len(wanted), at_once):
            self.questions.play(wanted, game, keep, at_once)
        return played


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
