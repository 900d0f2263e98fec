"""A training whose tokens come from an engine beside it: the same tokens, a corrected loss, weights that arrive."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from agent.policy import PolicyError
from evals.datasets.composed import open_composed
from rl.grpo.config import Training
from rl.grpo.rollout import RolloutRunner
from rl.rewards.preset import load_preset
from rl.sampling.sampler import Rollout
from rl.sampling.vllm_sampler import EngineSampler, collapse_pictures
from rl.train import main
from tests.rl.marks import trl_warns
from tests.rl.second_copy import SecondCopy
from tests.rl.small_training import TWO_TOOLS, built, training

pytest.importorskip("trl", reason="needs the rl extra")
pytestmark = trl_warns

SETTINGS: dict[str, Any] = {
    "steps": 2,
    "preset": "tinyllava-video-r1",  # its noise moves the weights where all runs are worth the same
    "generations": 2,
    "rows_at_once": 2,
    "lora": {"rank": 4, "targets": ["q_proj", "v_proj"]},
    "update": {"learning_rate": 0.05, "mask_cut": False},
    "play": TWO_TOOLS | {"max_reply_tokens": 24, "max_turns": 2},
}


@dataclass
class Watched:
    """A training that is over, and what it was made of."""

    engine: SecondCopy
    sampler: EngineSampler
    rows: list[dict[str, Any]]
    """What the loss of each step was given."""
    played: list[list[Rollout]]
    """The runs of each step."""
    order: list[str]
    """Of the questions, as it was told before."""
    out: Path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("engine")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield built("qwen3_vl", folder / "model", folder / "cache")


def sampler_of(wanted: Training) -> EngineSampler:
    options = wanted.play.options(wanted.seed)
    return EngineSampler(wanted.model, options, SecondCopy(Path(wanted.model), options))


@pytest.fixture(scope="module")
def watched(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    from rl.grpo.trainer import GraphTrainer

    rows: list[dict[str, Any]] = []
    played: list[list[Rollout]] = []

    class Watching(GraphTrainer):
        """Keeps what losses are computed on."""

        def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
            rows.append(dict(inputs))
            loss: torch.Tensor = super()._compute_loss(model, inputs)
            return loss

        def _played(self, keys: Any) -> list[Rollout]:
            played.append(super()._played(keys))
            return played[-1]

    wanted = training(model, tmp_path_factory.mktemp("engine") / "out", **SETTINGS)
    wanted.out.mkdir(parents=True)
    sampler = sampler_of(wanted)
    assert isinstance(sampler.engine, SecondCopy)
    sampler.engine.is_awake, sampler.awake = False, sampler.engine.wake
    rollouts = RolloutRunner(open_composed(wanted.data), wanted.run_settings(sampler), sampler)
    trainer = Watching(wanted, rollouts, load_preset(wanted.preset), lambda _: None)
    order = trainer.order()
    trainer.train()
    return Watched(sampler.engine, sampler, rows, played, order, wanted.out)


def test_it_is_known_beforehand_which_question_comes_next(watched: Watched) -> None:
    assert [step[0].trajectory.question.id for step in watched.played] == watched.order[:2]


def test_an_engine_that_sleeps_is_woken_for_runs_and_weights_alone(watched: Watched) -> None:
    assert watched.engine.used, "which it takes awake alone, as prompts"
    assert not watched.engine.is_awake


def test_pictures_go_to_the_engine_as_one_token_each(watched: Watched) -> None:
    placeholder = watched.sampler.loaded.image_token_id
    for ids, pictures in watched.engine.asked:
        assert ids.count(placeholder or -1) == pictures > 0


def test_the_tokens_of_a_run_are_those_that_the_engine_saw_and_drew(watched: Watched) -> None:
    whole = {said.prompt_ids + said.token_ids: said.logprobs for said in watched.engine.said}
    for rollout in (rollout for step in watched.played for rollout in step):
        assert rollout.tokens is not None
        assert rollout.tokens.ids in whole
        last = whole[rollout.tokens.ids]
        assert rollout.tokens.logprobs[-len(last) :] == last


def test_the_loss_is_given_the_probabilities_of_the_engine(watched: Watched) -> None:
    for row, step in zip(watched.rows, watched.played, strict=True):
        expected = sorted(_drawn(rollout) for rollout in step)
        mask = (row["completion_mask"] * row["tool_mask"]).bool()
        found = sorted(row["sampling_per_token_logps"][n][mask[n]].tolist() for n in range(len(mask)))
        for ours, theirs in zip(expected, found, strict=True):
            assert theirs == pytest.approx(ours, abs=1e-6)


def test_the_correction_is_the_ratio_of_both_probabilities_of_each_token(watched: Watched) -> None:
    """TRL's `token_truncate`: exp of the difference, at most 3."""
    for row in watched.rows:
        mask = row["completion_mask"] * row["tool_mask"]
        ratio = ((row["old_per_token_logps"] - row["sampling_per_token_logps"]) * mask).exp()
        assert torch.allclose(row["importance_sampling_ratio"], ratio.clamp(max=3))


def test_the_engine_draws_by_the_weights_that_have_just_been_learned(watched: Watched) -> None:
    """Both probabilities agree but for the share of the four vision tokens, which are never drawn."""
    for row in watched.rows:
        mask = (row["completion_mask"] * row["tool_mask"]).bool()
        difference = (row["old_per_token_logps"] - row["sampling_per_token_logps"])[mask]
        assert difference.abs().max() < 0.02
    first, second = (_probabilities_by_token(step) for step in watched.played)
    assert first != second


def test_each_step_brings_its_own_adapter_and_lets_go_of_the_one_before(watched: Watched) -> None:
    assert [name.rpartition("-")[2] for name in watched.engine.used] == ["0", "1"]
    assert [path.name for path in (watched.out / "engine").iterdir()] == ["adapter-1"]
    log = [json.loads(line) for line in (watched.out / "log.jsonl").read_text().splitlines()]
    assert all(row["seconds/sync"] > 0 for row in log)


def test_without_what_was_learned_the_probabilities_would_differ(watched: Watched, model: Path) -> None:
    """The check above can fail: the plain model gives the second step's tokens other probabilities."""
    plain = SecondCopy(model, watched.sampler.options)
    [rollout, *_] = watched.played[1]
    last = next(said for said in watched.engine.said if said.prompt_ids + said.token_ids == _ids(rollout))
    logits = _logits(plain, last.prompt_ids + last.token_ids, rollout)[-len(last.token_ids) :]
    drawn = logits.log_softmax(-1).gather(-1, torch.tensor(last.token_ids)[:, None])[:, 0]
    assert (drawn - torch.tensor(last.logprobs)).abs().max() > 0.05


def test_a_training_ends_where_its_engine_is_gone(model: Path, tmp_path: Path) -> None:
    wanted = training(model, tmp_path / "out", **SETTINGS)
    sampler = sampler_of(wanted)
    assert isinstance(sampler.engine, SecondCopy)
    sampler.engine.fails_after = 1
    with pytest.raises(PolicyError, match="the engine is gone"):
        main(wanted, sampler=sampler)


def test_reg_grpo_is_refused_beside_an_engine_whose_probabilities_it_does_not_correct(
    model: Path, tmp_path: Path
) -> None:
    engine = {"name": "vllm-server", "url": "http://127.0.0.1:9"}
    wanted = training(model, tmp_path / "run", **SETTINGS | {"preset": "deepvideo-r1", "engine": engine})
    with pytest.raises(ValueError, match="reg_grpo is not corrected for the probabilities of another sampler"):
        main(wanted, lambda _: None)


def test_all_weights_without_a_way_to_bring_them_are_refused_before_anything_is_played(
    model: Path, tmp_path: Path
) -> None:
    wanted = training(model, tmp_path / "out", **{**SETTINGS, "lora": None})
    with pytest.raises(PolicyError, match="takes adapters only"):
        main(wanted, sampler=sampler_of(wanted))


@pytest.mark.parametrize(
    ("ids", "spans", "short"),
    [
        ((1, 9, 9, 9, 2, 9, 9, 3), (3, 2), (1, 9, 2, 9, 3)),
        ((9, 9, 9, 9, 9), (2, 3), (9, 9)),  # with nothing between them
        ((1, 2), (), (1, 2)),
    ],
)
def test_a_picture_becomes_one_token(ids: tuple[int, ...], spans: tuple[int, ...], short: tuple[int, ...]) -> None:
    assert collapse_pictures(ids, 9, spans) == short


@pytest.mark.parametrize(("ids", "spans"), [((1, 9, 9, 2), (3,)), ((1, 9, 2), ()), ((1, 2), (1,))])
def test_placeholders_that_are_not_those_of_the_pictures_are_refused(
    ids: tuple[int, ...], spans: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="picture"):
        collapse_pictures(ids, 9, spans)


def _ids(rollout: Rollout) -> tuple[int, ...]:
    assert rollout.tokens is not None
    return rollout.tokens.ids


def _drawn(rollout: Rollout) -> list[float]:
    assert rollout.tokens is not None
    pairs = zip(rollout.tokens.logprobs, rollout.tokens.sampled, strict=True)
    return [logprob for logprob, is_sampled in pairs if is_sampled and logprob is not None]


def _probabilities_by_token(step: list[Rollout]) -> list[list[float]]:
    return [_drawn(rollout) for rollout in step]


def _logits(copy: SecondCopy, ids: tuple[int, ...], rollout: Rollout) -> torch.Tensor:
    """Of the copy's model, for each token but the first."""
    loaded = copy._policy.loaded
    row = torch.tensor([ids])
    pictures = copy._policy.gather_pictures([rollout.pictures])
    kinds = row.eq(loaded.image_token_id or -1).int()
    with torch.inference_mode():
        logits: torch.Tensor = loaded.model(input_ids=row, mm_token_type_ids=kinds, **pictures).logits[0, :-1]
    return logits
