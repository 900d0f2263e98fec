"""The prompts of the models, as text files; their hash is kept with every run, so that a changed wording shows."""

import hashlib
from functools import cache
from importlib.resources import files

NAMES = ("system", "tools", "answer_open", "answer_choice", "explain", "predict")


@cache
def read_prompt(name: str) -> str:
    """The text of one prompt file."""
    return files(__name__).joinpath(f"{name}.txt").read_text(encoding="utf-8").strip()


@cache
def compute_prompt_hash() -> str:
    """A hash over all prompt files, 12 hex digits."""
    return hashlib.sha256("\0".join(read_prompt(name) for name in NAMES).encode()).hexdigest()[:12]
