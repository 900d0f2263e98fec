"""Preference is learned from the policy's own tokens, against the model as it started."""

import io
import json
import math
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from agent.policies.local.image_processing import decode_picture
from agent.policies.local.loading import load_model
from evals.runner.run_file import TRAJECTORIES
from rl.dpo import DpoStep, choose_logps, dpo_loss, main, read_pairs, word_logps
from rl.finetune.dpo_config import DpoConfig
from rl.finetune.rows import TrainingConversation
from rl.grpo.config import read_training
from rl.monitor.log import LOG
from rl.options.toml_config import read_toml
from rl.verify import CHOSEN, REJECTED, Verified, write_pairs
from rl.verify import PreferencePair as Found
from tests.rl.cases import RIGHT, WRONG, run
from tests.tiny_llama import tiny_llama
from tests.tiny_models import build
from tools import packaged_weights

CONFIGS = Path(__file__).parents[2] / "rl/configs/veripo"
needs_peft = pytest.mark.skipif(not packaged_weights.is_installed("peft"), reason="needs videosleuth[rl]")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    good, bad = Verified(run(*RIGHT), 1.0, True, True), Verified(run(*WRONG), 0.0, False, True)
    write_pairs([Found(good, bad)], tmp_path / "pairs")
    return tmp_path / "pairs"


def config(tiny: Path, pairs: Path, **other: Any) -> DpoConfig:
    told: dict[str, Any] = {"lora_rank": 0, "precision": "float32", "max_tokens": 8000, "learning_rate": 1e-3}
    return DpoConfig(model=str(tiny), out=pairs.parent / "out", pairs=pairs, **(told | other))


def test_the_loss_by_hand() -> None:
    # beta 0.1, margin 3 against 1: sigmoid(0.2) = 1 / (1 + e^-0.2) = 0.549834, -ln of it 0.598139
    assert dpo_loss(torch.tensor([3.0]), torch.tensor([1.0]), 0.1).tolist() == pytest.approx([0.598139], abs=1e-6)
    # no move, ln 2; the wrong way by 10 nats, ln(1 + e) = 1.313262
    found = dpo_loss(torch.tensor([5.0, -4.0]), torch.tensor([5.0, 6.0]), 0.1)
    assert found.tolist() == pytest.approx([math.log(2), 1.313262], abs=1e-6)


def test_rows_are_as_likely_as_the_tokens_of_the_policy_and_no_others(tiny: Path) -> None:
    model = load_model(str(tiny), 10_000).model.eval()
    rows = [
        TrainingConversation((5, 6, 7, 8, 9), (False, False, True, False, True)),
        TrainingConversation((5, 6, 4), (False, False, True)),
    ]
    with torch.no_grad():
        first, second = (model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1) for row in rows)
        expected = torch.stack([first[1, 7] + first[3, 9], second[1, 4]])
        torch.testing.assert_close(word_logps(model, rows), expected)


def test_rows_with_pictures_are_as_likely_as_the_whole_model_says(tmp_path: Path) -> None:
    loaded = load_model(str(build("qwen3_vl", tmp_path)), 10_000)
    assert loaded.eyes is not None
    painted = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(painted, "JPEG")
    seen = loaded.eyes.look(decode_picture(painted.getvalue()))
    row = TrainingConversation(
        (5, 6, *seen.span, 7, 8), (False, False, *(False for _ in seen.span), True, True), (painted.getvalue(),)
    )
    words = TrainingConversation((5, 6, 9), (False, False, True))
    model = loaded.model.eval()
    ids = torch.tensor([row.ids])
    is_picture = ids.eq(loaded.image_token_id or 0).int()
    with torch.no_grad():
        found = choose_logps(loaded)(model, [row, words])
        scores = model(input_ids=ids, mm_token_type_ids=is_picture, **seen.inputs).logits[0].log_softmax(-1)
        plain = model(input_ids=torch.tensor([words.ids])).logits[0].log_softmax(-1)
    torch.testing.assert_close(found, torch.stack([scores[-3, 7] + scores[-2, 8], plain[1, 9]]))


def test_the_good_run_gains_on_the_bad_one_from_where_both_began(tiny: Path, pairs: Path) -> None:
    steps = main(config(tiny, pairs, epochs=6, pairs_a_step=1))
    assert steps[0].loss == pytest.approx(math.log(2), abs=1e-5)
    assert steps[0].margin == pytest.approx(0.0, abs=1e-3)
    assert steps[-1].loss < 0.5 * steps[0].loss
    assert steps[-1].preferred == 1.0
    lines = (pairs.parent / "out" / LOG).read_text().splitlines()
    assert [DpoStep(**json.loads(line)) for line in lines] == steps
    trained, before = (load_model(str(folder), 10_000) for folder in (pairs.parent / "out", tiny))
    [pair] = read_pairs(before, config(tiny, pairs))
    with torch.no_grad():
        (a, b), (c, d) = (word_logps(m.model.eval(), (pair.chosen, pair.rejected)) for m in (trained, before))
    assert a - b > c - d


def test_a_step_moves_as_autograd_says(tiny: Path, pairs: Path) -> None:
    """The gradient of a first step, written out: -beta / 2 (d log pi(chosen) - d log pi(rejected))."""
    loaded = load_model(str(tiny), 10_000)
    [pair] = read_pairs(loaded, config(tiny, pairs))
    model = loaded.model.eval()
    found = word_logps(model, (pair.chosen, pair.rejected))
    dpo_loss((found[0] - found[1])[None], (found[0] - found[1]).detach()[None], 0.1).mean().backward()
    weight = model.get_output_embeddings().weight
    ours = weight.grad.clone()
    weight.grad = None
    found = word_logps(model, (pair.chosen, pair.rejected))
    (-0.05 * (found[0] - found[1])).backward()
    torch.testing.assert_close(ours, weight.grad)


@needs_peft
def test_an_adapter_goes_on_and_is_its_own_reference(tiny: Path, pairs: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's own
        main(config(tiny, pairs, lora_rank=4, epochs=4))
        first = tmp_path / "out"
        first.rename(tmp_path / "start")
        steps = main(config(tiny, pairs, lora_rank=4, start=str(tmp_path / "start"), max_steps=1))
        assert steps[0].loss == pytest.approx(math.log(2), abs=1e-5)
        assert load_model(str(tiny), 10_000, str(tmp_path / "out")).scribe.ids("x")


def test_pairs_that_are_too_long_are_left_out_and_none_left_is_said(tiny: Path, pairs: Path) -> None:
    loaded = load_model(str(tiny), 10_000)
    with pytest.raises(ValueError, match="all 1 pairs are longer than 100 tokens"):
        read_pairs(loaded, config(tiny, pairs, max_tokens=100))
    (pairs / REJECTED / TRAJECTORIES).write_text((pairs / CHOSEN / TRAJECTORIES).read_text() * 2)
    with pytest.raises(ValueError, match="1 chosen and 2 rejected are no pairs"):
        read_pairs(loaded, config(tiny, pairs))


def test_the_recipe_hangs_together() -> None:
    first, last = (read_training(CONFIGS / name) for name in ("1-grpo.toml", "3-grpo.toml"))
    between = read_toml(CONFIGS / "2-dpo.toml", DpoConfig)
    assert first.keep_runs
    assert between.start == f"{first.out}/checkpoint-{first.steps}"
    assert last.lora is not None
    assert last.lora.start == str(between.out)
