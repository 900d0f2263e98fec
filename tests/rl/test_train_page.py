"""The page on training with one's own videos: its questions, its file and its reward, tried as they stand there."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from evals.composed.writing import write_mp4
from rl.data.questions import open_questions
from rl.grpo.config import read_training
from rl.rewards.preset import load_preset
from rl.train import main
from tests.rl.cases import COUNT, run
from tests.rl.dictated import DictatedSampler
from tests.rl.marks import trl_warns
from tests.rl.small_training import SCRIPTS, built

pytestmark = trl_warns
PAGE = Path(__file__).parents[2] / "docs" / "train.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    [questions] = blocks("json")
    (tmp_path / "questions.jsonl").write_text(questions)
    own, reward = blocks("toml")
    (tmp_path / "own.toml").write_text(own)
    (tmp_path / "mine.toml").write_text(reward)
    (tmp_path / "mine.py").write_text(blocks("python")[0])
    for name in {json.loads(line)["video"] for line in questions.splitlines()}:
        write_mp4(tmp_path / name, lambda seconds: np.full((90, 160, 3), int(20 * seconds), np.uint8), 8.0)
    return tmp_path


def test_its_questions_and_files_can_be_read(folder: Path) -> None:
    wanted = read_training(folder / "own.toml")
    opened = open_questions(wanted.data, 2)
    assert len(opened.examples) == 5
    assert opened.check_videos(skip=False) == ""
    wanted.check(load_preset(wanted.preset))


def test_its_reward_pays_a_short_answer(folder: Path) -> None:
    found = load_preset("mine.toml").reward(
        COUNT, run("<think>so</think><answer>5 dogs that bark</answer>", example=COUNT)
    )
    assert found["short"] == 0.0


@pytest.mark.slow
def test_its_training_ends_with_an_adapter(folder: Path) -> None:
    pytest.importorskip("trl", reason="needs the rl extra")
    pytest.importorskip("peft", reason="needs the rl extra")
    model = built("qwen3_vl", folder / "model", folder / "cache")
    wanted = read_training(folder / "own.toml")
    small = wanted.play.model_copy(update={"max_frame_pixels": 96 * 54, "encoder": "hashing"})
    wanted = wanted.model_copy(update={"model": str(model), "play": small})
    last = main(wanted, lambda _: None, DictatedSampler(model, small.options(0), SCRIPTS))
    assert last == Path("runs/own/checkpoint-2")
    assert (last / "adapter_config.json").is_file()
    assert len((wanted.out / "log.jsonl").read_text().splitlines()) == 2
