"""The prompts of the models, as text files; their hash is kept with every run, so that a changed wording shows."""

import hashlib
from functools import cache
from importlib.resources import files

NAMES = ("system", "tools", "answer_open", "answer_choice", "explain", "predict")
STRATEGY_PROMPTS = {"reflect": "plan", "program": "program"}
"""The further prompts of the strategies that have one."""


@cache
def read_prompt(name: str) -> str:
    """The text of one prompt file."""
    return files(__name__).joinpath(f"{name}.txt").read_text(encoding="utf-8").strip()


@cache
def compute_prompt_hash(strategy: str = "direct") -> str:
    """A hash over all prompt files that a strategy uses, 12 hex digits."""
    names = (*NAMES, STRATEGY_PROMPTS[strategy]) if strategy in STRATEGY_PROMPTS else NAMES
    return hashlib.sha256("\0".join(read_prompt(name) for name in names).encode()).hexdigest()[:12]
