"""What turns, replay, regression and idle rows change in the loss that is trained, against formulas written out."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from agent.policies.transformers import TransformersPolicy
from agent.rendering.answer_parser import LETTERS
from evals.runner.run_file import read_stored
from rl.grpo.config import Training
from rl.grpo.minibatches import BatchShare, share_batch
from rl.grpo.replay_buffer import TrainingRow
from rl.grpo.rows import RolloutRow
from rl.grpo.step_batch import StepBatch
from rl.objective.algorithms import ALGORITHMS
from rl.rewards.preset import load_preset
from rl.train import main
from tests.rl.dictated import DictatedSampler, Script
from tests.rl.marks import trl_warns
from tests.rl.small_training import LOOK, SCRIPTS, TWO_TOOLS, built, rollouts_of, say, training

pytest.importorskip("trl", reason="needs the rl extra")
pytestmark = trl_warns

MASKS = ((1, 1, 0, 1), (1, 0, 1), (1, 1, 1), (1, 0, 1, 1, 1))
PUSHES: tuple[tuple[float, ...], ...] = ((1.5, -0.5), (0.25, 2.0), (-1.0,), (0.0, 0.0))
LR = 1e-3
SKIPPING = [name for name, rule in ALGORITHMS.items() if rule.skips_idle]


def row(number: int, mask: Sequence[int], logprobs: Sequence[float] | None = None) -> RolloutRow:
    ids = tuple(range(10 * number + 3, 10 * number + 3 + len(mask)))
    return RolloutRow((1, 2, 5), ids, tuple(mask), tuple(logprobs or (0.0,) * len(mask)))


def runs(pushes: Sequence[tuple[float, ...] | None] = PUSHES) -> list[TrainingRow]:
    pairs = zip(MASKS, pushes, strict=True)
    return [TrainingRow(row(number, mask), push, 1.0, "") for number, (mask, push) in enumerate(pairs)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("credit")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield built("qwen3_vl", folder / "model", folder / "cache")


class Handed:
    """A trainer that is handed its runs."""

    def __init__(self, model: Path, out: Path, preset: str = "videokr", *, never_idle: bool = False, **update: Any):
        from rl.grpo.trainer import trainer_class

        told = {"learning_rate": LR, "mask_cut": False, "max_tokens": 50} | update
        wanted = training(model, out, generations=4, rows_at_once=2, update=told, save_every=4)
        rewards = load_preset(preset)
        base: Any = trainer_class(wanted, rewards)

        class Careful(base):  # type: ignore[misc]
            """Computes every row."""

            def _is_idle(self, run: TrainingRow) -> bool:
                return False if never_idle else super()._is_idle(run)  # type: ignore[no-any-return]

        self.trainer: Any = Careful(wanted, rollouts_of(wanted), rewards, lambda _: None)
        self.trainer.model.train()
        self.trainer.current_gradient_accumulation_steps = 2
        self.losses: list[float] = []

    def pass_over(self, handed: Sequence[TrainingRow]) -> dict[str, torch.Tensor]:
        """The gradient of a step by name; the next call is the next pass over the same runs, if there are several."""
        trainer = self.trainer
        trainer._drawing = lambda *_: StepBatch(tuple(handed), {})
        trainer.model.zero_grad()
        self.losses = []
        for _ in range(2):
            loss = trainer.compute_loss(trainer.model, trainer._prepare_inputs([{"prompt": "q"}] * len(handed)))
            loss.backward()
            trainer._step += 1
            self.losses.append(loss.item())
        return {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}

    def logps(self, one: RolloutRow) -> torch.Tensor:
        """(completion,) of a row alone, through the plain model."""
        ids = torch.tensor([one.prompt + one.completion])
        scores = self.trainer.model(input_ids=ids).logits[0].log_softmax(-1)
        return scores[:-1].gather(-1, ids[0, 1:, None])[-len(one.completion) :, 0]

    def gradient_of(self, loss: torch.Tensor) -> dict[str, torch.Tensor]:
        self.trainer.model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        return {n: p.grad.clone() for n, p in self.trainer.model.named_parameters() if p.grad is not None}


def close(ours: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    scale = max(float(value.abs().max()) for value in expected.values())
    assert ours.keys() == expected.keys()
    assert scale > 0
    return all(torch.allclose(ours[name], expected[name], atol=1e-4 * scale, rtol=1e-3) for name in expected)


@pytest.mark.parametrize("name", SKIPPING)
def test_a_row_that_pushes_nothing_costs_nothing_and_changes_nothing(model: Path, tmp_path: Path, name: str) -> None:
    quick = Handed(model, tmp_path / "quick", algorithm=name)
    whole = Handed(model, tmp_path / "whole", algorithm=name, never_idle=True)
    torch.manual_seed(0)  # rows are shuffled
    ours, loss = quick.pass_over(runs()), sum(quick.losses)
    torch.manual_seed(0)
    assert close(ours, whole.pass_over(runs()))
    assert loss == pytest.approx(sum(whole.losses), rel=1e-4)
    widths = [max(len(mask) for mask in MASKS[:3]), max(map(len, MASKS))]
    assert [h.trainer._buffered_inputs[0]["completion_ids"].shape[1] for h in (quick, whole)] == widths


def test_what_goes_through_the_model_is_no_wider_than_its_longest_row(model: Path, tmp_path: Path) -> None:
    """Two rows at once; the longest of the step is 3 + 4 tokens, so that those without it are narrower."""
    handed, widths = Handed(model, tmp_path, algorithm="grpo"), list[int]()
    handed.trainer.model.register_forward_pre_hook(
        lambda _, __, named: widths.append(named["input_ids"].shape[1]), with_kwargs=True
    )
    handed.pass_over(runs())
    batches = handed.trainer._buffered_inputs
    assert widths == [int(b["prompt_mask"].sum(1).max() + b["completion_mask"].sum(1).max()) for b in batches]
    assert sorted(widths) == [6, 7]
    assert {b["prompt_ids"].shape[1] + b["completion_ids"].shape[1] for b in batches} == {7}


def test_where_a_row_that_pushes_nothing_matters_it_is_computed(model: Path, tmp_path: Path) -> None:
    for number, update in enumerate(({"algorithm": "bnpo"}, {"kl": 0.1}, {"algorithm": "reg_grpo"})):
        handed = Handed(model, tmp_path / str(number), **update)
        assert not any(handed.trainer._is_idle(run) for run in runs())


def test_each_turn_pushes_by_its_own_advantage(model: Path, tmp_path: Path) -> None:
    handed = Handed(model, tmp_path, algorithm="grpo")
    ours = handed.pass_over(runs())
    expected = torch.zeros(())
    for one in runs():
        each, mask = torch.tensor(one.row.spread_over_tokens(one.push)), torch.tensor(one.row.mask)
        expected = expected - (each * handed.logps(one.row) * mask).sum() / mask.sum() / 4
    assert close(ours, handed.gradient_of(expected))
    # with a ratio of 1 the loss is the mean advantage itself: (1.5 * 2 - 0.5) / 3, (0.25 + 2) / 2, -1, 0
    assert sum(handed.losses) == pytest.approx(-(2.5 / 3 + 2.25 / 2 - 1) / 4, abs=1e-5)


def test_a_run_that_came_back_is_measured_by_what_it_was_sampled_with(model: Path, tmp_path: Path) -> None:
    handed = Handed(model, tmp_path, algorithm="grpo")
    since = ((0.5, -0.5, 9.0, 0.1), (0.05, 9.0, -0.4), (-0.3, 0.3, 0.0), (0.0,) * 5)
    old = []
    for run, moved in zip(runs(), since, strict=True):
        sampled = (handed.logps(run.row).detach() - torch.tensor(moved)).tolist()
        old.append(TrainingRow(row(len(old), run.row.mask, sampled), run.push, 1.0, "", born=3))
    ours = handed.pass_over(old)
    expected = torch.zeros(())
    for one in old:
        each, mask = torch.tensor(one.row.spread_over_tokens(one.push)), torch.tensor(one.row.mask)
        ratio = (handed.logps(one.row) - torch.tensor(one.row.logprobs)).exp()
        clipped = torch.min(ratio * each, ratio.clamp(0.8, 1.2) * each)
        expected = expected - (clipped * mask).sum() / mask.sum() / 4
    assert sum(handed.losses) == pytest.approx(expected.item(), rel=1e-4)
    assert close(ours, handed.gradient_of(expected))


@pytest.mark.parametrize("algorithm", ["grpo", "dapo"])
def test_each_minibatch_is_an_update_by_the_ratio_to_what_was_before_the_first(
    model: Path, tmp_path: Path, algorithm: Any
) -> None:
    """Two minibatches of two rows each, twice gone through, and the weights move after each of the four updates."""
    handed = Handed(model, tmp_path, algorithm=algorithm, minibatches=2, passes=2)
    trainer = handed.trainer
    assert (trainer.args.steps_per_generation, trainer.args.gradient_accumulation_steps) == (2, 1)
    trainer.current_gradient_accumulation_steps = 1
    calls: list[int] = []
    told = runs((*PUSHES[:3], (0.5, -2.0)))
    trainer._drawing = lambda *_: (calls.append(1), StepBatch(tuple(told), {}))[1]
    old = {one.row.completion: handed.logps(one.row).detach() for one in told}
    all_tokens = sum(sum(one.row.mask) for one in told)
    generator, clipped = torch.Generator().manual_seed(0), 0
    for number in range(4):
        trainer.model.zero_grad()
        inputs = trainer._prepare_inputs([{"prompt": "q"}] * 4)
        loss = trainer.compute_loss(trainer.model, inputs)
        loss.backward()
        trainer._step += 1
        ours = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
        rows = zip(inputs["completion_ids"], inputs["completion_mask"], strict=True)
        here = [_row_of(told, ids, mask) for ids, mask in rows]
        expected = torch.zeros(())
        for one in here:
            each, mask = torch.tensor(one.row.spread_over_tokens(one.push)), torch.tensor(one.row.mask)
            ratio = (handed.logps(one.row) - old[one.row.completion]).exp()
            high = 1.2 if algorithm == "grpo" else 1.28
            clipped += int(((ratio < 0.8) | (ratio > high)).sum())
            gain = (torch.min(ratio * each, ratio.clamp(0.8, high) * each) * mask).sum()
            # a minibatch is half of the rows, and half of all tokens stand below in dapo's loss
            expected = expected - (gain / mask.sum() / 2 if algorithm == "grpo" else gain / (all_tokens / 2))
        assert loss.item() == pytest.approx(expected.item(), rel=1e-3, abs=1e-5)
        assert close(ours, handed.gradient_of(expected))
        with torch.no_grad():
            for weight in trainer.model.parameters():
                weight += 0.02 * torch.randn(weight.shape, generator=generator)
        if number % 2 == 0:
            seen = here
        else:
            assert sorted(one.row.completion for one in (*seen, *here)) == sorted(one.row.completion for one in told)
    assert clipped > 0
    assert len(calls) == 1, "four updates of what was sampled once"


def _row_of(told: Sequence[TrainingRow], ids: torch.Tensor, mask: torch.Tensor) -> TrainingRow:
    return next(one for one in told if list(one.row.completion) == ids[mask.bool()].tolist())


def test_minibatches_are_trained_and_questions_asked_for_each_batch_of_rollouts(model: Path, tmp_path: Path) -> None:
    told = {"learning_rate": 1e-3, "mask_cut": False, "minibatches": 2}
    short: dict[str, Any] = {
        "rows_at_once": 1,
        "generations": 2,
        "steps": 4,
        "save_every": 2,
        "keep_runs": True,
        "play": TWO_TOOLS,
    }
    wanted = training(model, tmp_path / "straight", update=told, **short)
    assert wanted.asked_questions == 2
    straight = trained(wanted, SCRIPTS[1:3])
    assert [row["step"] for row in log(tmp_path / "straight")] == [1, 2, 3, 4]
    assert len(read_stored(tmp_path / "straight" / "runs-0")) == 4
    trained(training(model, tmp_path / "stopped", update=told, **short | {"steps": 2}), SCRIPTS[1:3])
    resumed = trained(training(model, tmp_path / "stopped", update=told, **short), SCRIPTS[1:3])
    assert log(tmp_path / "stopped") == log(tmp_path / "straight")
    first, second = (TransformersPolicy(str(folder)).loaded.model.state_dict() for folder in (straight, resumed))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"update": {"minibatches": 3}}, "can't be shared by 3 minibatches"),
        ({"update": {"minibatches": 2, "passes": 3}, "save_every": 4}, "cuts through the 3 passes of 2 minibatches"),
    ],
)
def test_minibatches_that_do_not_share_the_rows_or_the_checkpoints_are_refused(
    model: Path, tmp_path: Path, told: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        training(model, tmp_path, **told)


def test_a_regression_over_whole_groups_is_not_cut_into_minibatches(model: Path, tmp_path: Path) -> None:
    wanted = training(model, tmp_path, update={"minibatches": 2})
    with pytest.raises(ValueError, match="leave minibatches out"):
        wanted.check(load_preset("deepvideo-r1"))
    with pytest.raises(ValueError, match="which 2 minibatches can't share"):
        share_batch(wanted, 2)
    assert share_batch(wanted, 1) == BatchShare(2, 1)
    plain = training(model, tmp_path, questions=3)
    assert share_batch(plain, 1) == BatchShare(6, 6), "an update of all rows"


def test_the_regression_is_trained_over_the_whole_group_whatever_stands_together(model: Path, tmp_path: Path) -> None:
    """The first pass from ratios of 1, the second after the weights have moved; the last run does not count."""
    handed = Handed(model, tmp_path, "deepvideo-r1", passes=2)
    advantages = torch.tensor([0.8, -1.1, 0.3])
    told = runs([*((value,) * 2 for value in advantages.tolist()[:2]), (advantages[2].item(),), None])

    def ratios(before: list[torch.Tensor]) -> torch.Tensor:
        each = zip(told[:3], before, strict=True)
        return torch.stack([((handed.logps(r.row) - old) * torch.tensor(r.row.mask)).sum() for r, old in each])

    def loss(z: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
        return ((advantages - (z - z.mean()) / (std + 1e-4)) ** 2).mean()

    old = [handed.logps(run.row).detach() for run in told[:3]]
    ours = handed.pass_over(told)
    assert sum(handed.losses) == pytest.approx(float((advantages**2).mean()), rel=1e-4)
    z = ratios(old)
    assert close(ours, handed.gradient_of(loss(z, torch.zeros(()))))  # the deviation of equal numbers is 0
    with torch.no_grad():
        generator = torch.Generator().manual_seed(0)
        for weight in handed.trainer.model.parameters():
            weight += 0.02 * torch.randn(weight.shape, generator=generator)
    ours = handed.pass_over(told)
    z = ratios(old)
    assert z.detach().std() > 0.01
    assert sum(handed.losses) == pytest.approx(loss(z, z.std()).item(), rel=1e-3)
    assert close(ours, handed.gradient_of(loss(z, z.std())))


def trained(wanted: Training, scripts: Sequence[Script | None]) -> Path:
    return main(wanted, lambda _: None, DictatedSampler(Path(wanted.model), wanted.play.options(wanted.seed), scripts))


def log(out: Path) -> list[dict[str, Any]]:
    """Its rows but for times."""
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if "seconds" not in k and "time" not in k} for row in rows]


@pytest.mark.parametrize(
    ("preset", "scripts"),
    [
        ("omniagent", SCRIPTS[1:3]),
        ("deepvideo-r1", SCRIPTS[1:3]),
        ("video-r1", SCRIPTS[1:3]),
        ("video-mtr", SCRIPTS[:2]),
    ],
)
def test_a_preset_that_was_refused_is_trained(
    model: Path, tmp_path: Path, preset: str, scripts: Sequence[Script | None]
) -> None:
    short = {"generations": 2, "rows_at_once": 1, "steps": 1, "preset": preset, "keep_runs": True, "play": TWO_TOOLS}
    last = trained(training(model, tmp_path, **short), scripts)
    [told] = log(tmp_path)
    assert told["loss"] is not None
    assert len(read_stored(tmp_path / "runs-0")) == 2
    if preset == "video-r1":
        assert "score/temporal" in told
    if told["groups/teaching"]:
        assert told["grad_norm"] > 0
        first, now = (TransformersPolicy(str(folder)).loaded.model.state_dict() for folder in (model, last))
        assert any(not torch.equal(first[name], now[name]) for name in first)


def test_shuffled_runs_see_another_video_of_the_same_length(model: Path, tmp_path: Path) -> None:
    rollouts = rollouts_of(training(model, tmp_path), ((LOOK, say("A")),))
    question = next(iter(rollouts.examples))
    [plain], [shuffled] = rollouts([(question, 0)]), rollouts.shuffled([(question, 0)])
    assert shuffled.answer == plain.trajectory.answer
    assert shuffled.facts.content_hash != plain.trajectory.facts.content_hash
    assert shuffled.facts.duration_seconds == plain.trajectory.facts.duration_seconds


def test_a_training_with_earlier_groups_goes_on_as_if_it_had_not_been_stopped(model: Path, tmp_path: Path) -> None:
    """Answers are dictated so that some questions teach and others don't, which wait for earlier groups."""
    examples = rollouts_of(training(model, tmp_path)).examples.values()
    right = Counter(LETTERS[e.option] for e in examples if e.option is not None).most_common()
    never = next(letter for letter in "ABCD" if letter not in dict(right))
    scripts: tuple[Script, ...] = ((say(right[0][0]),), (say(never),))
    short: dict[str, Any] = {"generations": 2, "rows_at_once": 2, "sampling": {"replay_groups": 2}, "play": TWO_TOOLS}
    straight = trained(training(model, tmp_path / "straight", steps=4, **short), scripts)
    came_back = [row["step"] for row in log(tmp_path / "straight") if row["sampling/replayed"] == 1.0]
    assert came_back, "else nothing is shown"
    trained(training(model, tmp_path / "stopped", steps=came_back[0] - 1, **short), scripts)
    resumed = trained(training(model, tmp_path / "stopped", steps=4, **short), scripts)
    assert log(tmp_path / "stopped") == log(tmp_path / "straight")
    first, second = (TransformersPolicy(str(folder)).loaded.model.state_dict() for folder in (straight, resumed))
    assert all(torch.equal(first[name], second[name]) for name in first)
