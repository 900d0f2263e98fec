"""TEST ONLY: an engine beside the training, as vLLM is one: the model a second time, with weights of its own.

It expands placeholders itself, as vLLM does, and of what was learned it knows what was brought to it.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.policies.local.image_processing import measure_jpeg
from agent.policies.local.token_sampling import SamplingParams
from agent.policies.transformers import Prompt, TransformersPolicy
from agent.policy import PolicyError, PolicyOptions
from agent.rendering.tokens import Tokens
from rl.sampling.engine import Sampled, Sync


class SecondCopy:
    """Keeps what it was asked and what it said."""

    is_shared = False

    def __init__(self, folder: Path, options: PolicyOptions) -> None:
        self._folder, self._options = folder, options
        self._policy = TransformersPolicy(str(folder), options)
        self._adapters: dict[str, Path] = {}
        self._lock = threading.Lock()
        self.asked: list[tuple[tuple[int, ...], int]] = []
        """The ids of each prompt as they came, and how many pictures came with them."""
        self.said: list[Sampled] = []
        self.used: list[str] = []
        """Names of adapters."""
        self.fails_after: int | None = None
        """Requests."""
        self.is_awake = True

    def complete(
        self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any], conversation: str = ""
    ) -> Sampled:
        with self._lock:
            assert self.is_awake
            if self.fails_after is not None and len(self.asked) >= self.fails_after:
                raise PolicyError("the engine is gone")
            self.asked.append((tuple(prompt_ids), len(jpegs)))
            prompt = self._prompt(prompt_ids, jpegs, sampling)
            [reply] = self._policy.generate([prompt])
            said = Sampled(prompt.tokens.ids, reply.token_ids or (), reply.logprobs or (), reply.is_cut)
            self.said.append(said)
        return said

    @contextmanager
    def wake(self) -> Iterator[None]:
        self.is_awake = True
        yield
        self.is_awake = False

    def end(self, conversation: str) -> None:
        """Nothing is kept of a run."""

    def load(self, name: str, adapter: Path) -> None:
        self._adapters[name] = adapter

    def use(self, name: str) -> None:
        assert self.is_awake
        options = replace(self._options, adapter=str(self._adapters[name]))
        self._policy = TransformersPolicy(str(self._folder), options)
        self.used.append(name)

    def forget(self, name: str) -> None:
        del self._adapters[name]

    def weight_sync(self, rank: int) -> Sync:
        raise PolicyError("a second copy takes adapters only")

    def close(self) -> None:
        """Nothing was begun."""

    def _prompt(self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any]) -> Prompt:
        eyes = self._policy.loaded.eyes
        seen = tuple(measure_jpeg(eyes, jpeg) for jpeg in jpegs) if eyes is not None else ()
        spans = iter([one.span for one in seen])
        placeholder = self._policy.loaded.image_token_id
        ids = tuple(i for token in prompt_ids for i in (next(spans) if token == placeholder else (token,)))
        assert next(spans, None) is None, "a placeholder for each picture"
        known = len(ids)
        tokens = Tokens(ids, (False,) * known, (None,) * known, (False,) * known)
        return Prompt(tokens, seen, SamplingParams(sampling["temperature"], sampling["top_p"], sampling["seed"]))
