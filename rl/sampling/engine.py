"""Engines that generate for a training and are not the model in training: vLLM in this process, or a vLLM server.

Token ids go in and token ids come out, each with the probability that it was drawn with. A picture is ONE placeholder
here, and its JPEG beside it: engines expand placeholders themselves, and ids that are expanded already would be
expanded a second time without a word. So every engine says which prompt it made of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Sampled:
    """What an engine said to one prompt."""

    prompt_ids: tuple[int, ...]
    """The prompt as its model saw it, every picture expanded."""
    token_ids: tuple[int, ...]
    """All that was sampled, the stop string and the end of the turn included."""
    logprobs: tuple[float, ...]
    """Natural logarithm of the probability of each token, in the distribution that it was drawn from."""
    is_cut: bool
    """True if it ended at the token limit and not by itself."""


class Sync(Protocol):
    """Brings what was learned to an engine; every process calls it at the same time."""

    def __call__(self, model: Any, step: int) -> None:
        """The engine plays with the weights of the model from now on."""
        ...


class SamplingEngine(Protocol):
    """May be asked by several threads at once; is given weights by one, while nobody asks."""

    is_shared: bool
    """Whether several processes ask the same one, so that weights are brought to it once."""

    def complete(self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any]) -> Sampled:
        """What the model says next.

        Args:
            prompt_ids: with one placeholder for each picture.
            jpegs: the pictures, in the order of their placeholders.
            sampling: of vLLM's `SamplingParams`.

        Raises:
            PolicyError: the engine is gone or refuses.
        """
        ...

    def load(self, name: str, adapter: Path) -> None:
        """Reads the LoRA adapter of a folder, to be used by that name."""
        ...

    def use(self, name: str) -> None:
        """Puts the adapter on every request from now on. Its name is new, so that no cache has anything of another."""
        ...

    def forget(self, name: str) -> None:
        """Lets go of an adapter."""
        ...

    def weight_sync(self, rank: int) -> Sync:
        """Brings all weights to it.

        Args:
            rank: of this process.

        Raises:
            PolicyError: there is no way from here.
        """
        ...

    def close(self) -> None:
        """Ends what was begun for it."""
        ...
