"""A whole run of a small questions file, on a clip made here, through the same graph as `agent ask`."""

import json
from pathlib import Path

import pytest

from agent.trajectory import Answer, Evidence, Question, Step, Trajectory, Turn, VideoFacts, to_json
from evals.controls import write_grey_clip
from evals.questions import Config, main


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Two questions of one clip, and a policy that always takes the second option."""
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    write_grey_clip(tmp_path / "grey.mp4")
    rows = [
        {
            "video": "grey.mp4",
            "question": "Which?",
            "options": ["red", "grey"],
            "answer": "grey",
            "evidence_seconds": [0, 2],
        },
        {"video": "grey.mp4", "question": "Which not?", "options": ["red", "grey"], "answer": "red"},
    ]
    questions = tmp_path / "questions.jsonl"
    questions.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    answer = Answer("grey", 1, 0.5, (Evidence(1.0, 2.0),))
    script = Trajectory(Question("v", "q"), VideoFacts("h", 1.0, 1, 1), steps=(Step(Turn("", answer)),))
    (tmp_path / "script.json").write_text(to_json(script), encoding="utf-8")
    policy = f"scripted:{tmp_path / 'script.json'}"
    return Config(questions, tmp_path, policy, tmp_path / "run.jsonl", controls=True, encoder="hashing")


def test_a_run_prints_its_command_and_its_tables_and_keeps_every_trajectory(config: Config) -> None:
    page = main(config, "python -m evals.questions q.jsonl")
    assert page.startswith("    python -m evals.questions q.jsonl\n")
    assert "| all " in page
    assert "50.0 %" in page
    assert "Over blind: +0.0 points" in page
    assert config.out is not None
    for name in ("run.jsonl", "run.blind.jsonl", "run.top1.jsonl"):
        assert len((config.out.parent / name).read_text(encoding="utf-8").splitlines()) == 2


def test_a_second_run_asks_nothing_again_and_needs_no_video(config: Config) -> None:
    first = main(config)
    (config.videos / "grey.mp4").unlink()
    said: list[str] = []
    assert main(config, say=said.append) == first
    assert said == []


def test_the_blind_control_never_opens_the_video_of_the_question(config: Config) -> None:
    main(config)
    assert config.out is not None
    lines = config.out.with_name("run.blind.jsonl").read_text(encoding="utf-8").splitlines()
    videos = {json.loads(line)["question"]["video"] for line in lines}
    assert str(config.videos / "grey.mp4") not in videos


def test_a_missing_video_is_said_before_anything_is_run(config: Config) -> None:
    (config.videos / "grey.mp4").unlink()
    with pytest.raises(ValueError, match="no video at"):
        main(config)
