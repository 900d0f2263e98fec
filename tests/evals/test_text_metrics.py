"""Overlap in words of open answers with their references, by libraries that an extra brings."""

import sys
from pathlib import Path

import pytest

from agent.trajectory import Answer
from evals.run import RunConfig, main
from evals.text_metrics import METRICS, measure_overlap
from evals.text_metrics import main as text_metrics
from tests.evals.sets_drawn import row, write_script, write_set
from tools.observation import MissingPartError


def test_equal_texts_have_all_and_others_nothing() -> None:
    pytest.importorskip("sacrebleu", reason="needs videosleuth[metrics]")
    pytest.importorskip("rouge_score", reason="needs videosleuth[metrics]")
    said = ["the old man opens a wooden box", "a dog runs after the red ball"]
    whole = measure_overlap(said, [(text,) for text in said])
    assert whole == pytest.approx(dict.fromkeys(METRICS, 100.0))
    assert set(measure_overlap(["", ""], [(text,) for text in said]).values()) == {0.0}
    # one of two words, and no pair: F1 of single words 2 * 0.5 * 0.5
    half = measure_overlap(["red cup"], [("blue cup",)])
    assert half["ROUGE-1"] == pytest.approx(50.0)
    assert half["ROUGE-2"] == 0.0
    nearest = measure_overlap(["a red cup", "yes"], [("something else", "a red cup"), ("yes",)])
    assert nearest["ROUGE-L"] == pytest.approx(100.0)


def test_open_answers_of_a_run_are_measured_and_choices_are_not(tmp_path: Path) -> None:
    pytest.importorskip("sacrebleu", reason="needs videosleuth[metrics]")
    pytest.importorskip("rouge_score", reason="needs videosleuth[metrics]")
    data = write_set(tmp_path / "data", [row(options=[], answer="green"), row()])
    policy = write_script(tmp_path / "script.json", Answer("green", 1))
    main(RunConfig("clips", str(data), tmp_path / "run", policy, encoder="hashing"))
    page = text_metrics([str(tmp_path / "run")])
    (line,) = [line for line in page.splitlines() if str(tmp_path) in line]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1] == "1"
    assert cells[4] == "100.0"


def test_without_the_libraries_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    for name in ("sacrebleu", "rouge_score"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(MissingPartError, match=r"sacrebleu is not installed: run `.*metrics"):
        measure_overlap(["a"], [("a",)])
