"""Rewards for a correct answer, which every preset begins with.

`answer` is the benchmark's score, `evals.scoring.scoring.score`, and pays at most that. It pays nothing for a spare
word that the score lets pass in an open answer ("Paris London" for "Paris"): a reader forgives a unit or a country
beside the answer, but a policy that is paid for it learns to name two candidates, since either is then right. Nor for
words of a question that itself offers candidates ("Is it red, green or blue?"). So the reward is never above the score,
and the only price is that a terse answer is learnt.
"""

import math

from agent.rendering.answer_parser import NOT_SHOWN, find_option, is_cannot_tell
from agent.trajectory import Answer, Trajectory
from evals.benchmarks.grounded.grounding import iou
from evals.example import Example
from evals.scoring.normalize import FILLERS, split_words
from evals.scoring.published.spans import strict_span
from evals.scoring.scoring import explain_mismatch, score_answer
from evals.scoring.spans import Span
from rl.rewards.aids import Aids
from rl.rewards.wording import rouge_mean, word_error_rate

_RELATIVE_STEPS = tuple(0.5 + 0.05 * i for i in range(10))
"""Confidence thresholds of the mean relative accuracy (VSI-Bench, arXiv 2412.14171, equation 1)."""

_LEAST_STEM = 4
"""Fewest characters of a stem; unlike words share shorter ones."""


def answer(example: Example, trajectory: Trajectory) -> float | None:
    """1 or 0: correct by the rules of the benchmark, with nothing beside it that could be another candidate."""
    return score_right(example, trajectory.answer)


def score_right(example: Example, given: Answer | None) -> float | None:
    """The reward `answer` of an answer that need not be that of a trajectory."""
    value = score_answer(example, given).value
    if not value or given is None or given.abstains or example.question.options:
        return value
    return value if _is_alone(example, given.text) else 0.0


def _is_alone(example: Example, said: str) -> bool:
    """Whether one accepted answer is there with nothing but fillers and words of a question that offers none."""
    asked = [word.text for word in split_words(example.question.text)]
    free = set() if "or" in asked else set(asked)
    for accepted in (example.answer or "", *example.aliases):
        spare = [word.text for word in split_words(said)]
        for word in split_words(accepted):
            if word.text in spare:
                spare.remove(word.text)
        is_plain = all(word in FILLERS or _is_form_of(word, free) for word in spare)
        if is_plain and explain_mismatch(said, accepted, example.question.text) is None:
            return True
    return False


def _is_form_of(word: str, asked: set[str]) -> bool:
    """Whether the question has the word, or its stem: "names" where it asks what the sign does name."""
    return word in asked or any(len(stem) >= _LEAST_STEM and word.startswith(stem) for stem in asked)


def letter(example: Example, trajectory: Trajectory) -> float | None:
    """1 if the chosen option is the correct one, else 0; None for open questions, which have no letters."""
    return answer(example, trajectory) if example.question.options else None


def answer_or_judge(example: Example, trajectory: Trajectory, *, aids: Aids) -> float | None:
    """The reward `answer`; an open answer that fails it gets the rating of the judge, where there is one.

    With a judge that has no verdict it does not count: a judge that is down must not look like a wrong answer.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        aids: the judge, the reference boxes and the progress of training.
    """
    value = answer(example, trajectory)
    is_judged = value == 0 and not example.question.options and aids.judge is not None
    if not is_judged or trajectory.answer is None or example.answer is None:
        return value
    return aids.verdict("answer", example, trajectory)


def answer_or_rouge(example: Example, trajectory: Trajectory) -> float | None:
    """Exact match for options, else the mean of ROUGE-1, -2 and -L (VideoKR, appendix C.1)."""
    if example.question.options or example.answer is None:
        return answer(example, trajectory)
    return rouge(example, trajectory)


def rouge(example: Example, trajectory: Trajectory) -> float | None:
    """The best mean ROUGE F1 over all accepted answers, 0..1; None where there are options or no reference answer.

    Rewards nearness, so copying the question or listing candidates earns something: see `rl.attacks`.
    """
    if example.answer is None or example.question.options:
        return None
    return max(rouge_mean(accepted, _answer_text(trajectory)) for accepted in (example.answer, *example.aliases))


def word_accuracy(example: Example, trajectory: Trajectory) -> float | None:
    """1 minus the word error rate, at least 0, for text read off the screen; None where there are options or no
    reference answer."""
    if example.answer is None or example.question.options:
        return None
    return max(max(0.0, 1 - word_error_rate(a, _answer_text(trajectory))) for a in (example.answer, *example.aliases))


def number(
    example: Example, trajectory: Trajectory, *, decimals: int = 2, tolerance: float | None = None
) -> float | None:
    """1 if the only number of the answer is that of the reference, else 0; None where the reference is no number.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        decimals: places to which both numbers are rounded.
        tolerance: the greatest relative error, as in 0.05, in place of rounding.
    """
    wanted, said = _numbers(example, trajectory)
    if wanted is None:
        return None
    if said is None:
        return 0.0
    if tolerance is not None:
        return float(math.isclose(said, wanted, rel_tol=0, abs_tol=tolerance * abs(wanted)))
    return float(round(said, decimals) == round(wanted, decimals))


def relative_closeness(example: Example, trajectory: Trajectory) -> float | None:
    """max(0, 1 - |said - wanted| / |wanted|): the regression reward of Video-R1; None where there is no number."""
    error = _relative_error(example, trajectory)
    return None if error is None else max(0.0, 1 - error)


def relative_accuracy(example: Example, trajectory: Trajectory) -> float | None:
    """Share of thresholds t = .5, .55 .. .95 with relative error under 1 - t: VSI-Bench, equation 1; None without a
    number."""
    error = _relative_error(example, trajectory)
    if error is None:
        return None
    return sum(error < 1 - step for step in _RELATIVE_STEPS) / len(_RELATIVE_STEPS)


def span_iou(example: Example, trajectory: Trajectory) -> float | None:
    """IoU of the span that is asked for, read from `24.3 - 30.4 seconds` or the first evidence; None where none is
    asked."""
    wanted = strict_span(example.answer or "")
    if wanted is None:
        return None
    said = _answer_span(trajectory.answer)
    return iou(said, wanted) if said else 0.0


def answer_by_kind(example: Example, trajectory: Trajectory) -> float | None:
    """Video-R1's reward: exact for options and numbers at two decimals, `relative_closeness` where an `estimate` is
    needed, 1 - WER where `read_text` is, else ROUGE."""
    if example.question.options or example.answer is None:
        return answer(example, trajectory)
    if "estimate" in example.needs and (value := relative_closeness(example, trajectory)) is not None:
        return value
    if (value := number(example, trajectory)) is not None:
        return value
    return word_accuracy(example, trajectory) if "read_text" in example.needs else rouge(example, trajectory)


def answer_or_grounding(example: Example, trajectory: Trajectory) -> float | None:
    """IoU where a span is asked for, mean relative accuracy for a number, else `answer`: OmniAgent, VITAL."""
    if example.question.options or example.answer is None:
        return answer(example, trajectory)
    for value in (span_iou(example, trajectory), relative_accuracy(example, trajectory)):
        if value is not None:
            return value
    return answer(example, trajectory)


def answer_early(example: Example, trajectory: Trajectory, *, lost_a_turn: float = 0.1) -> float | None:
    """The reward `answer`, if correct less `lost_a_turn` for each turn before the last: 1 - 0.1 (turn - 1) in
    Video-MTR.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        lost_a_turn: reward lost by each turn before the last.
    """
    value = answer(example, trajectory)
    return max(0.0, value - lost_a_turn * (trajectory.turns - 1)) if value else value


def _answer_text(trajectory: Trajectory) -> str:
    return trajectory.answer.text if trajectory.answer and not trajectory.answer.abstains else ""


def _answer_span(given: Answer | None) -> Span | None:
    if given is None:
        return None
    first = given.evidence[0] if given.evidence else None
    return strict_span(given.text) or ((first.start_seconds, first.stop_seconds) if first else None)


def _relative_error(example: Example, trajectory: Trajectory) -> float | None:
    """Relative error |said - wanted| / |wanted|; infinite where no number is said; None where none is wanted, or 0."""
    wanted, said = _numbers(example, trajectory)
    if not wanted:
        return None
    return math.inf if said is None else abs(said - wanted) / abs(wanted)


def _numbers(example: Example, trajectory: Trajectory) -> tuple[float | None, float | None]:
    """The only number of reference and answer, (wanted, said); None where there is none, or several."""
    if example.answer is None or example.question.options:
        return None, None
    is_number_alone = len(split_words(example.answer)) <= 2  # "5", "5 dogs"; a sentence with a number in it is a text
    return (_number(example.answer) if is_number_alone else None), _number(_answer_text(trajectory))


def _number(text: str) -> float | None:
    found = []
    for word in split_words(text):
        if word.is_number:
            try:
                found.append(float(word.text))
            except ValueError:  # a time, a date or a version
                return None
    return found[0] if len(found) == 1 else None


def read_second_answer(example: Example, trajectory: Trajectory) -> Answer | None:
    """The answer of the second look, from the evidence alone; None where it gave none."""
    second = trajectory.second_look
    if second is None or not second.answer:
        return None
    question = example.question
    option = find_option(second.answer, question) if question.options else None
    is_unsure = option is None and is_cannot_tell(second.answer)
    return Answer(second.answer, option, not_shown=second.answer == NOT_SHOWN, cannot_tell=is_unsure)
