"""Scores answers and their evidence. Pure, strict, and without a judge model.

Multiple choice is correct if the chosen index is. An open answer is correct if it says one of the accepted answers and
nothing that competes with it: the same words written differently pass ("the Two" for "2", "14 July 2015" for
"2015-07-14"), the answer inside a short sentence passes, and an answer that lists or hedges does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.rendering.answer_parser import CANNOT_TELL
from agent.trajectory import Answer, Evidence, Stop, Trajectory
from evals.example import Example
from evals.scoring.normalize import FILLERS, AnswerWord, split_words
from evals.scoring.spans import merge_spans

MAX_EXTRA_WORDS = 12
"""Most extra words: a sentence around the answer; more is an essay."""

MAX_FOREIGN_WORDS = 1
"""Most extra words that are neither fillers nor from the question: a unit, a noun. More may be a list."""

BROKEN_OFF = (None, Stop.CRASHED, Stop.POLICY_FAILED, Stop.INTERRUPTED)
"""Stops that say nothing of the policy's answer: a bug of ours, a server that is gone, Ctrl-C."""

_HEDGES = frozenset({"or", "and", "not", "no", "never", "isn't", "wasn't", "neither", "nor", "either", "maybe"})


@dataclass(frozen=True)
class Score:
    """The score of an answer, with the reason."""

    value: float | None
    """Score 0..1, 1.0 for correct and 0.0 for wrong; None where the answer can't be scored."""
    extracted: str
    """Text or letter that was compared with the reference."""
    why: str


def score(example: Example, trajectory: Trajectory) -> Score:
    """Scores a trajectory. No answer is wrong; a run that was broken off is not scored."""
    return score_broken_off(trajectory) or score_answer(example, trajectory.answer)


def score_broken_off(trajectory: Trajectory) -> Score | None:
    """The score without a value for a run that was broken off; None for one that ended."""
    if trajectory.answer is not None or trajectory.stop not in BROKEN_OFF:
        return None
    return Score(None, "", f"not scored: {trajectory.stop.value if trajectory.stop else 'it has not ended'}")


def reduce_answer(answer: Answer | None) -> Answer | None:
    """The parts of an answer that scorers read, with evidence as times only: a hundred thousand are kept at once."""
    if answer is None:
        return None
    spans = tuple(Evidence(e.start_seconds, e.stop_seconds, video=e.video) for e in answer.evidence)
    return Answer(
        answer.text, answer.option, evidence=spans, not_shown=answer.not_shown, cannot_tell=answer.cannot_tell
    )


def score_answer(example: Example, answer: Answer | None) -> Score:
    """Scores an answer; None is no answer, which is wrong, as is "I can't tell", which claims nothing."""
    if answer is None:
        return Score(0.0, "", "no answer")
    if answer.cannot_tell:
        return Score(0.0, CANNOT_TELL, "claims nothing: it can't tell")
    if answer.not_shown or example.answer is None:
        said = "not shown" if answer.not_shown else answer.text
        if answer.not_shown and example.answer is None:
            return Score(1.0, said, "it is not shown, and the answer says so")
        return Score(0.0, said, "abstained" if answer.not_shown else "answered what is not shown")
    if example.question.options:
        return _score_choice(example, answer)
    return _score_open(example, answer)


def _score_choice(example: Example, answer: Answer) -> Score:
    options = example.question.options
    if answer.option is None or not 0 <= answer.option < len(options):
        return Score(0.0, "", f"no option chosen, got {answer.option}")
    is_right = answer.option == example.option
    return Score(float(is_right), options[answer.option], "the right option" if is_right else "another option")


def _score_open(example: Example, answer: Answer) -> Score:
    assert example.answer is not None, "checked by the caller"
    reasons = []
    for accepted in (example.answer, *example.aliases):
        reason = explain_mismatch(answer.text, accepted, example.question.text)
        if reason is None:
            return Score(1.0, answer.text, f"says {accepted!r}")
        reasons.append(reason)
    return Score(0.0, answer.text, reasons[0])


def explain_mismatch(said: str, accepted: str, question: str) -> str | None:
    """Why an answer does not count as the accepted one; None if it does.

    Args:
        said: the answer.
        accepted: the accepted answer.
        question: the question, whose words an answer may repeat.

    Raises:
        ValueError: the accepted answer has no word in it.
    """
    words, wanted = split_words(said), [word.text for word in split_words(accepted)]
    if not wanted:
        raise ValueError(f"the accepted answer {accepted!r} has no word in it")
    texts = [word.text for word in words]
    if texts == wanted:
        return None
    places = [i for i in range(len(texts) - len(wanted) + 1) if texts[i : i + len(wanted)] == wanted]
    if not places:
        return f"does not say {accepted!r}"
    reasons = [_explain_competing(words, place, len(wanted), _free_words(question)) for place in places]
    return None if None in reasons else reasons[0]


def _free_words(question: str) -> set[str]:
    """Words of the question that an answer may repeat: not those beside an "or", which are candidates."""
    texts = [word.text for word in split_words(question)]
    return {text for i, text in enumerate(texts) if "or" not in (texts[i - 1] if i else "", *texts[i + 1 : i + 2])}


def _explain_competing(words: Sequence[AnswerWord], place: int, length: int, asked: set[str]) -> str | None:
    """Why words beside the accepted ones make them one of several answers; None if they don't."""
    matched = words[place : place + length]
    before, after = words[:place], words[place + length :]
    extra = [*before, *after]
    if len(extra) > MAX_EXTRA_WORDS:
        return f"{len(extra)} words beside it, at most {MAX_EXTRA_WORDS}"
    if hedges := [word.text for word in extra if word.text in _HEDGES]:
        return f"hedged with {hedges[0]!r}"
    foreign = [word.text for word in extra if word.text not in FILLERS and word.text not in asked]
    if len(foreign) > MAX_FOREIGN_WORDS:
        return f"too much beside it: {', '.join(foreign)}"
    if any(word.is_number for word in matched) and (numbers := [w for w in foreign if AnswerWord(w).is_number]):
        return f"another number beside it: {numbers[0]}"
    is_list = any(word.follows_break for word in (*after, *before[1:], *matched[:1]))
    beside = [*before[-1:], *after[:1]]
    if is_list and (foreign or any(word.text not in FILLERS for word in beside)):
        return f"one of a list: {', '.join(foreign or [word.text for word in beside])}"
    if any(word.is_number for word in matched) and any(word.is_number for word in beside):
        return "one of several numbers"
    return None


def evidence_hit(example: Example, answer: Answer | None) -> bool | None:
    """Whether some evidence span overlaps the reference; None where there is no reference."""
    if example.evidence_seconds is None:
        return None
    start, stop = example.evidence_seconds
    return any(_overlaps(item, start, stop) for item in _list_evidence(example, answer))


def evidence_iou(example: Example, answer: Answer | None) -> float | None:
    """Temporal IoU of the reference and all evidence spans together; None without a reference.

    A span over the whole video always hits the reference, but has a low IoU.
    """
    if example.evidence_seconds is None:
        return None
    start, stop = example.evidence_seconds
    spans = merge_spans((e.start_seconds, e.stop_seconds) for e in _list_evidence(example, answer))
    shared = sum(max(0.0, min(stop, b) - max(start, a)) for a, b in spans)
    either = (stop - start) + sum(b - a for a, b in spans) - shared
    if either == 0:  # a moment on both sides
        return float(any(a == start for a, _ in spans))
    return shared / either


def _list_evidence(example: Example, answer: Answer | None) -> list[Evidence]:
    """The evidence of an answer that is of the video of the reference moment."""
    return [] if answer is None else [item for item in answer.evidence if item.video == example.evidence_video]


def _overlaps(item: Evidence, start: float, stop: float) -> bool:
    """Whether half-open spans share a moment; a span of no length is a moment."""
    if item.start_seconds == item.stop_seconds:
        return start <= item.start_seconds < stop or start == stop == item.start_seconds
    if start == stop:
        return item.start_seconds <= start < item.stop_seconds
    return item.start_seconds < stop and start < item.stop_seconds
