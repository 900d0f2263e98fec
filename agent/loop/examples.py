"""Examples in context: runs that were right, shown before a question, and others while the model is unsure.

After VideoICL: of a folder of saved runs those with the most similar questions come first; where the confidence of an
answer stays low it is asked again with the next ones, and the surest answer is taken. Runs about the same video are
left out, since they could hold the answer itself.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from agent.loop.self_consistency import BROKEN_OFF, compute_limits_left, make_sample
from agent.loop.strategies import SURE
from agent.trajectory import ExampleRun, Limits, Question, Trajectory, load
from tools.words import FUNCTION_WORDS, root

AT_ONCE = 2
"""Examples that are shown together."""
MOST_ROUNDS = 3
"""How often a question is asked, each time with other examples."""
_MOST_LOOKS = 6
"""Tool calls of an example that are told."""
_WORD = re.compile(r"[^\W_]+")

PlayShown = Callable[[int, Limits, tuple[ExampleRun, ...]], Trajectory]
"""A function (sample, limits, examples) -> one run."""


def read_examples(folder: Path) -> tuple[ExampleRun, ...]:
    """The examples of a folder of saved runs, each of which has an answer that claims something.

    Raises:
        ValueError: there is no such folder, or none of its files has one.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: need one with runs that --save wrote, and that were right")
    runs = (load(path) for path in sorted(folder.glob("*.json")))
    found = tuple(example for run in runs if (example := _make_example(run)) is not None)
    if not found:
        raise ValueError(f"{folder} holds no run with an answer: need files that --save wrote, and that were right")
    return found


def _make_example(run: Trajectory) -> ExampleRun | None:
    answer = run.answer
    if answer is None or answer.abstains or run.question.task != "answer":
        return None
    looks = tuple(dict.fromkeys(call.name for call in run.calls))[:_MOST_LOOKS]
    return ExampleRun(run.question.text, run.question.options, answer.text, looks, run.content_hashes)


def rank_examples(
    question: Question, content_hashes: Sequence[str], pool: Sequence[ExampleRun]
) -> tuple[ExampleRun, ...]:
    """The examples about other videos, the one with the most similar question first.

    Similarity is the cosine of the roots of their words, each weighed by how few examples have it.

    Args:
        question: the question that is asked.
        content_hashes: hashes of its videos.
        pool: all examples.
    """
    others = [example for example in pool if not {*example.content_hashes} & {*content_hashes}]
    words = [_count_roots(example.question, example.options) for example in others]
    having = Counter(word for counted in words for word in counted)
    weights = {word: 1 + math.log(len(others) / count) for word, count in having.items()}
    asked = _count_roots(question.text, question.options)
    scores = [_compute_similarity(asked, counted, weights) for counted in words]
    return tuple(others[place] for place in sorted(range(len(others)), key=lambda place: -scores[place]))


def _count_roots(text: str, options: Sequence[str]) -> Counter[str]:
    found = _WORD.findall(" ".join((text, *options)).casefold())
    return Counter(root(word) for word in found if word not in FUNCTION_WORDS)


def _compute_similarity(a: Counter[str], b: Counter[str], weights: dict[str, float]) -> float:
    def product(x: Counter[str], y: Counter[str]) -> float:
        return sum(weights.get(word, 1.0) ** 2 * count * y[word] for word, count in x.items())

    return product(a, b) / math.sqrt(product(a, a) * product(b, b) or 1.0)


def ask_with_examples(play: PlayShown, ranked: Sequence[ExampleRun], limits: Limits) -> Trajectory:
    """The surest of up to three runs, each with the next examples; one that is sure ends it.

    Args:
        play: makes one run.
        ranked: the examples, the most similar first.
        limits: bounds of each run; `max_cost_usd` and `max_seconds` bound all together.
    """
    played: list[Trajectory] = []
    for number in range(MOST_ROUNDS):
        shown = tuple(ranked[number * AT_ONCE : (number + 1) * AT_ONCE])
        left = compute_limits_left(limits, played)
        if left is None or (played and not shown):
            break
        played.append(play(number, left, shown))
        if played[-1].stop in BROKEN_OFF or _read_confidence(played[-1]) >= SURE:
            break
    is_broken = played[-1].stop in BROKEN_OFF
    chosen = played[-1] if is_broken else max(played, key=_read_confidence)  # the first of equals
    samples = tuple(make_sample(run, number) for number, run in enumerate(played, start=1)) if len(played) > 1 else ()
    return replace(chosen, samples=samples, limits=limits)


def _read_confidence(run: Trajectory) -> float:
    return -1.0 if run.answer is None else run.confidence or 0.0
