"""ROUGE and the word error rate, against values recorded from the libraries that most people take."""

import json
from pathlib import Path

import pytest

from rl.rewards.wording import rouge_l, rouge_mean, rouge_n, word_error_rate

# 45 pairs, from rouge-score 0.1.2 with use_stemmer=False and jiwer 4.0.0 (on lower-case words without punctuation)
RECORDED = [json.loads(line) for line in (Path(__file__).parent / "wording_recorded.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: f"{row['reference'][:12]}/{row['said'][:12]}")
def test_what_the_libraries_say(row: dict[str, float]) -> None:
    reference, said = str(row["reference"]), str(row["said"])
    assert rouge_n(reference, said, 1) == pytest.approx(row["rouge1"])
    assert rouge_n(reference, said, 2) == pytest.approx(row["rouge2"])
    assert rouge_l(reference, said) == pytest.approx(row["rougeL"])
    assert word_error_rate(reference, said) == pytest.approx(row["wer"])


def test_rouge_worked_out_by_hand() -> None:
    # shared, each as often as both have it: a, man, opens, door: 4 of 5 and 5
    assert rouge_n("the man opens a door", "a man opens a door", 1) == pytest.approx(2 * 4 / 10)
    # bigrams shared: man opens, opens a, a door: 3 of 4 and 4
    assert rouge_n("the man opens a door", "a man opens a door", 2) == pytest.approx(2 * 3 / 8)
    assert rouge_l("the man opens a door", "a man opens a door") == pytest.approx(2 * 4 / 10)
    assert rouge_mean("the man opens a door", "a man opens a door") == pytest.approx((0.8 + 0.75 + 0.8) / 3)


@pytest.mark.parametrize("text", ["Αθήνα", "café crème", "Zürich"])
def test_equal_answers_in_any_script_are_worth_all(text: str) -> None:
    assert rouge_n(text, text.upper(), 1) == 1.0
    assert word_error_rate(text, text) == 0.0


def test_nothing_said_is_worth_nothing() -> None:
    assert rouge_mean("Paris", "") == 0.0
    assert word_error_rate("Paris", "") == 1.0


def test_a_reference_without_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match="has no word"):
        word_error_rate("...", "Paris")
