"""The policy in training, sampled by a separate engine: the same prompts and records, its tokens from vLLM.

The model in training is loaded here too; it tokenises prompts, and is trained on the tokens. As two programs never
compute quite the same, the probability with which each token was sampled is kept, and the loss is corrected by it.
"""

from collections.abc import Sequence
from typing import Any

from agent.policies.transformers import Prompt
from agent.policy import PolicyError, PolicyOptions, ToolAccess
from agent.rendering.messages import STOP_STRINGS, Conversation
from agent.rendering.tokens import fetch_pictures
from agent.trajectory import Reply, Trajectory
from rl.sampling.engine import SamplingEngine
from rl.sampling.sampler import Rollout, TrainingSampler

_NEVER_BIAS = -100.0
"""Logit bias of vision tokens, the lowest that vLLM takes; a sampled one would be a picture without pixels."""


class EngineSampler(TrainingSampler):
    """A `TrainingSampler` that asks an engine for every reply."""

    def __init__(self, where: str, options: PolicyOptions, engine: SamplingEngine) -> None:
        """Loads the model in training; arguments and errors as those of `TrainingSampler`."""
        super().__init__(where, options)
        self.engine: SamplingEngine = engine
        self._failure: PolicyError | None = None
        self._ask = self._ask_engine  # type: ignore[assignment]  # no batches here: the engine makes them itself

    def prompt(self, conversation: Conversation, sight: ToolAccess, seed: int) -> Prompt:
        """The prompt of a conversation; its JPEGs are kept to be sent.

        Args:
            conversation: the messages so far.
            sight: the pictures behind the references.
            seed: seed of the request.
        """
        made = super().prompt(conversation, sight, seed)
        self._here.jpegs = fetch_pictures(conversation, sight.picture).jpegs if made.seen else ()
        return made

    def taken(self, trajectory: Trajectory) -> Rollout:
        """The rollout of a run that has ended; its tokens are kept no longer.

        Raises:
            PolicyError: the engine failed in one of the runs. That is no fault of the policy, and a training that
                went on would learn from whatever runs are left.
        """
        if self._failure is not None:
            raise self._failure
        return super().taken(trajectory)

    def sampling(self, prompt: Prompt) -> dict[str, Any]:
        """Arguments of vLLM's `SamplingParams` for the reply to a prompt."""
        return {
            "temperature": prompt.draw.temperature,
            "top_p": prompt.draw.top_p,
            "seed": prompt.draw.seed,
            "max_tokens": self.options.max_reply_tokens,
            "stop": list(STOP_STRINGS),
            "stop_token_ids": list(self.loaded.ends),
            "skip_special_tokens": False,  # what was sampled is what is on record
            "logit_bias": dict.fromkeys(self.loaded.never, _NEVER_BIAS) or None,
        }

    def _ask_engine(self, prompt: Prompt) -> Reply:
        ids = collapse_pictures(prompt.tokens.ids, self.loaded.image_token_id, [len(one.span) for one in prompt.seen])
        try:
            with self.watch.waiting(), self.watch.generating():
                said = self.engine.complete(ids, self._here.jpegs, self.sampling(prompt))
            if said.prompt_ids != prompt.tokens.ids:
                raise PolicyError(_explain_difference(said.prompt_ids, prompt.tokens.ids))
        except PolicyError as failure:
            self._failure = failure
            raise
        ended_at = None if said.is_cut else len(said.token_ids)
        return self._reply(list(said.token_ids), ended_at, said.logprobs)


def collapse_pictures(ids: Sequence[int], placeholder: int | None, spans: Sequence[int]) -> tuple[int, ...]:
    """Token ids with one placeholder for each picture.

    Args:
        ids: token ids with as many placeholders as each picture has tokens.
        placeholder: the placeholder's id; None where there are no pictures.
        spans: number of tokens of each picture, in order.

    Raises:
        ValueError: there are other placeholders than those of the pictures, as one that was sampled would be.
    """
    short: list[int] = []
    left, place = list(reversed(spans)), 0
    while place < len(ids):
        short.append(ids[place])
        span = left.pop() if ids[place] == placeholder and left else 1
        if set(ids[place : place + span]) != {ids[place]}:
            raise ValueError(f"at token {place} begins a picture of {span} tokens, which is not in the prompt")
        place += span
    if sum(token == placeholder for token in short) != len(spans):
        raise ValueError(
            f"need the tokens of {len(spans)} pictures, got {sum(token == placeholder for token in short)}"
        )
    return tuple(short)


def _explain_difference(theirs: Sequence[int], ours: Sequence[int]) -> str:
    pairs = zip(theirs, ours, strict=False)
    first = next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(theirs), len(ours)))
    return (
        f"the engine saw a prompt of {len(theirs)} tokens and the model in training one of {len(ours)}, which differ "
        f"from token {first} on: does it serve the same model, with pictures in the sizes that they are trained in?"
    )
