"""Composed questions are played on shuffled frames too, for rewards that compare."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.policies.scripted import ScriptedPolicy
from agent.trajectory import Answer, Limits, Stop, Trajectory, Turn
from evals.controls.catalogue import control_named
from evals.runner.run_file import Key
from evals.runner.runner import RunSettings
from rl.data.curriculum import ComposedQuestions
from rl.data.questions import PosedQuestions


def test_segments_of_a_composed_video_change_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path))
    posed = ComposedQuestions(seed=3).compose_question(0)
    questions = PosedQuestions([posed], "pictures")
    found: list[Trajectory] = []

    def keep(key: Key, trajectory: Trajectory) -> None:
        found.append(trajectory)

    for control in (None, "shuffled-frames"):
        settings = RunSettings(ScriptedPolicy([Turn("", Answer("A"))]), Limits(), verify=False)
        questions.play([(posed.example.question.id, 0)], replace(settings, control=control_named(control)), keep, 1)
    plain, shuffled = found
    assert Stop.CRASHED not in (plain.stop, shuffled.stop)
    assert shuffled.facts == replace(plain.facts, content_hash=shuffled.facts.content_hash)
    assert shuffled.facts.content_hash != plain.facts.content_hash
