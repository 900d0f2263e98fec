"""Published scorers of benchmarks that have no adapter yet."""

import re
from collections.abc import Sequence
from string import ascii_uppercase

from evals.scoring.published.marks import without_marks


def lmms_tvbench(said: str, options: Sequence[str]) -> str:
    """lmms-eval's letter for TVBench: the first lone one in upper case, the first of all, or the only option named.

    The article "a" is A.
    """
    letters, upper = ascii_uppercase[: max(len(options), 2)], said.strip().upper()
    for shape in (r"\b([A-Z])\b.*", r"^\s*[(\[]?([A-Z])[)\].:]?.*"):
        found = re.search(shape, upper, re.DOTALL)
        if found and found[1] in letters:
            return found[1]
    text = " ".join(said.lower().split())
    said_options = [i for i, option in enumerate(options) if option and " ".join(option.lower().split()) in text]
    return letters[said_options[0]] if len(said_options) == 1 else ""


_VRBENCH_PHRASES = ("Answer", "answer is", "correct answer", "final answer", "final", "therefore", "conclusion")


def official_vrbench(said: str) -> str | None:
    """VRBench's letter A..E, by eight ways to write it, tried in turn, the last of each; None if none fits."""
    for shape in (r"\\boxed\{([A-E])\}", r"<Answer>\s*([A-E])"):
        if found := re.search(shape, said, re.IGNORECASE):
            return found[1].upper()
    if labelled := re.findall(r"^([A-E])\.\s*.+$", said.strip(), re.IGNORECASE | re.MULTILINE):
        return str(labelled[-1]).upper()
    shapes = [rf"{phrase}[:\s]+([A-E])(?:\s|$|\.|,)" for phrase in _VRBENCH_PHRASES]
    if phrased := [letter for shape in shapes for letter in re.findall(shape, said, re.IGNORECASE)]:
        return str(phrased[-1]).upper()
    for shape in (r"([A-E])\.", r"([A-E])\)", r"([A-E]):", r"(?:^|\n|\s)([A-E])\s+(?=[A-Z]|$|\n)"):
        if dressed := re.findall(shape, said, re.IGNORECASE | re.MULTILINE):
            return str(dressed[-1]).upper()
    if plain := re.findall(r"\b([A-E])\b", without_marks(said), re.IGNORECASE):
        return str(plain[-1]).upper()
    lone = re.findall(r"\b([A-E])\b", said)
    at_the_end = re.findall(r"\b([A-E])\b", said[-50:], re.IGNORECASE) if lone else []
    return str((at_the_end or lone)[-1]).upper() if lone else None


def official_tempcompass_yes_no(said: str) -> str | None:
    """TempCompass's yes or no by the first letters, so that "nothing moves" is no; None where a judge model decides."""
    lower = said.lower()
    return next((word for word in ("yes", "no") if lower.startswith(word)), None)


def official_tempcompass_caption(said: str, question: str, gold: str) -> bool | None:
    """Whether the text is the correct option's line, label or sentence; None where it is no option's and a judge
    decides.

    Args:
        said: the text.
        question: the question, with one option a line after the first, as `Option 1: a cup falls`.
        gold: the correct line.
    """
    lines = question.split("\n")[1:]
    labels = [line.split(": ")[0] for line in lines]
    bare = [re.sub(r"Sentence |Option |Caption ", "", label) for label in labels]
    sentences = [line.split(": ")[1] for line in lines]
    after_bracket = said.split(") ")[1] if ") " in said else said
    forms = [(lines, said), (sentences, said), (sentences, after_bracket), (labels, said.replace(".", ""))]
    chosen = [text for known, text in (*forms, (bare, said.replace(".", ""))) if text in known]
    right_label, right_sentence = gold.split(": ")[:2]
    right = (gold, right_label, right_sentence, right_label.split()[-1])
    return chosen[-1] in right if chosen else None
