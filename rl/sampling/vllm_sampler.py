"""The policy in training, sampled by a separate engine: the same prompts and records, its tokens from vLLM.

No weights are loaded here: the tokenizer and the sizes of pictures make the prompts, so that rollouts can be played by
processes without a GPU. As two programs never compute quite the same, the probability with which each token was sampled
is kept, and the loss is corrected by it.
"""

from collections.abc import Sequence
from typing import Any

from agent.policies.local.loading import Loaded, load_preprocessor
from agent.policies.transformers import Prompt
from agent.policy import PolicyError, PolicyOptions, ToolAccess
from agent.rendering.messages import STOP_STRINGS
from agent.trajectory import Reply, Trajectory, Turn
from rl.sampling.engine import SamplingEngine
from rl.sampling.sampler import Rollout, TrainingSampler

_NEVER_BIAS = -100.0
"""Logit bias of vision tokens, the lowest that vLLM takes; a sampled one would be a picture without pixels."""


class EngineSampler(TrainingSampler):
    """A `TrainingSampler` that asks an engine for every reply."""

    def __init__(self, where: str, options: PolicyOptions, engine: SamplingEngine) -> None:
        """Loads tokenizer and image processor; arguments and errors as those of `TrainingSampler`."""
        super().__init__(where, options)
        self.engine: SamplingEngine = engine
        self._failure: PolicyError | None = None
        self._ask = self._ask_engine  # type: ignore[assignment]  # no batches here: the engine makes them itself

    def _load(self, place: str) -> Loaded:
        """Loads everything but the weights, which the engine has."""
        return load_preprocessor(place, self.options.max_frame_pixels)

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """Samples the next turn by the engine, and keeps its tokens."""
        self._here.conversation = _name_conversation(trajectory)
        return super().__call__(trajectory, sight)

    def taken(self, trajectory: Trajectory) -> Rollout:
        """The rollout of a run that has ended; its tokens are kept no longer.

        Raises:
            PolicyError: the engine failed in one of the runs. That is no fault of the policy, and a training that
                went on would learn from whatever runs are left.
        """
        self.engine.end(_name_conversation(trajectory))
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
                said = self.engine.complete(
                    ids, [one.jpeg for one in prompt.seen], self.sampling(prompt), self._here.conversation
                )
            if said.prompt_ids is not None and said.prompt_ids != prompt.tokens.ids:
                raise PolicyError(_explain_difference(said.prompt_ids, prompt.tokens.ids))
        except PolicyError as failure:
            self._failure = failure
            raise
        ended_at = None if said.is_cut else len(said.token_ids)
        return self._reply(list(said.token_ids), ended_at, said.logprobs)


def _name_conversation(trajectory: Trajectory) -> str:
    return f"{trajectory.question.id}#{trajectory.sample}"


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
    whole, place = tuple(ids), 0
    for number, span in enumerate(spans):
        if placeholder not in whole[place:]:
            raise ValueError(f"need the tokens of {len(spans)} pictures, got {number}")
        first = whole.index(placeholder, place)
        if whole[first : first + span] != (placeholder,) * span:
            raise ValueError(f"at token {first} begins a picture of {span} tokens, which is not in the prompt")
        short += whole[place : first + 1]
        place = first + span
    if placeholder in whole[place:]:
        raise ValueError(f"need the tokens of {len(spans)} pictures, and there are more")
    return (*short, *whole[place:])


def _explain_difference(theirs: Sequence[int], ours: Sequence[int]) -> str:
    pairs = zip(theirs, ours, strict=False)
    first = next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(theirs), len(ours)))
    return (
        f"the engine saw a prompt of {len(theirs)} tokens and the model in training one of {len(ours)}, which differ "
        f"from token {first} on: does it serve the same model, with pictures in the sizes that they are trained in?"
    )
