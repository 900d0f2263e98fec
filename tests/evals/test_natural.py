import re
from dataclasses import replace
from pathlib import Path

import pytest

from agent.trajectory import Answer
from evals.natural.clips import CLIPS, open_clip
from evals.natural.run import DRAWN, NaturalQuestion, judge, main, read_questions
from tools.speech.subtitles import read_subtitles

ASKED = NaturalQuestion("1", "a.mp4", "en", "read", "text", "Which gate?", ("gate 12",), absent=False)


def test_the_halves_share_no_clip_and_every_pattern_is_one() -> None:
    halves = [read_questions("development"), read_questions("heldout")]
    assert [len(half) for half in halves] == [60, 60]
    clips = [{question.clip for question in half} for half in halves]
    assert not clips[0] & clips[1]
    for question in (*halves[0], *halves[1]):
        assert not question.clip.startswith(DRAWN) or question.clip.removeprefix(DRAWN) in CLIPS
        for pattern in question.right:
            re.compile(pattern)


@pytest.mark.parametrize(
    ("answer", "confidence", "verdict"),
    [
        (Answer("It says GATE 12."), 0.9, "right"),
        (Answer("gate 7"), 0.9, "false claim"),
        (Answer("gate 7"), 0.4, "wrong, unsure"),
        (Answer("not shown", not_shown=True), 0.4, "false claim"),
        (Answer("I can't tell", cannot_tell=True), None, "can't tell"),
        (None, None, "no answer"),
    ],
)
def test_what_becomes_of_a_question(answer: Answer | None, confidence: float | None, verdict: str) -> None:
    assert judge(ASKED, answer, confidence) == verdict


def test_not_shown_is_right_of_what_is_absent() -> None:
    assert judge(replace(ASKED, absent=True), Answer("not shown", not_shown=True), 0.7) == "right"


def test_a_drawn_clip_has_its_words_at_their_times(tmp_path: Path) -> None:
    video, subtitles = open_clip("talk", tmp_path)
    assert video.info.duration_seconds == 14
    assert subtitles is not None
    lines = read_subtitles(subtitles)
    assert [(line.start_seconds, line.stop_seconds) for line in lines] == [(1, 4), (5, 8), (9, 12)]
    assert open_clip("ball", tmp_path)[1] is None


@pytest.mark.weights
def test_the_drawn_clips_are_asked_and_the_others_counted_as_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    short = [
        question for question in read_questions("development") if question.clip in ("own:error", "webcam_tree.avi")
    ]
    monkeypatch.setattr("evals.natural.run.read_questions", lambda _: [*short, ASKED])
    main(["--out", str(tmp_path / "out.jsonl")])
    told = capsys.readouterr().out
    assert "1 questions left out" in told
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == len(short) == 3
