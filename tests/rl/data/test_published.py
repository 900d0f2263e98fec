"""Rows in the shapes that training sets come in, all of our own making."""

import json
from pathlib import Path
from typing import Any

import pytest

from rl.attacks import write_answer
from rl.data.published import read_llava_video, read_next_qa, read_video_r1, read_videokr
from rl.rewards.answers import answer_by_kind
from tests.rl.cases import run

VIDEOS = Path("/videos")


def as_json(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def as_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def said(*texts: str) -> list[dict[str, str]]:
    return [{"from": ("human", "gpt")[n % 2], "value": text} for n, text in enumerate(texts)]


CHOICE = "<image>\nWhat does the woman lift?\nOptions:\nA. A kettle.\nB. A rope.\nC. A dog.\nPlease give the letter."


def test_a_llava_choice_is_taken_apart_into_question_options_and_answer(tmp_path: Path) -> None:
    rows = [{"id": "v7", "conversations": said(CHOICE, "B. A rope."), "data_source": "own", "video": "a/v7.mp4"}]
    (example,) = read_llava_video(as_json(tmp_path / "mc.json", rows), VIDEOS).examples
    assert example.question.text == "What does the woman lift?"
    assert example.question.options == ("A kettle.", "A rope.", "A dog.")
    assert (example.answer, example.option) == ("A rope.", 1)
    assert (example.question.video, example.needs) == ("/videos/a/v7.mp4", ("multiple choice",))


def test_each_round_of_a_llava_conversation_is_a_question_of_the_same_video(tmp_path: Path) -> None:
    rounds = said("<image>\nWhere is it?", "In a barn.", "Who comes in?", "A farmer.")
    rows = [{"id": "v8", "conversations": rounds, "data_source": "own", "video": "v8.mp4"}]
    examples = read_llava_video(as_json(tmp_path / "oe.json", rows), VIDEOS).examples
    assert [(one.question.id, one.question.text, one.answer) for one in examples] == [
        ("v8#1", "Where is it?", "In a barn."),
        ("v8#2", "Who comes in?", "A farmer."),
    ]
    assert len({one.cluster for one in examples}) == 1


def video_r1(**other: Any) -> dict[str, Any]:
    row = {"problem_id": 4, "problem": "What falls?", "data_type": "video", "problem_type": "multiple choice"}
    rest = {"options": ["A. a cup", "B. a hat"], "solution": "<answer>B</answer>", "path": "./own/4.mp4"}
    return {**row, **rest, "data_source": "own", **other}


def test_video_r1_rows_are_read_and_what_is_no_question_of_a_video_is_counted(tmp_path: Path) -> None:
    rows = [
        video_r1(),
        video_r1(problem_id=5, problem_type="numerical", options=[], solution="<answer>3</answer>"),
        video_r1(problem_id=6, data_type="image"),
        video_r1(problem_id=7, problem_type="regression", options=[], solution="<answer>3.2</answer>"),
        video_r1(problem_id=9, problem_type="OCR", options=[], solution="<answer>EXIT 4</answer>"),
        video_r1(problem_id=10, problem_type="poem", options=[], solution="<answer>a rose</answer>"),
        video_r1(problem_id=8, solution="<answer>C</answer>"),
    ]
    found = read_video_r1(as_json(tmp_path / "r1.json", rows), VIDEOS)
    assert [(one.answer, one.needs) for one in found.examples] == [
        ("a hat", ("multiple choice",)),
        ("3", ("numerical",)),
        ("3.2", ("estimate",)),
        ("EXIT 4", ("read_text",)),
    ]
    assert found.left_out == {"about an image": 1, "of the type poem": 1, "its answer is none of the options": 1}


def test_text_of_video_r1_is_scored_by_its_error_rate_and_estimates_by_nearness(tmp_path: Path) -> None:
    rows = [
        video_r1(problem_type="OCR", options=[], solution="<answer>turn left at exit 4</answer>"),
        video_r1(problem_type="regression", options=[], solution="<answer>4.0</answer>"),
    ]
    sign, size = read_video_r1(as_json(tmp_path / "r1.json", rows), VIDEOS).examples
    # four of five words wrong or missing
    assert answer_by_kind(sign, run(write_answer("left"), example=sign)) == pytest.approx(0.2)
    assert answer_by_kind(size, run(write_answer("3"), example=size)) == 0.75


@pytest.mark.parametrize("options", [["A. Xenon", "B. Argon"], {"A": "Xenon", "B": "Argon"}])
def test_videokr_rows_are_read_with_options_in_either_form(tmp_path: Path, options: Any) -> None:
    row = {"id": 1, "question": "<video>\nWhich gas glows?", "options": options, "answer": "B", "file_name": "g.mp4"}
    (example,) = read_videokr(as_jsonl(tmp_path / "kr.jsonl", [row]), VIDEOS).examples
    assert (example.question.text, example.answer, example.option) == ("Which gas glows?", "Argon", 1)


def test_a_row_without_its_question_is_named_by_file_and_row(tmp_path: Path) -> None:
    path = as_jsonl(tmp_path / "kr.jsonl", [{"id": 1, "answer": "B", "file_name": "g.mp4"}])
    with pytest.raises(ValueError, match=r"kr\.jsonl, row 1: the key 'question' is missing"):
        read_videokr(path, VIDEOS)


def test_next_qa_is_read_as_the_benchmark_is(tmp_path: Path) -> None:
    header = "video,frame_count,width,height,question,answer,qid,type,a0,a1,a2,a3,a4"
    line = "77,300,640,360,why did the boy stop,2,0,CW,tired,lost,saw a cat,fell,cold"
    (tmp_path / "train.csv").write_text(f"{header}\n{line}\n", encoding="utf-8")
    (tmp_path / "map_vid_vidorID.json").write_text('{"77": "0001/77"}', encoding="utf-8")
    (example,) = read_next_qa(tmp_path).examples
    assert (example.question.text, example.answer) == ("why did the boy stop", "saw a cat")


def test_an_answer_that_only_begins_with_a_letter_is_no_letter(tmp_path: Path) -> None:
    row = video_r1(options=["A. Berlin", "B. A big hat"], solution="<answer>A big hat</answer>")
    (example,) = read_video_r1(as_json(tmp_path / "r1.json", [row]), VIDEOS).examples
    assert example.answer == "A big hat"
