"""Fits the ranker of `lite`, and what its confidence is worth, on generated questions.

    python -m evals.ranker.fit                # judged by leaving families and videos out, then fitted on all
    python -m evals.ranker.fit --judge-only
    python -m evals.ranker.fit --confidence-only   # the weights stay

Conditional logit with a quadratic penalty, by gradient descent; questions that nothing there answers take part in the
confidence only, which is fitted on families that the weights did not see.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import agent.policies.lite_rules as lite_rules
from agent.ending import Parser, end_process
from agent.policies.lite import load_packaged_similarity
from agent.policies.lite_rules.pieces.candidates import build_candidates, find_group, select_signs
from agent.policies.lite_rules.ranking import compute_confidence_features, weigh_confidence
from agent.policies.lite_rules.words import normalize
from evals.ranker.videos import FAMILIES, GeneratedQuestion, make_questions
from evals.statistics.stats import wilson
from evals.statistics.tables import format_percent, render_table
from tools.plain_data import loads_json, read_plain_lines

OPTION = "option "
"""Prefix of the names of the options' weights."""
WEIGHTS = Path(lite_rules.__file__).with_name("weights.json")
_PENALTY = 0.02
"""Weight of the quadratic penalty."""
_STEPS = 120
"""Steps of the optimiser."""
_MOST_WRONG = 20
"""Most wrong candidates of a question in the fit; bounds its time."""
_MOST_FOLDS = 40
"""Most folds of the cross-validation: enough to leave out every family by itself."""
_CONFIDENCE_FOLDS = 10
"""Folds of videos in which the confidence is judged."""
_LEAST_KIND = 30
"""Answers of a kind from which its confidence is judged by itself."""
_LEAST_WEIGHT = 0.001
"""Least absolute weight that is written; smaller ones are left out."""
_LOOKALIKES = str.maketrans("0158ic", "olsble")
"""Letters and digits that text recognition confuses, as the generated misreadings do."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class CandidateSet:
    """The candidates of one choice, with their features."""

    rows: Floats
    """Features of the candidates, (candidates, features) float32."""
    right: NDArray[np.bool_]


@dataclass(frozen=True)
class Described(CandidateSet):
    """The candidates of a generated question."""

    made: GeneratedQuestion
    keys: tuple[str, ...]
    """Key of each candidate; candidates of one key are one answer."""
    signs: tuple[dict[str, float], ...]
    """Features of each candidate that its confidence depends on."""


def describe_candidates(questions: Sequence[GeneratedQuestion]) -> tuple[list[Described], list[str]]:
    """The candidates of each question that has some, and the names of the features."""
    similarity = load_packaged_similarity()
    found = [(made, build_candidates(made.reading, made.lines, made.moments, similarity)) for made in questions]
    names = sorted({name for _, some in found for candidate in some for name in candidate.features})
    described = []
    for made, some in found:
        keys = tuple(_key(candidate.text) for candidate in some)
        accepted = {_key(text) for text in made.right}
        if some:
            rows = make_rows([candidate.features for candidate in some], names)
            described.append(
                Described(
                    rows,
                    np.array([key in accepted for key in keys]),
                    made,
                    keys,
                    tuple(select_signs(candidate.features) for candidate in some),
                )
            )
    return described, names


def read_options(path: Path) -> tuple[list[CandidateSet], list[str]]:
    """Reads the choices that `evals.ranker.options` recorded, and the names of their features."""
    found = [loads_json(row) for _, row in read_plain_lines(path)]
    names = sorted({name for row in found for option in row["options"] for name in option})
    return [
        CandidateSet(make_rows(row["options"], names), np.arange(len(row["options"])) == row["right"]) for row in found
    ], names


def make_rows(features: Sequence[Mapping[str, float]], names: Sequence[str]) -> Floats:
    """The features of candidates as (candidates, features) float32, in the order of the names."""
    places, rows = {name: i for i, name in enumerate(names)}, np.zeros((len(features), len(names)), np.float32)
    for i, row in enumerate(features):
        for name, value in row.items():
            rows[i, places[name]] = value
    return rows


def _key(text: str) -> str:
    """Key that is equal for two readings of one text that differ in spaces and confusable characters."""
    return normalize(text).replace(" ", "").replace(".", "").translate(_LOOKALIKES)


def fit_weights(choices: Sequence[CandidateSet]) -> Floats:
    """Fits the weights that make the correct candidates likeliest, (features,) float32, by Adam (Kingma and Ba
    2015)."""
    used = [(choice, _sample_candidates(choice)) for choice in choices if choice.right.any()]
    rows = np.concatenate([choice.rows[some] for choice, some in used])
    right = np.concatenate([choice.right[some] for choice, some in used])
    sizes = [len(some) for _, some in used]
    starts, owner = np.cumsum([0, *sizes[:-1]]), np.repeat(np.arange(len(used)), sizes)
    weights, mean, square = (np.zeros(rows.shape[1], np.float32) for _ in range(3))
    for step in range(1, _STEPS + 1):
        share = _softmax(rows @ weights, starts, owner)
        among = np.where(right, share, 0.0)
        among /= np.maximum(1e-12, np.add.reduceat(among, starts))[owner]
        slope = rows.T @ (share - among) / len(used) + _PENALTY * weights / len(weights) ** 0.5
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        weights = weights - 0.1 * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return weights


def _sample_candidates(choice: CandidateSet) -> NDArray[np.int64]:
    """Indices of the correct candidates and a sample of the wrong ones, which keeps the fit consistent (McFadden
    1978)."""
    wrong = np.flatnonzero(~choice.right)
    drawn = np.random.default_rng(len(wrong)).permutation(wrong)[:_MOST_WRONG]
    return np.concatenate([np.flatnonzero(choice.right), drawn])


def _softmax(scores: Floats, starts: NDArray[np.int64], owner: NDArray[np.int64]) -> Floats:
    powers = np.exp(scores - np.maximum.reduceat(scores, starts)[owner])
    return (powers / np.add.reduceat(powers, starts)[owner]).astype(np.float32)


@dataclass(frozen=True)
class Judged:
    """The top-ranked answer of a question, with its probability and correctness."""

    made: GeneratedQuestion
    said: str
    share: float
    score: float
    signs: Mapping[str, float]
    is_right: bool

    @property
    def group(self) -> str:
        """Group of questions with which the confidence is fitted."""
        return find_group(self.made.reading)


def judge(question: Described, weights: Floats) -> Judged:
    """The answer that the weights rank first for a question."""
    scores = question.rows @ weights
    powers = np.exp(scores - scores.max())
    shares: dict[str, float] = defaultdict(float)
    for key, power in zip(question.keys, powers / powers.sum(), strict=True):
        shares[key] += float(power)
    best = max(shares, key=lambda key: shares[key])
    first = max((i for i, key in enumerate(question.keys) if key == best), key=lambda i: float(scores[i]))
    is_right = best in {_key(text) for text in question.made.right}
    return Judged(question.made, best, shares[best], float(scores[first]), question.signs[first], is_right)


def cross_validate(questions: Sequence[Described], unit: Callable[[GeneratedQuestion], str]) -> list[Judged]:
    """Cross-validates: judges each question by weights that were fitted without its unit, a family or a video."""
    units = sorted({unit(q.made) for q in questions})
    folds = min(len(units), _MOST_FOLDS)
    judged = []
    for fold in range(folds):
        held = set(units[fold::folds])
        weights = fit_weights([q for q in questions if unit(q.made) not in held])
        judged += [judge(q, weights) for q in questions if unit(q.made) in held]
    return judged


def fit_confidence(judged: Sequence[Judged]) -> dict[str, float]:
    """Fits a logistic regression of correctness on features of the top-ranked answers; gives weights by name."""
    signs = [compute_confidence_features(j.made.reading, j.share, j.score, j.signs) for j in judged]
    names = sorted({name for row in signs for name in row})
    columns, right = make_rows(signs, names).astype(float), np.array([j.is_right for j in judged], float)
    weights = np.zeros(len(names))
    for _ in range(25):  # Newton's method
        likely = 1 / (1 + np.exp(-columns @ weights))
        curve = (columns * (likely * (1 - likely))[:, None]).T @ columns + np.eye(len(names))
        weights += np.linalg.solve(curve, columns.T @ (right - likely) - weights)
    return {name: round(float(weight), 3) for name, weight in zip(names, weights, strict=True)}


def cross_validate_confidence(judged: Sequence[Judged]) -> list[float]:
    """The confidence of each judged answer, fitted without all answers of its video."""
    videos = sorted({j.made.video for j in judged})
    fold_of = {video: number % _CONFIDENCE_FOLDS for number, video in enumerate(videos)}
    fitted = [fit_confidence([j for j in judged if fold_of[j.made.video] != n]) for n in range(_CONFIDENCE_FOLDS)]
    signs = [compute_confidence_features(j.made.reading, j.share, j.score, j.signs) for j in judged]
    return [weigh_confidence(row, fitted[fold_of[j.made.video]]) for row, j in zip(signs, judged, strict=True)]


def main(arguments: list[str] | None = None) -> None:
    """Cross-validates, prints the results, and writes the weights."""
    parser = Parser(
        "python -m evals.ranker.fit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=int, default=60, metavar="N", help="videos of each family")
    parser.add_argument("--options", type=Path, metavar="FILE.jsonl", help="what evals.ranker.options wrote")
    parser.add_argument("--judge-only", action="store_true")
    parser.add_argument("--confidence-only", action="store_true", help="keep the weights as they are")
    parser.add_argument("--show", default="", metavar="FAMILY,...", help="print the wrong ones of families")
    options = parser.parse_args(arguments)
    made = [one for family in FAMILIES for seed in range(options.videos) for one in make_questions(family, seed)]
    questions, names = describe_candidates(made)
    judged = cross_validate(questions, lambda made: made.family)
    print(f"Whole families left out:\n\n{_table(judged)}\n")
    print(f"Confidence, whole videos left out of its fit too:\n\n{_confidence_table(judged)}\n")
    for j in judged:
        if j.made.family in options.show.split(",") and not j.is_right and j.made.right:
            reading = j.made.reading
            print(f"{reading.wants}: {reading.question.text} | {j.said!r} {j.share:.2f}, not {j.made.right}")
    if options.judge_only:
        print(f"Whole videos left out:\n\n{_table(cross_validate(questions, lambda made: made.video))}\n")
    if not options.judge_only:
        weights: dict[str, float] = loads_json(WEIGHTS.read_text())["weights"]
        if not options.confidence_only:
            chosen = {name: weight for name, weight in weights.items() if name.startswith(OPTION)}
            if options.options is not None:
                chosen = _fit_named(*read_options(options.options))
            weights = _fit_named(questions, names) | chosen
        found = {"weights": dict(sorted(weights.items())), "confidence": fit_confidence(judged)}
        WEIGHTS.write_text(json.dumps(found, indent=0) + "\n")


def _fit_named(choices: Sequence[CandidateSet], names: Sequence[str]) -> dict[str, float]:
    weights = zip(names, map(float, fit_weights(choices)), strict=True)
    return {name: round(weight, 3) for name, weight in weights if abs(weight) >= _LEAST_WEIGHT}


def _confidence_table(judged: Sequence[Judged]) -> str:
    found = defaultdict[str, list[tuple[float, bool]]](list)
    for j, confidence in zip(judged, cross_validate_confidence(judged), strict=True):
        for kind in ("all", f"group {j.group}", f"asked for {j.made.reading.wants}"):
            found[kind].append((confidence, j.is_right))
    rows = []
    for kind, some in sorted(found.items()):
        if len(some) >= _LEAST_KIND:
            mean, right = sum(c for c, _ in some) / len(some), sum(is_right for _, is_right in some)
            low, high = wilson(right, len(some))
            off = f"{100 * (mean - right / len(some)):+.1f}"
            inside = f"[{100 * low:.0f}, {100 * high:.0f}]"
            rows.append((kind, str(len(some)), f"{mean:.3f}", format_percent(right / len(some)), inside, off))
    return render_table(("", "answers", "mean confidence", "right", "95 % interval", "too sure by, points"), rows)


def _table(judged: Sequence[Judged]) -> str:
    answerable = [j for j in judged if j.made.right]
    keys: dict[str, Callable[[Judged], str]] = {
        "family": lambda j: j.made.family,
        "group": lambda j: j.group,
        "language": lambda j: j.made.reading.language.code,
        "all": lambda _: "all",
    }
    rows = []
    for title, key in keys.items():
        for name, items in groupby(sorted(answerable, key=key), key):
            some = list(items)
            right, share = sum(j.is_right for j in some) / len(some), sum(j.share for j in some) / len(some)
            rows.append((f"{title} {name}", str(len(some)), format_percent(right), f"{share:.2f}"))
    return render_table(("", "questions", "first right", "mean share"), rows)


if __name__ == "__main__":
    end_process("evals.ranker.fit", main)
