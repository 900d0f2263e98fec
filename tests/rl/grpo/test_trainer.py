"""GRPO of tiny random Qwen-VL models over runs of the real graph, with pictures from its tools in the loss."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from rl.grpo.rollout import RolloutRunner
from rl.monitor.log import PARTS
from rl.rewards.preset import load_preset
from rl.sampling.sampler import Rollout
from tests.rl.marks import trl_warns
from tests.rl.small_training import TWO_TOOLS, built, rollouts_of, training

pytest.importorskip("trl", reason="needs the rl extra")
pytestmark = trl_warns

FAMILIES = [pytest.param("qwen2_5_vl", marks=pytest.mark.heavy), "qwen3_vl"]


@dataclass
class Watched:
    """A training that is over, and what it was made of."""

    trainer: Any
    rows: list[dict[str, Any]]
    """What each forward of the loss was given, with `logps`, whose gradient is kept."""
    losses: list[float]
    played: list[Rollout]
    log: list[dict[str, Any]]
    before: dict[str, torch.Tensor]


class Keeping(RolloutRunner):
    """Keeps what was played."""

    def __init__(self, rollouts: RolloutRunner) -> None:
        self.__dict__ |= rollouts.__dict__
        self.played: list[Rollout] = []

    def __call__(self, wanted: Any) -> list[Rollout]:
        found = super().__call__(wanted)
        self.played += found
        return found


@pytest.fixture(scope="module", params=FAMILIES)
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    from rl.grpo.trainer import GraphTrainer

    class Watching(GraphTrainer):
        """Keeps the log-probabilities of each loss, and their gradient."""

        def __init__(self, *arguments: Any) -> None:
            self.rows: list[dict[str, Any]] = []
            self.losses: list[float] = []
            super().__init__(*arguments)

        def _get_per_token_logps_and_entropies(self, *arguments: Any, **named: Any) -> Any:
            found = super()._get_per_token_logps_and_entropies(*arguments, **named)
            if found[0].requires_grad:
                found[0].retain_grad()
                self.rows[-1]["logps"] = found[0]
            return found

        def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
            self.rows.append(dict(inputs))
            loss: torch.Tensor = super()._compute_loss(model, inputs)
            self.losses.append(loss.item())
            return loss

    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("training")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        model = built(request.param, folder / "model", folder / "cache")
        wanted = training(model, folder / "out", play=TWO_TOOLS)
        wanted.out.mkdir()
        rollouts = Keeping(rollouts_of(wanted))
        before = {name: value.detach().clone() for name, value in rollouts.sampler.loaded.model.named_parameters()}
        trainer = Watching(wanted, rollouts, load_preset(wanted.preset), lambda _: None)
        trainer.train()
        log = [json.loads(line) for line in (wanted.out / "log.jsonl").read_text().splitlines()]
        yield Watched(trainer, trainer.rows, trainer.losses, rollouts.played, log, before)


def test_three_steps_have_finite_losses_and_gradients(watched: Watched) -> None:
    assert len(watched.losses) == 3 * 2
    assert all(math.isfinite(loss) for loss in watched.losses)
    assert all(torch.isfinite(row["logps"].grad).all() for row in watched.rows)
    assert any(row["logps"].grad.abs().max() > 0 for row in watched.rows)


def test_words_and_eyes_of_the_model_have_moved(watched: Watched) -> None:
    now = dict(watched.trainer.model.named_parameters())
    moved = {name for name, value in watched.before.items() if not torch.equal(value, now[name])}
    assert all(torch.isfinite(value).all() for value in now.values())
    assert any("visual" in name for name in moved)
    assert {name for name in watched.before if "visual" not in name} <= moved


def test_what_a_tool_brought_has_a_gradient_of_exactly_zero(watched: Watched) -> None:
    for row in watched.rows:
        not_chosen = ~(row["completion_mask"] * row["tool_mask"]).bool()
        assert row["logps"].grad[not_chosen].abs().sum() == 0
    tools = [row["completion_mask"] * (1 - row["tool_mask"]) for row in watched.rows]
    assert sum(int(mask.sum()) for mask in tools) > 100


def test_the_mask_marks_the_very_tokens_that_were_sampled(watched: Watched) -> None:
    for rollout in watched.played:
        replies = [step.turn.reply for step in rollout.trajectory.steps if step.turn.reply is not None]
        assert _chosen(rollout) == [token for reply in replies for token in reply.token_ids or ()]


def test_padded_equals_unpadded(watched: Watched) -> None:
    """The log-probabilities of a batch are those of each run alone, without a pad, through the plain model."""
    model = watched.trainer.model.eval()
    row = watched.rows[-1]
    ids = torch.cat([row["prompt_ids"], row["completion_ids"]], 1)
    mask = torch.cat([row["prompt_mask"], row["completion_mask"]], 1)
    pictures = {name: row.get(name) for name in ("pixel_values", "image_grid_thw", "num_images", "mm_token_type_ids")}
    kept = row["completion_ids"].size(1)
    with torch.no_grad():
        together = watched.trainer._get_per_token_logps_and_entropies(model, ids, mask, kept, **pictures)[0]
        for place, seen in enumerate(_pictures_by_row(row)):
            alone = ids[place][mask[place].bool()][None]
            is_picture = (alone == watched.trainer._image_pad_token_id).int()
            logits = model(input_ids=alone, mm_token_type_ids=is_picture, **seen).logits[0].log_softmax(-1)
            expected = logits[:-1].gather(-1, alone[0, 1:, None])[:, 0]
            count = int(row["completion_mask"][place].sum())
            assert torch.allclose(together[place, :count], expected[-count:], atol=2e-5)


def test_placeholders_are_as_many_as_the_model_has_tokens_for_its_pictures(watched: Watched) -> None:
    seen = 0
    for row in watched.rows:
        ids = torch.cat([row["prompt_ids"], row["completion_ids"]], 1)
        for place, pictures in enumerate(_pictures_by_row(row)):
            tokens = int((ids[place] == watched.trainer._image_pad_token_id).sum())
            assert tokens == int(pictures["image_grid_thw"].prod(-1).sum()) // 4
            seen += len(pictures["image_grid_thw"])
    assert seen == sum(len(rollout.pictures) for rollout in watched.played)
    assert {len(rollout.pictures) for rollout in watched.played} == {8, 10, 13}


def test_a_run_that_is_played_freely_is_scored_as_likely_as_it_was_drawn(watched: Watched) -> None:
    """Sampling leaves out the four vision tokens, whose share of the probability is the difference."""
    first = watched.played[:4]
    free = next(rollout for rollout in first if rollout.trajectory.sample % 4 == 3)
    assert free.tokens is not None
    pairs = zip(free.tokens.logprobs, free.tokens.sampled, strict=True)
    drawn = torch.tensor([logprob for logprob, is_sampled in pairs if is_sampled])
    for row in watched.rows[:2]:
        for place in range(len(row["completion_ids"])):
            chosen = (row["completion_mask"] * row["tool_mask"])[place].bool()
            if row["completion_ids"][place][chosen].tolist() == _chosen(free):
                assert torch.allclose(row["logps"][place][chosen].detach(), drawn, atol=0.01)
                return
    pytest.fail("the free run is in no batch")


def test_each_run_pushes_by_the_advantage_of_the_preset(watched: Watched) -> None:
    preset, examples = load_preset("videokr"), watched.trainer._rollouts.examples
    for step in range(3):
        runs = [rollout.trajectory for rollout in watched.played[4 * step : 4 * step + 4]]
        rewards = preset.group(examples[runs[0].question.id], runs).totals_G
        expected = preset.advantages(rewards, np.random.default_rng(0))
        found = [push for row in watched.rows[2 * step : 2 * step + 2] for push in _pushes(row)]
        assert sorted(found) == pytest.approx(sorted(expected.tolist()), abs=1e-5)
        assert watched.log[step]["score"] == pytest.approx(np.mean([r for r in rewards if r is not None]), abs=1e-5)


def test_no_sample_is_played_twice(watched: Watched) -> None:
    samples = [(rollout.trajectory.question.id, rollout.trajectory.sample) for rollout in watched.played]
    assert len(set(samples)) == 12


def test_every_step_says_where_its_time_went(watched: Watched) -> None:
    assert [row["step"] for row in watched.log] == [1, 2, 3]
    for row in watched.log:
        parts = [row[f"seconds/{part}"] for part in PARTS if part != "sync"]
        assert all(part >= 0 for part in parts)
        assert row["seconds/sync"] is None  # there is no engine apart
        assert sum(parts) >= row["step_time"] - 0.01


def _pushes(row: dict[str, Any]) -> list[float]:
    """The advantage of each run, which all tokens of its turns share and no others have."""
    chosen = (row["completion_mask"] * row["tool_mask"]).bool()
    pairs = list(zip(row["advantages"], chosen, strict=True))
    assert all((push[~own] == 0).all() and len(push[own].unique()) <= 1 for push, own in pairs)
    return [float(push[own][0]) if own.any() else 0.0 for push, own in pairs]


def _pictures_by_row(row: dict[str, Any]) -> list[dict[str, torch.Tensor]]:
    """Pixels and grids of each row."""
    grids = torch.split(row["image_grid_thw"], row["num_images"])
    pixels = torch.split(row["pixel_values"], [int(grid.prod(-1).sum()) for grid in grids])
    return [{"pixel_values": p, "image_grid_thw": grid} for p, grid in zip(pixels, grids, strict=True)]


def _chosen(rollout: Rollout) -> list[int]:
    assert rollout.tokens is not None
    return [token for token, is_sampled in zip(rollout.tokens.ids, rollout.tokens.sampled, strict=True) if is_sampled]
