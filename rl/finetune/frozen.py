"""Modules that are left as they are, by a part of their name, as `visual` for the eyes of Qwen-VL."""

import re
from collections.abc import Sequence
from typing import Any


def freeze(model: Any, names: Sequence[str]) -> None:
    """Takes the modules with such a part in their name out of the training.

    Raises:
        ValueError: no module has such a name, or none is left to be trained.
    """
    weights = dict(model.named_parameters(remove_duplicate=False))  # a head may share the weights of the words
    for name in names:
        found = [key for key in weights if name in key.split(".")]
        if not found:
            parts = dict.fromkeys(part for key in weights for part in key.split(".")[:-1] if not part.isdigit())
            raise ValueError(f"frozen: no module is named {name!r}; there are {', '.join(parts)}")
        for key in found:
            weights[key].requires_grad_(False)
    if not any(weight.requires_grad for weight in weights.values()):
        raise ValueError(f"frozen: nothing is left to be trained without {', '.join(names)}")


def match_modules(names: Sequence[str]) -> str:
    """The pattern of all modules that have such a part in their name, for what is left out of an adapter."""
    return rf".*\b({'|'.join(map(re.escape, names))})\b.*"
