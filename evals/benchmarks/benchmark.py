"""A benchmark as five pure functions and, where a server holds the answers, a file format.

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
from evals.scoring.normalize import split_words
from evals.scoring.published.clean_text import strict_letter
from evals.scoring.scoring import Score, explain_mismatch

Profile = Literal["strict", "official", "lmms", "vlm"]
Letter = Callable[[Item, str], str | None]
"""Function that reads a letter out of a text; "" for none, None for "draw one"."""


@dataclass(frozen=True)
class Submission:
    """Format of the file that a server, or the authors' own script, takes."""

    write: Callable[[Sequence[Item], Mapping[str, str]], str]
    """Writes the file from the questions, and the answers by id as spelled for the strict profile."""
    read: Callable[[str], dict[str, str]]
    """Reads the answers by id out of such a file."""


@dataclass(frozen=True)
class Benchmark:
    """One benchmark, or one split or mode of it."""

    load: Callable[[Path], tuple[Item, ...]]
    """Reads the questions from the folder with the official files; ValueError names file, row and key."""
    prompt: Callable[[Item, Profile, str], str]
    """Prompt of a plain model in a profile, with subtitle text or ""."""
    spell: Callable[[Item, RawAnswer, Profile], str]
    """Spells an answer as the text that a profile's scorer reads best; "" for no answer."""
    score: Callable[[Item, str | None, Profile], Score]
    """Scores the text of an answer in a profile; None is no text at all."""
    metrics: Callable[[Sequence[Item], Mapping[str, str], Profile], dict[str, float]]
    """Computes the reported metrics, in percent, from the texts by id."""
    profiles: tuple[Profile, ...] = ("strict", "official", "lmms")
    submission: Submission | None = None
    frames: int = 32
    """Frames that a plain model is shown with the published prompt; 32 where its source names no number."""
    has_published_prompt: bool = True
    """Whether `prompt` is the authors' or a harness's own; False where it had to be ours."""

    @property
    def prompt_profile(self) -> Profile:
        """The profile whose prompt is taken for the published one: the authors', else lmms-eval's or VLMEvalKit's."""
        return next((profile for profile in ("official", "lmms", "vlm") if profile in self.profiles), "strict")


def score_letter(item: Item, letter: str | None, *, right: str | None = None, leaves_out: bool = False) -> Score:
    """Scores a letter that was read from an answer.

    Args:
        item: the question.
        letter: the letter that was read; "" for none, None to draw one.
        right: the correct letters; those of the item if None.
        leaves_out: whether a text without a letter leaves the denominator instead of being wrong.
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
    """The strict score of a choice: one letter and nothing else."""
    return score_letter(item, strict_letter(said or "", len(item.options)))


def score_strict_open(item: Item, said: str | None) -> Score:
    """The strict score of an open answer: it says the correct words and nothing that competes with them."""
    text = (said or "").strip()
    if item.gold is None:
        return Score(None, text, "the right answer is not published")
    if not text:
        return Score(0.0, "", "no answer")
    if not split_words(item.gold):  # a formula or a sign, which only the same text matches
        return Score(float(text == item.gold.strip()), text, f"held against {item.gold!r}, sign by sign")
    reasons = [explain_mismatch(text, gold, item.text) for gold in (item.gold, *item.aliases)]
    said_it = None in reasons
    return Score(float(said_it), text, f"says {item.gold!r}" if said_it else str(reasons[0]))


def score_verdict(verdict: bool | None, said: str) -> Score:
    """The score for a scorer's verdict: correct, wrong, or None for left out."""
    if verdict is None:
        return Score(None, "", "left out")
    return Score(float(verdict), said.strip(), "right" if verdict else "wrong")


def make_choice_scorer(
    *, leaves_out: Sequence[Profile] = (), **letters: Letter
) -> Callable[[Item, str | None, Profile], Score]:
    """Makes the `score` function of a benchmark that is all multiple choice.

    Args:
        leaves_out: profiles in which a text without a letter leaves the denominator.
        letters: reads a letter, for each profile but the strict one.
    """

    def score(item: Item, said: str | None, profile: Profile) -> Score:
        if profile == "strict":
            return score_strict_choice(item, said)
        return score_letter(item, letters[profile](item, said or ""), leaves_out=profile in leaves_out)

    return score


def spell_letter(item: Item, reply: RawAnswer, profile: Profile) -> str:  # noqa: ARG001 (one of the `spell` functions)
    """Spells a choice as the letter alone, which every scorer reads.

    Args:
        item: the question.
        reply: the answer.
        profile: not used.
    """
    return "" if reply.option is None else item.letters[reply.option]


def options_lines(item: Item, shape: str = "{}. {}") -> str:
    """The options with their letters, one a line."""
    return "\n".join(shape.format(x, option) for x, option in zip(item.letters, item.options, strict=True))
