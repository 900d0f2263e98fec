"""What a benchmark is to the runner: five pure functions and, where a server holds the answers, a file format.

Profiles are rules of scoring, reported side by side: `strict` is ours and the headline, where no answer is a wrong
answer; `official` is the benchmark's own script, `lmms` lmms-eval, `vlm` VLMEvalKit. A score of None is left out of
the denominator, as that profile does it.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evals.benchmarks.item import Item, RawAnswer
from evals.scoring.normalize import words_of
from evals.scoring.published.clean_text import strict_letter
from evals.scoring.scoring import Score, mismatch

Profile = Literal["strict", "official", "lmms", "vlm"]
Letter = Callable[[Item, str], str | None]
"""Reads a letter out of a text: "" is none, None is "draw one"."""


@dataclass(frozen=True)
class Submission:
    """The file that a server, or the authors' own script, takes."""

    write: Callable[[Sequence[Item], Mapping[str, str]], str]
    """From the questions and the answers by id, spelled for the strict profile."""
    read: Callable[[str], dict[str, str]]
    """The answers by id out of such a file."""


@dataclass(frozen=True)
class Benchmark:
    """One benchmark, or one split or mode of it."""

    load: Callable[[Path], tuple[Item, ...]]
    """The questions, from the folder with the official files; ValueError names file, row and key."""
    prompt: Callable[[Item, Profile, str], str]
    """What a plain model is asked in a profile, with subtitle text or ""."""
    spell: Callable[[Item, RawAnswer, Profile], str]
    """The text that a profile's scorer reads best; "" for no answer."""
    score: Callable[[Item, str | None, Profile], Score]
    """What a text is worth; None is no text at all."""
    metrics: Callable[[Sequence[Item], Mapping[str, str], Profile], dict[str, float]]
    """The numbers that are reported, in percent, from the texts by id."""
    profiles: tuple[Profile, ...] = ("strict", "official", "lmms")
    submission: Submission | None = None


def score_letter(item: Item, letter: str | None, *, right: str | None = None, leaves_out: bool = False) -> Score:
    """The score of a letter.

    Args:
        item: the question.
        letter: the letter that was read; "" for none, None to draw one.
        right: the right letters; those of the item if None.
        leaves_out: whether no letter leaves the denominator instead of being wrong.
    """
    wanted = item.right_letters if right is None else right
    if not wanted:
        return Score(None, letter or "", "the right answer is not published")
    if letter is None:
        drawn = random.Random(item.id).choice(item.letters)
        return Score(float(drawn in wanted), drawn, "no letter in it, one was drawn")
    if not letter:
        return Score(None if leaves_out else 0.0, "", "no letter in it")
    is_right = letter in wanted
    return Score(float(is_right), letter, "the right option" if is_right else "another option")


def score_strict_choice(item: Item, said: str | None) -> Score:
    """The headline: one letter and nothing else."""
    return score_letter(item, strict_letter(said or "", len(item.options)))


def score_strict_open(item: Item, said: str | None) -> Score:
    """The headline for open questions: says the right words and nothing that competes with them."""
    text = (said or "").strip()
    if item.gold is None:
        return Score(None, text, "the right answer is not published")
    if not text:
        return Score(0.0, "", "no answer")
    if not words_of(item.gold):  # a formula or a sign: nothing but the same will do
        return Score(float(text == item.gold.strip()), text, f"held against {item.gold!r}, sign by sign")
    reason = mismatch(text, item.gold, item.text)
    return Score(float(reason is None), text, reason or f"says {item.gold!r}")


def score_verdict(verdict: bool | None, said: str) -> Score:
    """The score of a scorer that only says right, wrong, or None for left out."""
    if verdict is None:
        return Score(None, "", "left out")
    return Score(float(verdict), said.strip(), "right" if verdict else "wrong")


def choice_scorer(
    *, leaves_out: Sequence[Profile] = (), **letters: Letter
) -> Callable[[Item, str | None, Profile], Score]:
    """The `score` of a benchmark that is all multiple choice.

    Args:
        leaves_out: the profiles in which a text without a letter leaves the denominator.
        letters: how each profile but the strict one reads a letter.
    """

    def score(item: Item, said: str | None, profile: Profile) -> Score:
        if profile == "strict":
            return score_strict_choice(item, said)
        return score_letter(item, letters[profile](item, said or ""), leaves_out=profile in leaves_out)

    return score


def spell_letter(item: Item, reply: RawAnswer, profile: Profile) -> str:  # noqa: ARG001 (one of the `spell` functions)
    """The letter alone, which every scorer reads."""
    return "" if reply.option is None else item.letters[reply.option]


def options_lines(item: Item, shape: str = "{}. {}") -> str:
    """The options with their letters, one a line."""
    return "\n".join(shape.format(x, option) for x, option in zip(item.letters, item.options, strict=True))
