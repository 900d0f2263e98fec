"""A whole run of a small questions file, on a clip made here, through the same graph as `agent ask`."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.policy import PolicyError, Sight
from agent.trajectory import Answer, Evidence, Question, Step, Stop, Trajectory, Turn, VideoFacts, to_json
from evals.controls.grey_clip import write_grey_clip
from evals.example import load_examples
from evals.questions import Config, Run, main, play
from evals.run_file import RunFile


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


class Meeting:
    """A policy that answers only when so many questions are asked at the same time."""

    spec = "meeting"
    setup = None

    def __init__(self, count: int) -> None:
        self._all_here = threading.Barrier(count, timeout=30)

    def __call__(self, trajectory: Trajectory, sight: Sight) -> Turn:
        self._all_here.wait()
        return Turn("", Answer("grey", 1))


def test_so_many_questions_are_played_at_once_with_one_toolbox_a_video(config: Config) -> None:
    examples, said = load_examples(config.questions, config.videos), list[str]()
    run = Run("policy", Meeting(2), RunFile(config.out), verify=False)
    play(run, examples, replace(config, concurrency=2), said.append)
    assert config.out is not None
    assert set(RunFile(config.out).trajectories) == {"grey.mp4#1", "grey.mp4#2"}
    assert all(played.stop is Stop.ANSWERED for played in run.file.trajectories.values())
    assert sum("indexed in" in line for line in said) == 1


def test_together_or_one_after_the_other_the_results_are_the_same(config: Config, tmp_path: Path) -> None:
    alone = main(config)
    together = main(replace(config, out=tmp_path / "together.jsonl", concurrency=3))
    right = [[line for line in page.splitlines() if line.startswith("| all ")] for page in (alone, together)]
    assert right[0] == right[1] != []


class Gone:
    """A policy whose server is gone."""

    spec = "gone"
    setup = None

    def __call__(self, trajectory: Trajectory, sight: Sight) -> Turn:
        raise PolicyError("no server at http://localhost:1")


def test_a_policy_that_fails_is_asked_again_next_time(config: Config) -> None:
    examples = load_examples(config.questions, config.videos)
    run = Run("policy", Gone(), RunFile(config.out), verify=False)
    play(run, examples, config, lambda _: None)
    assert run.file.missing(examples, "gone", config.limits) == examples


def test_no_question_at_once_is_refused(config: Config) -> None:
    with pytest.raises(ValueError, match="need concurrency >= 1, got 0"):
        replace(config, concurrency=0)
