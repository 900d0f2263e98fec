"""Protocols of engines that generate apart from the model in training: vLLM beside it, or a vLLM server.

Token ids go in and token ids come out, each with the probability with which it was sampled. A picture is ONE
placeholder here, and its JPEG beside it: engines expand placeholders themselves, and ids that are expanded already
would be expanded a second time without a word. So every engine says which prompt it made of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agent.policy import PolicyError


@dataclass(frozen=True)
class Sampled:
    """An engine's completion of one prompt, in tokens."""

    prompt_ids: tuple[int, ...] | None
    """The prompt as its model saw it, every picture expanded; None where the engine does not say."""
    token_ids: tuple[int, ...]
    """Sampled ids, those of the stop string and the end of the turn included."""
    logprobs: tuple[float, ...]
    """Natural log-probability of each token, in the distribution from which it was sampled."""
    is_cut: bool
    """Whether the completion ended at the token limit and not by itself."""


class EngineGoneError(PolicyError):
    """An engine does not answer any more, whatever it is asked."""


class Sync(Protocol):
    """Sends updated weights to an engine; every process calls it at the same time."""

    def __call__(self, model: Any, step: int) -> None:
        """Makes the engine sample with the weights of the model from now on."""
        ...


class SamplingEngine(Protocol):
    """An engine that completes prompts; several threads may ask at once, and weights come while none does."""

    is_shared: bool
    """Whether several processes ask the same engine, so that weights are sent to it once."""

    def complete(
        self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any], conversation: str = ""
    ) -> Sampled:
        """Samples a completion of one prompt.

        Args:
            prompt_ids: token ids with one placeholder for each picture.
            jpegs: the pictures, in the order of their placeholders.
            sampling: arguments of vLLM's `SamplingParams`.
            conversation: name of the run, by which its turns find the same prefix cache.

        Raises:
            EngineGoneError: the engine does not answer any more.
            PolicyError: it refuses.
        """
        ...

    def end(self, conversation: str) -> None:
        """Hears that a run has ended, and will not ask again."""
        ...

    def load(self, name: str, adapter: Path) -> None:
        """Loads the LoRA adapter of a folder under a name."""
        ...

    def use(self, name: str) -> None:
        """Applies a loaded adapter to every request from now on; its name is new, so no cache has anything of
        another."""
        ...

    def forget(self, name: str) -> None:
        """Unloads the adapter of this name."""
        ...

    def weight_sync(self, rank: int) -> Sync:
        """The synchronisation of all weights to this engine.

        Args:
            rank: rank of this process.

        Raises:
            PolicyError: weights can't be sent from this machine.
        """
        ...

    def close(self) -> None:
        """Ends the processes or connections of the engine."""
        ...
