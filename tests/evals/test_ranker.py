"""The generated questions of the ranker, and the fit that is judged on what it did not see."""

import json
from pathlib import Path

import numpy as np
import pytest

from agent.policies.lite_rules.pieces.candidates import build_candidates, select_signs
from agent.policies.lite_rules.words import normalize
from evals.ranker.fit import CandidateSet, Judged, cross_validate_confidence, fit_weights, read_options
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


NO_SIGNS = select_signs({"own": 0.5})


def test_the_confidence_of_a_kind_is_that_of_other_videos() -> None:
    made = [one for family in ("signs", "departures") for seed in range(40) for one in make_questions(family, seed)]
    draw = np.random.default_rng(0)
    shares = {"words": 0.9, "number": 0.3}
    judged = [
        Judged(one, "", 0.5, 1.0, NO_SIGNS, bool(draw.random() < shares[one.reading.wants]))
        for one in made
        if one.reading.wants in shares
    ]
    confidences = cross_validate_confidence(judged)
    for wants, share in shares.items():
        of_kind = [c for c, j in zip(confidences, judged, strict=True) if j.made.reading.wants == wants]
        assert len(of_kind) > 30
        assert sum(of_kind) / len(of_kind) == pytest.approx(share, abs=0.12)


def test_a_sense_that_did_not_find_the_answer_has_none() -> None:
    made = [one for seed in range(40) for one in make_questions("signs", seed) if one.reading.senses == ("speech",)]
    assert made
    assert not any(one.right for one in made)


def test_recorded_options_are_read_back(tmp_path: Path) -> None:
    row = {"video": "a", "right": 1, "options": [{"option words": 0.5}, {"option words": 1.0, "option place": -1.0}]}
    (tmp_path / "o.jsonl").write_text(json.dumps(row) + "\n")
    (choice,), names = read_options(tmp_path / "o.jsonl")
    assert names == ["option place", "option words"]
    assert choice.rows.tolist() == [[0.0, 0.5], [-1.0, 1.0]]
    assert choice.right.tolist() == [False, True]
