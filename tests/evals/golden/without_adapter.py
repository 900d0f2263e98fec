"""Published scorers of benchmarks that have no adapter yet, read against the same golden answers as the others."""

import re
from collections.abc import Sequence
from string import ascii_uppercase

from evals.scoring.published.clean_text import without_marks
from evals.scoring.published.first_letter import _APART, _COLONS, _JOINED, _first


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


def vlm_videommev2(said: str) -> str:
    """VLMEvalKit's letter for Video-MME-v2, the first of A..H, with all phrases: "Final answer: C" is F."""
    return _first(said, (*_APART, *_COLONS), "ABCDEFGH")


def lmms_videomathqa(said: str) -> str:
    """lmms-eval's letter for VideoMathQA, the first of A..E, with the phrases of Video-MME."""
    return _first(said, _JOINED, "ABCDE")


def lmms_scivideobench(said: str) -> str | None:
    """lmms-eval's letter for SciVideoBench, the first of A..L, though options end at J; None where one is drawn.

    "I think D" is I.
    """
    phrases = (
        *("The answer is", "The correct answer is", "The best answer is"),
        *("Answer:", "Option:", "### Final Answer:\n$$\\boxed", "the final answer is"),
    )
    for phrase in phrases:
        said = said.replace(phrase, "")
    if len(said.split()) > 16 and not re.search("[A-J]", said):
        return None
    found = re.search("[A-L]", said)
    return found[0] if found else None


def official_tstar(said: str) -> str:
    """T*'s letter, A..F at the start of the text in either case: "Because" is B."""
    found = re.match(r"\s*([A-Fa-f])", said)
    return found[1].upper() if found else ""


def lmms_perceptiontest(said: str) -> str:
    """lmms-eval's letter for PerceptionTest, the first of A..D that stands alone."""
    found = re.search(r"\b([A-D])\b", said)
    return found[1] if found else ""


def official_longvideo_reason(said: str, gold: str) -> bool:
    """Whether the texts in the answer tags are the same, byte for byte; without tags the whole text counts."""
    phrase = "Therefore the final answer is: "
    opening = f"<answer>{phrase if phrase.rstrip() in said else ''}"
    return _on_a_line(said, opening).strip() == _on_a_line(gold, "<answer>").strip()


def _on_a_line(text: str, opening: str) -> str:
    """Text in the first tag that ends on its line; the whole text without one."""
    for line in text.split("\n"):
        _, opened, inside = line.partition(opening)
        if opened and "</answer>" in inside:
            return inside.partition("</answer>")[0]
    return text
