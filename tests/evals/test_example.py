"""Reading a questions file."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from agent.trajectory import Question
from evals.example import Example, load_examples

ROW = {
    "video": "a.mp4",
    "question": "Colour?",
    "options": ["red", "blue"],
    "answer": "blue",
    "evidence_seconds": [1, 2.5],
}


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")
    return path


def test_a_row_becomes_an_example_with_its_video_found_in_the_folder(tmp_path: Path) -> None:
    open_row = {"video": "a.mp4", "question": "Word?", "options": None, "answer": "x", "aliases": ["y"], "needs": ["z"]}
    first, second = load_examples(written(tmp_path, ROW, open_row), tmp_path)
    assert first.question == Question(str(tmp_path / "a.mp4"), "Colour?", ("red", "blue"), "a.mp4#1")
    assert (first.option, first.evidence_seconds, first.cluster) == (1, (1.0, 2.5), "a.mp4")
    assert second.question.id == "a.mp4#2"
    assert (second.option, second.aliases, second.needs, second.evidence_seconds) == (None, ("y",), ("z",), None)


def test_a_null_answer_means_not_shown(tmp_path: Path) -> None:
    (example,) = load_examples(written(tmp_path, {**ROW, "answer": None}), tmp_path)
    assert (example.answer, example.option) == (None, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": "green"}, "line 2: .*'green' is none of the options"),
        ({"evidence_seconds": [3, 1]}, "line 2: need 0 <= start <= stop"),
        ({"evidence_second": [3, 4]}, "line 2: evidence_second: Extra inputs"),
        ({"options": ["red"]}, "line 2: one option is not a choice"),
        ({"question": " "}, "line 2: the question is empty"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_examples(written(tmp_path, ROW, {**ROW, **change}), tmp_path)


def test_a_line_that_is_not_json_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text("{half\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 1: "):
        load_examples(path, tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no questions"):
        load_examples(written(tmp_path), tmp_path)


def test_what_a_policy_is_given_has_no_field_for_the_answer() -> None:
    assert {field.name for field in fields(Question)} == set(
        (
            "video text options id task from_seconds until_seconds audio_track picture_stream other_videos folder fps "
            "is_verbatim"
        ).split()
    )
    example = Example(Question("v", "q", ("SECRET", "b")), "SECRET")
    assert example.question == Question("v", "q", ("SECRET", "b"))
