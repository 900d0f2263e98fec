"""The generated questions of the ranker, and the fit that is judged on what it did not see."""

import json
from pathlib import Path

import numpy as np
import pytest

from agent.policies.lite_rules.ranking import build_candidates
from agent.policies.lite_rules.words import normalize
from evals.ranker.fit import CandidateSet, fit_weights, read_options
from evals.ranker.videos import FAMILIES, make_questions


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "pictures"])
def test_the_answer_is_nearly_always_a_piece_that_can_be_chosen(family: str) -> None:
    asked = [made for seed in range(12) for made in make_questions(family, seed) if made.right]
    found = [
        bool(
            {normalize(text) for text in made.right}
            & {normalize(c.text) for c in build_candidates(made.reading, made.lines, (), None)}
        )
        for made in asked
    ]
    # the rest are misread, as by a real reader
    assert sum(found) / len(found) >= 0.5


def test_the_same_seed_makes_the_same_questions_and_another_one_others() -> None:
    assert make_questions("signs", 3) == make_questions("signs", 3)
    assert make_questions("signs", 3) != make_questions("signs", 4)


def test_what_only_eyes_can_tell_has_no_answer_in_words() -> None:
    assert all(not made.right for seed in range(5) for made in make_questions("pictures", seed))


def test_a_feature_that_marks_the_right_candidates_gets_the_weight() -> None:
    draw = np.random.default_rng(0)
    choices = []
    for _ in range(200):
        right = draw.integers(4)
        rows = draw.normal(size=(4, 3)).astype(np.float32)
        rows[right, 1] += 2
        choices.append(CandidateSet(rows, np.arange(4) == right))
    weights = fit_weights(choices)
    assert weights[1] > 1
    assert abs(weights[0]) < 0.4
    assert abs(weights[2]) < 0.4


def test_recorded_options_are_read_back(tmp_path: Path) -> None:
    row = {"video": "a", "right": 1, "options": [{"option words": 0.5}, {"option words": 1.0, "option place": -1.0}]}
    (tmp_path / "o.jsonl").write_text(json.dumps(row) + "\n")
    (choice,), names = read_options(tmp_path / "o.jsonl")
    assert names == ["option place", "option words"]
    assert choice.rows.tolist() == [[0.0, 0.5], [-1.0, 1.0]]
    assert choice.right.tolist() == [False, True]
