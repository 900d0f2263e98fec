"""A rollout as a row of the loss: prompt, completion, and the mask of the tokens that the policy chose. Pure.

The prompt ends where the first reply begins. Everything after it is the completion, observations included: there the
mask is 0, and the loss must not see them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from agent.policies.local.image_processing import JpegImage
from rl.sampling.sampler import Rollout


@dataclass(frozen=True)
class RolloutRow:
    """Token ids of one rollout; `mask` and `logprobs` are as long as `completion`."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    mask: tuple[int, ...]
    """1 for the tokens that the policy chose, else 0; 0 throughout where the rollout is not trained on."""
    logprobs: tuple[float, ...]
    """Natural log-probability with which each token was sampled; 0 for tokens that were not."""
    pictures: tuple[JpegImage, ...] = ()
    """Pictures in the order of their tokens, those of the prompt first."""

    @property
    def is_trained_on(self) -> bool:
        """Whether any token of the row is in the loss."""
        return any(self.mask)

    def mask_turns(self, count: int) -> "RolloutRow":
        """This row with its first `count` replies masked out."""
        mask = tuple(int(turn > count) for turn in self._turns)
        return replace(self, mask=mask)

    @property
    def _turns(self) -> tuple[int, ...]:
        """Number of the reply, from 1, for each token of the completion; 0 where the policy did not choose it."""
        begins = [now and not before for before, now in zip((0, *self.mask), self.mask, strict=False)]
        return tuple(turn if chosen else 0 for turn, chosen in zip(accumulate(begins), self.mask, strict=True))

    def spread_over_tokens(self, each_T: Sequence[float] | None) -> tuple[float, ...]:  # noqa: N803 (nested by turn)
        """One number a turn, spread over the tokens of its reply; 0 for tokens that the policy did not choose.

        Between two replies stands an observation, so a reply is a stretch of ones in the mask.

        Raises:
            ValueError: there are not as many numbers as turns.
        """
        if each_T is None or not self.is_trained_on:
            return (0.0,) * len(self.mask)
        turns = self._turns
        if max(turns) != len(each_T):
            raise ValueError(f"the run has {max(turns)} replies, and there are {len(each_T)} numbers for its turns")
        return tuple(each_T[turn - 1] if turn else 0.0 for turn in turns)


def make_idle_row(filler: int) -> RolloutRow:
    """The row of a rollout that is not trained on: two tokens with mask 0."""
    return RolloutRow((filler,), (filler,), (0,), (0.0,))


def make_row(rollout: Rollout, filler: int, max_tokens: int | None, *, mask_cut: bool = True) -> RolloutRow:
    """The row of the loss that a rollout becomes.

    A rollout that can't be trained on becomes a row of two tokens with mask 0: a batch keeps its shape, no
    picture is cut in half, and no time is spent on it.

    Args:
        rollout: the rollout with its tokens.
        filler: any token id, for a row that is not trained on.
        max_tokens: most tokens of prompt and completion together; a longer rollout is not trained on. None for no
            limit.
        mask_cut: whether one with a cut last reply is left out, as in DAPO (arXiv 2503.14476, section 3.4).
    """
    tokens = rollout.tokens
    if tokens is None or not rollout.counts or (mask_cut and rollout.is_cut):
        return make_idle_row(filler)
    if max_tokens is not None and len(tokens.ids) > max_tokens:
        return make_idle_row(filler)
    first = tokens.sampled.index(True)
    return RolloutRow(
        prompt=tokens.ids[:first],
        completion=tokens.ids[first:],
        mask=tuple(map(int, tokens.sampled[first:])),
        logprobs=tuple(logprob or 0.0 for logprob in tokens.logprobs[first:]),
        pictures=rollout.pictures,
    )
