"""The plan of run 2 hangs together before anything is done, and what is done is not done again."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.trajectory import Trajectory
from evals.example import Example
from rl.attacks import write_look
from rl.collect import run_question
from rl.data.curriculum import ComposedQuestions
from rl.data.expert import PictureEyes, ScriptedExpert
from rl.small_vlm.looking import count_looks, has_zoomed, render_table
from rl.small_vlm.plan import read_plan
from rl.small_vlm.run import _Done
from tests.rl.cases import OPEN, RIGHT, run

CONFIGS = Path(__file__).parents[2] / "rl/configs/run2"


@pytest.mark.parametrize("name", ["full", "smoke"])
def test_the_packaged_plans_can_be_read(name: str) -> None:
    plan = read_plan(CONFIGS / f"{name}.toml")
    pixels = {plan.max_frame_pixels, plan.pretraining().max_frame_pixels, plan.imitation().max_frame_pixels}
    assert pixels == {plan.training().play.max_frame_pixels}
    assert plan.collecting().max_turns == plan.training().play.max_turns == plan.limits().max_turns
    assert plan.collecting().seed != 11, "the seed of the questions that are asked at the end"


def test_a_stage_that_does_not_fit_is_told_before_the_first_is_done(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(f'out = "{tmp_path}"\n[train]\nstep = 3\n')
    with pytest.raises(ValueError, match="step"):
        read_plan(path)


def test_no_stage_is_done_twice(tmp_path: Path) -> None:
    calls: list[str] = []

    def stage() -> str:
        calls.append("done")
        return "seven"

    assert [_Done(tmp_path, lambda _: None)("one", stage) for _ in range(2)] == ["seven", "seven"]
    assert calls == ["done"]


def test_a_stage_that_fails_is_done_again(tmp_path: Path) -> None:
    done = _Done(tmp_path, lambda _: None)

    def fails() -> str:
        raise ValueError("no disk")

    with pytest.raises(ValueError, match="no disk"):
        done("one", fails)
    assert done("one", lambda: "mended") == "mended"


def test_the_expert_plays_the_game_that_models_play_and_zooms_to_read() -> None:
    """It begins with the look that is taken for a model, and its zoom is counted as one."""
    questions = ComposedQuestions(5)
    posed = next(p for n in range(99) if (p := questions.compose_question(n)).asked.family == "read" and p.asked.answer)
    played = run_question(posed, ScriptedExpert(posed.asked, PictureEyes(posed.episode)), "pictures", opening=True)
    assert played.steps[0].turn.is_opening
    assert len(played.steps[0].results[0].observation.frames) == 8
    assert has_zoomed(played)
    found = count_looks([(posed.example, played)])
    assert (found.right, found.read_right, found.read_zoomed, found.read_questions) == (1, 1, 1, 1)
    assert found.parsed_turns == found.turns == len(played.steps) - 1


def test_runs_are_counted_by_hand() -> None:
    read: Example = replace(OPEN, needs=("read",))
    right, blind = run(*RIGHT), run()
    assert not has_zoomed(right), write_look(1, 2)
    pairs: list[tuple[Example, Trajectory]] = [(OPEN, right), (read, right), (read, blind)]
    found = count_looks(pairs)
    assert (found.questions, found.read_questions, found.zoomed) == (3, 2, 0)
    assert (found.right, found.scored) == (2, 2), "what was not played to its end is not scored"
    assert "| sft | none | 2 of 2 (100 %" in render_table([("sft", "none", found)])
