"""The recipe of event reasoning and prediction: its files, and both stages on a tiny model and two clips."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from agent.trajectory import Answer
from evals.runner.run_file import read_stored
from rl import sft
from rl.data.reference_runs import main as write_runs
from rl.finetune.frozen import match_modules
from rl.finetune.sft_config import SftConfig
from rl.options.toml_config import read_toml
from tests.clips import write_clip
from tests.rl.small_training import built
from tools import packaged_weights

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "rl" / "configs" / "event-reasoning"
needs_peft = pytest.mark.skipif(not packaged_weights.is_installed("peft"), reason="needs videosleuth[rl]")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captions, questions and a teacher's texts in the shapes that the public sets come in."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "webvid/000001_000050").mkdir(parents=True)
    write_clip(folder / "webvid/000001_000050/17.mp4", frames=60)
    with (folder / "webvid.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["videoid", "contentUrl", "duration", "page_dir", "name"])
        rows.writerow(["17", "https://example.org/17", "PT00H00M02S", "000001_000050", "Numbers that count up"])
        rows.writerow(["18", "https://example.org/18", "PT00H00M02S", "000001_000050", "Was never fetched"])
    (folder / "activitynet-qa/videos").mkdir(parents=True)
    write_clip(folder / "activitynet-qa/videos/v_q7.mp4", frames=60, first=90)
    asked = {"video_name": "q7", "question": "does it count", "question_id": "q7_1"}
    told = {"answer": "yes", "type": 3, "question_id": "q7_1"}
    (folder / "activitynet-qa/train_q.json").write_text(json.dumps([asked]), encoding="utf-8")
    (folder / "activitynet-qa/train_a.json").write_text(json.dumps([told]), encoding="utf-8")
    row = {"video": "activitynet-qa/videos/v_q7.mp4", "explanation": "It was told to count.", "prediction": "150"}
    (folder / "taught.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    return folder


def test_the_files_have_the_published_values_and_the_command_that_runs_both() -> None:
    align, instruct = (read_toml(CONFIGS / name, SftConfig) for name in ("1-align.toml", "2-instruct.toml"))
    assert (align.learning_rate, align.epochs, align.rows_a_step, align.lora_rank) == (1e-4, 4, 2048, 0)
    assert (instruct.learning_rate, instruct.epochs, instruct.rows_a_step, instruct.lora_rank) == (2e-5, 3, 256, 64)
    assert instruct.model == str(align.out)
    target = re.search(r"^event-reasoning: setup\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    assert target is not None
    made = re.findall(r"--out (\S+)|-m rl\.sft (\S+)", target[1])
    assert [run or config for run, config in made] == [
        *map(str, align.data),
        "rl/configs/event-reasoning/1-align.toml",
        *map(str, instruct.data),
        "rl/configs/event-reasoning/2-instruct.toml",
    ]


def test_captions_answers_explanations_and_predictions_become_runs_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    said: list[str] = []
    sources = [f"webvid,file={data / 'webvid.csv'},videos={data / 'webvid'}"]
    sources += [
        f"activitynet-qa,folder={data / 'activitynet-qa'}",
        f"taught,file={data / 'taught.jsonl'},videos={data}",
    ]
    for _ in range(2):
        assert write_runs(sources, tmp_path / "runs", frames=3, say=said.append) == 4
    assert "1 of 2 questions can't be asked" in said[0], "a video that was never fetched is left out, and told"
    runs = read_stored(tmp_path / "runs")
    assert [run.answer.text for run in runs if run.answer] == [
        "Numbers that count up",
        "yes",
        "It was told to count.",
        "150",
    ]
    assert all(len(run.frames_seen) == 3 and len(run.steps) == 2 for run in runs)
    assert isinstance(runs[0].steps[-1].turn.move, Answer)
    lines = (tmp_path / "runs" / "trajectories.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4, "the second time nothing is played again"


@needs_peft
@pytest.mark.slow
def test_both_stages_train_what_they_are_to_train_and_nothing_else(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    model = built("qwen3_vl", tmp_path / "model", tmp_path / "cache")
    captions, taught = tmp_path / "captions", tmp_path / "taught"
    write_runs([f"webvid,file={data / 'webvid.csv'},videos={data / 'webvid'}"], captions, frames=2)
    write_runs([f"taught,file={data / 'taught.jsonl'},videos={data}"], taught, frames=2)
    small: dict[str, Any] = {"epochs": 1, "rows_a_step": 2, "rows_at_once": 1, "max_frame_pixels": 96 * 54}
    small |= {"save_every": None, "max_tokens": 4096, "precision": "float32", "learning_rate": 1e-2}

    align = read_toml(CONFIGS / "1-align.toml", SftConfig)
    aligned = align.model_copy(update=small | {"model": str(model), "out": tmp_path / "a", "data": [captions]})
    [step] = sft.main(aligned)
    assert step.norm > 0
    before, after = load_file(model / "model.safetensors"), load_file(tmp_path / "a" / "model.safetensors")
    moved = {name for name, weight in after.items() if not torch.equal(weight.float(), before[name].float())}
    assert moved
    assert all("merger" in name for name in moved)

    instruct = read_toml(CONFIGS / "2-instruct.toml", SftConfig)
    small |= {"lora_rank": 2, "model": str(tmp_path / "a"), "out": tmp_path / "b", "data": [taught]}
    [step] = sft.main(instruct.model_copy(update=small))
    assert step.norm > 0
    adapters = load_file(tmp_path / "b" / "adapter_model.safetensors")
    assert any("merger" in name for name in adapters)
    assert any("language_model" in name for name in adapters)
    assert not any("blocks" in name for name in adapters)


def test_a_module_is_matched_by_a_whole_part_of_its_name() -> None:
    pattern = match_modules(["blocks", "lm_head"])
    assert re.fullmatch(pattern, "model.visual.blocks.0.attn.qkv")
    assert re.fullmatch(pattern, "lm_head")
    assert not re.fullmatch(pattern, "model.visual.superblocks.0")
