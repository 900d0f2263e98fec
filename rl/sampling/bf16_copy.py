"""A bfloat16 copy of the model in training that samples for it, given its weights before every step.

Half the bytes to read for every token: where the processor multiplies in bfloat16, generation takes about half as long.
The tokens are trained on by the model itself, whose log-probabilities differ from the copy's by rounding.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch

from agent.policies.local.batching import Batcher
from agent.policies.transformers import TransformersPolicy
from agent.policy import PolicyOptions


class Bf16Copy:
    """A bfloat16 copy of a model, updated from it by `follow`."""

    def __init__(self, model: Any) -> None:
        """Copies the model as it is; adapters may come into it later."""
        self._trained = model
        self.model = copy.deepcopy(model).to(torch.bfloat16).eval()

    @torch.no_grad()
    def follow(self) -> None:
        """Copies the current weights, with adapters merged into them."""
        trained = dict(self._trained.named_modules())
        for name, module in self.model.named_modules():
            adapted = trained[name]
            layer = getattr(adapted, "base_layer", adapted)
            for key, weight in module.named_parameters(recurse=False):
                value = getattr(layer, key)
                if key == "weight" and layer is not adapted:
                    value = value + sum(adapted.get_delta_weight(one) for one in adapted.active_adapters)
                weight.copy_(value)


class HalfPolicy(TransformersPolicy):
    """The policy `transformers:MODEL` sampled by a bfloat16 copy: for evaluations in the precision of a training."""

    def __init__(self, where: str, options: PolicyOptions, in_play: Callable[[], int] | None = None) -> None:
        """Loads the model; errors as those of `TransformersPolicy`.

        Args:
            where: folder or hub id of the model, or `smollm2`, for `TransformersPolicy`.
            options: sampling options.
            in_play: number of runs now that will ask, so that batches can be full.
        """
        super().__init__(where, options)
        self._half = Bf16Copy(self.loaded.model)
        self._ask = Batcher(self.generate, options.concurrency, in_play=in_play)

    @property
    def model(self) -> Any:
        """The model that generates: the copy."""
        return self._half.model
