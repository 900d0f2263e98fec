"""Splits needles and clips into training and held-out ones by their names alone.

A name keeps its split whatever else is in a set, on every machine and for good.
"""

import hashlib
from collections.abc import Iterable

from evals.composed.recipe import Split

HELD_OUT_PER_CENT = 30
"""Share of names that are never trained on, in percent."""


def split_of(name: str) -> Split:
    """The split to which a name belongs."""
    number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
    return "heldout" if number % 100 < HELD_OUT_PER_CENT else "train"


def names_of(split: Split, names: Iterable[str], at_least: int, kind: str) -> tuple[str, ...]:
    """The names of one split, sorted.

    Args:
        split: the split.
        names: all names.
        at_least: fewest names that are enough.
        kind: what is named, for the message.

    Raises:
        ValueError: there are too few names to compose from.
    """
    chosen = tuple(sorted(name for name in names if split_of(name) == split))
    if len(chosen) < at_least:
        raise ValueError(f"need at least {at_least} {kind} on the side {split!r}, got {len(chosen)}: add more {kind}")
    return chosen
