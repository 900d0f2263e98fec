"""Imitation with pictures: the ids of a run are those it was played with, and eyes learn while tools teach nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from agent.policies.local.image_processing import decode_picture
from agent.policies.local.loading import Loaded, load_model
from agent.trajectory import Reply, Trajectory, to_json
from rl.data.text_tools import describe_tools
from rl.finetune.rows import TrainingConversation, read_rows
from rl.finetune.sft_config import SftConfig
from rl.objective.vision_logprobs import PictureLoss, is_of_eyes, make_picture_loss
from rl.sampling.sampler import Rollout
from rl.sft import main
from tests.rl.small_training import LOOK, OVER, built, rollouts_of, say, training
from tools import packaged_weights

needs_peft = pytest.mark.skipif(not packaged_weights.is_installed("peft"), reason="needs videosleuth[rl]")
FAMILIES = [pytest.param("qwen2_5_vl", marks=pytest.mark.heavy), "qwen3_vl"]
PIXELS = 96 * 54
SCRIPTS = ((LOOK, say("A")), (LOOK, OVER, say("B")))


@dataclass(frozen=True)
class Played:
    """Two runs with pictures, as they were played and as they were kept."""

    model: Path
    rollouts: list[Rollout]
    run: Path
    loaded: Loaded

    def rows(self) -> tuple[TrainingConversation, ...]:
        found = read_rows([self.run], self.loaded.scribe, describe_tools(()), 20_000, self.loaded.eyes, PIXELS)
        return found.rows


@pytest.fixture(scope="module", params=FAMILIES)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("pictures")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        model = built(request.param, folder / "model", folder / "cache")
        rollouts = rollouts_of(training(model, folder / "out"), SCRIPTS)
        key = next(iter(rollouts.examples))
        found = rollouts([(key, 0), (key, 1)])
        run = folder / "runs.jsonl"
        kept = [without_ids(rollout.trajectory) for rollout in found]
        run.write_text("".join(to_json(one) + "\n" for one in kept), encoding="utf-8")
        yield Played(model, found, run, load_model(str(model), PIXELS))


def without_ids(trajectory: Trajectory) -> Trajectory:
    """As an expert's run is kept: replies are words, which are tokenised when they are learned from."""
    steps = []
    for step in trajectory.steps:
        reply = step.turn.reply
        bare = None if reply is None else Reply(reply.text)
        steps.append(replace(step, turn=replace(step.turn, reply=bare)))
    return replace(trajectory, steps=tuple(steps))


def test_the_ids_and_the_mask_are_those_of_the_same_moves_in_a_rollout(played: Played) -> None:
    for row, rollout in zip(played.rows(), played.rollouts, strict=True):
        assert rollout.tokens is not None
        assert row.ids == rollout.tokens.ids
        assert row.is_policy == rollout.tokens.sampled


def test_the_pictures_are_those_that_the_model_saw_when_it_played(played: Played) -> None:
    seen = loss(played).batch(played.rows()).inputs
    eyes = played.loaded.eyes
    assert eyes is not None
    expected = [eyes.look(decode_picture(picture.jpeg)) for rollout in played.rollouts for picture in rollout.pictures]
    assert len(expected) == 10 + 13
    assert torch.equal(seen["pixel_values"], torch.cat([one.inputs["pixel_values"] for one in expected]))
    assert torch.equal(seen["image_grid_thw"], torch.cat([one.inputs["image_grid_thw"] for one in expected]))


def test_the_loss_is_that_of_each_row_alone_and_whole(played: Played) -> None:
    rows, loaded = played.rows(), played.loaded
    with torch.no_grad():
        found = loss(played)(loaded.model, rows)
        alone = [by_hand(loaded, played, row) for row in rows]
    expected = sum(float(functional.cross_entropy(*pair, reduction="sum")) for pair in alone)
    assert found.tokens == sum(sum(row.is_policy) for row in rows)
    assert float(found.total) == pytest.approx(expected, rel=1e-5)


def test_eyes_learn_and_what_a_tool_brought_has_a_gradient_of_exactly_zero(played: Played) -> None:
    model, row = played.loaded.model, played.rows()[1]
    kept: list[torch.Tensor] = []

    def keep(_module: Any, _given: Any, logits: torch.Tensor) -> None:
        logits.retain_grad()
        kept.append(logits)

    # all positions are asked for by calling the whole model; the loss itself asks for the policy's alone
    handle = model.get_output_embeddings().register_forward_hook(keep)
    try:
        logits, wanted = by_hand(played.loaded, played, row)
        functional.cross_entropy(logits, wanted).backward()  # type: ignore[no-untyped-call]
    finally:
        handle.remove()
    [every] = kept
    assert every.grad is not None
    learned = (every.grad[0].abs().sum(-1) > 0)[:-1]
    assert learned.tolist() == list(row.is_policy[1:])
    by_hand_gradients = gradients(model)
    loss(played)(model, [row]).total.backward()  # type: ignore[no-untyped-call]
    found = gradients(model)
    count = sum(row.is_policy)
    for name, gradient in by_hand_gradients.items():
        torch.testing.assert_close(found[name] / count, gradient, rtol=1e-4, atol=1e-6, msg=name)
    eyes = [name for name, gradient in found.items() if is_of_eyes(name) and gradient.abs().max() > 0]
    assert len(eyes) > 20


def test_eyes_that_are_not_trained_stay_as_they_were(played: Played, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in load_model(str(played.model), PIXELS).model.named_parameters()}
    main(config(played, tmp_path, train_eyes=False))
    after = dict(load_model(str(tmp_path), PIXELS).model.named_parameters())
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved
    assert not [name for name in moved if is_of_eyes(name)]


def test_what_was_trained_with_its_eyes_plays(played: Played, tmp_path: Path) -> None:
    main(config(played, tmp_path))
    before, after = load_model(str(played.model), PIXELS), load_model(str(tmp_path), PIXELS)
    assert after.eyes is not None
    moved = [
        name
        for name, value in before.model.named_parameters()
        if is_of_eyes(name) and not torch.equal(value, dict(after.model.named_parameters())[name])
    ]
    assert len(moved) > 20


@needs_peft
@pytest.mark.filterwarnings("ignore::UserWarning")  # peft's own
@pytest.mark.parametrize("train_eyes", [True, False])
def test_adapters_are_on_the_eyes_where_these_are_trained(played: Played, tmp_path: Path, train_eyes: bool) -> None:
    main(config(played, tmp_path, lora_rank=2, train_eyes=train_eyes))
    plain, adapted = (load_model(str(played.model), PIXELS, adapter).model for adapter in ("", str(tmp_path)))
    before = dict(plain.named_parameters())
    learned = [name for name, value in adapted.named_parameters() if not torch.equal(value, before[name])]
    assert learned
    assert any(map(is_of_eyes, learned)) == train_eyes


def test_a_run_about_a_video_that_has_changed_is_refused(played: Played, tmp_path: Path) -> None:
    run = tmp_path / "runs.jsonl"
    [line, *_] = played.run.read_text(encoding="utf-8").splitlines()
    hash_ = played.rollouts[0].trajectory.facts.content_hash
    run.write_text(line.replace(hash_, "0" * 32), encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 1: train-1-0-0000 is not the video of the run any more"):
        read_rows([run], played.loaded.scribe, describe_tools(()), 20_000, played.loaded.eyes, PIXELS)


def config(played: Played, out: Path, **other: Any) -> SftConfig:
    settings: dict[str, Any] = {
        "max_tokens": 20_000,
        "max_frame_pixels": PIXELS,
        "tools": (),
        "lora_rank": 0,
        "precision": "float32",
        "rows_a_step": 2,
        "rows_at_once": 1,
        "max_steps": 1,
    }
    return SftConfig(model=str(played.model), out=out, data=[played.run], **(settings | other))


def loss(played: Played) -> PictureLoss:
    found = make_picture_loss(played.loaded)
    assert found is not None
    return found


def by_hand(loaded: Loaded, played: Played, row: TrainingConversation) -> tuple[torch.Tensor, torch.Tensor]:
    """The plain way: the row alone through the whole model; logits and ids of the policy's tokens."""
    inputs = loss(played).batch([row]).inputs
    logits = loaded.model(**inputs).logits[0, :-1]
    wanted = torch.tensor(row.is_policy[1:])
    return logits[wanted], torch.tensor(row.ids[1:])[wanted]


def gradients(model: Any) -> dict[str, torch.Tensor]:
    """Of every weight that has one; they are put back to none."""
    found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    return found
