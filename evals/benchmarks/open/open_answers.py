"""The functions of benchmarks whose answers are open, or open beside multiple choice, scored by our strict rule.

Their published scorers are judge models, so there is no profile for them here: `python -m evals.judge` asks a judge.
"""

from evals.benchmarks.benchmark import Profile, options_lines, score_strict_choice, score_strict_open, spell_letter
from evals.benchmarks.item import Item, RawAnswer
from evals.scoring.scoring import Score


def score(item: Item, said: str | None, profile: Profile) -> Score:  # noqa: ARG001 (the strict one alone)
    """Scores a choice by its letter and an open answer by its words."""
    return score_strict_choice(item, said) if item.options else score_strict_open(item, said)


def spell(item: Item, reply: RawAnswer, profile: Profile) -> str:
    """Spells a choice as its letter, an open answer as its words."""
    return spell_letter(item, reply, profile) if item.options else reply.text


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (one wording, no subtitles)
    """The question with its options, if it has some; ours, where nothing is published that a single turn could use."""
    if not item.options:
        return f"{item.text}\nAnswer the question using a single word or phrase."
    return f"{item.text}\n{options_lines(item)}\nAnswer with the option's letter from the given choices directly."
