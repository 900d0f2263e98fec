"""One step off-policy: rollouts by weights one step older, weighed by the probabilities they were drawn with."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agent.policy import PolicyError
from agent.trajectory import Question, Trajectory, VideoFacts
from evals.runner.run_file import Key
from rl.grpo import early_rollouts_benchmark
from rl.grpo.early_rollouts import EarlyRollouts
from rl.grpo.early_rollouts_benchmark import draw_seconds, expect
from rl.sampling.engine import Sampled
from rl.sampling.sampler import Rollout
from rl.sampling.vllm_sampler import EngineSampler
from rl.train import main
from tests.rl.marks import trl_warns
from tests.rl.second_copy import SecondCopy
from tests.rl.small_training import TWO_TOOLS, built, training

pytest.importorskip("trl", reason="needs the rl extra")
pytestmark = trl_warns

SETTINGS: dict[str, Any] = {
    "steps": 3,
    "preset": "tinyllava-video-r1",
    "generations": 2,
    "rows_at_once": 2,
    "data": "drawn,level=1,count=3",
    "lora": {"rank": 4, "targets": ["q_proj", "v_proj"]},
    "update": {"learning_rate": 0.05, "mask_cut": False},
    "play": TWO_TOOLS | {"max_reply_tokens": 12, "max_turns": 1},
}
SERVER = {"name": "vllm-server", "url": "http://127.0.0.1:9"}


class Dated(SecondCopy):
    """Notes with which adapter each prompt was answered."""

    def __init__(self, folder: Path, options: Any) -> None:
        super().__init__(folder, options)
        self.weights: dict[tuple[int, ...], str] = {}

    def complete(
        self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any], conversation: str = ""
    ) -> Sampled:
        said = super().complete(prompt_ids, jpegs, sampling, conversation)
        self.weights[said.prompt_ids + said.token_ids] = self.used[-1].rpartition("-")[2]
        return said


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("early")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield built("qwen3_vl", folder / "model", folder / "cache")


def trained(model: Path, out: Path, *, ahead: bool) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """The log, and by which adapters the rollouts of each step were sampled."""
    from rl.grpo import trainer

    steps: list[list[str]] = []
    engine = SERVER | {"one_step_off_policy": ahead}
    held_out = {"data": "drawn,level=1,count=2,seed=5", "every": 2, "count": 1}
    wanted = training(model, out, **SETTINGS, engine=engine, evaluation=held_out)
    copy = Dated(model, wanted.play.options(0))

    def noted(self: Any, keys: Sequence[Key]) -> list[Rollout]:
        played = usual(self, keys)
        steps.append([copy.weights[one.tokens.ids] for one in played if one.tokens is not None])
        return played

    usual = trainer.GraphTrainer._played
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer.GraphTrainer, "_played", noted)
        main(wanted, sampler=EngineSampler(str(model), wanted.play.options(wanted.seed), copy))
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()], steps


def test_each_step_trains_on_rollouts_of_the_weights_before_and_says_so(model: Path, tmp_path: Path) -> None:
    log, steps = trained(model, tmp_path / "ahead", ahead=True)
    assert steps == [["0", "0"], ["0", "0"], ["1", "1"]]
    assert [row["sampling/staleness"] for row in log] == [0, 1, 1]
    assert all(row["seconds/update"] > 0 and row["seconds/tools"] >= 0 for row in log)
    evaluated = [row.get("evaluation/scored") for row in log]
    assert evaluated == [None, 1.0, 1.0], "every second step and the last, beside what is sampled ahead"
    plain, plain_steps = trained(model, tmp_path / "plain", ahead=False)
    assert plain_steps == [["0", "0"], ["1", "1"], ["2", "2"]]
    assert "sampling/staleness" not in plain[0]
    same = ("loss", "grad_norm", "score", "runs/turns")
    assert [plain[0][name] for name in same] == [log[0][name] for name in same], "the first step has nothing before it"


def test_what_was_foreseen_is_taken_once_and_what_was_not_is_played() -> None:
    def play(keys: Sequence[Key]) -> list[Rollout]:
        facts = VideoFacts("", 1.0, 1, 1)
        return [Rollout(Trajectory(Question("v", "What?", id=name), facts, sample=n), None) for name, n in keys]

    early = EarlyRollouts(play)
    assert early.take([("a", 0)]) is None
    early.start([("a", 0), ("a", 1)], step=4)
    early.wait()
    assert early.take([("b", 0), ("b", 1)]) is None, "another question came"
    taken = early.take([("a", 0), ("a", 1)])
    assert taken is not None
    assert ([one.trajectory.sample for one in taken[0]], taken[1]) == ([0, 1], 4)
    assert early.take([("a", 0), ("a", 1)]) is None


def test_waiting_lasts_until_the_last_rollout_and_an_engine_that_is_gone_is_told_where_its_rollouts_are_taken() -> None:
    go = threading.Event()

    def play(keys: Sequence[Key]) -> list[Rollout]:
        go.wait(5)
        raise PolicyError("the engine is gone")

    early = EarlyRollouts(play)
    early.start([("a", 0)], step=0)
    threading.Timer(0.05, go.set).start()
    assert early.wait() > 0.03
    with pytest.raises(PolicyError, match="the engine is gone"):
        early.take([("a", 0)])


def test_the_model_in_training_cannot_sample_while_it_trains(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="take an engine of its own"):
        training(model, tmp_path, engine={"one_step_off_policy": True})
    with pytest.raises(ValidationError, match="waits while it samples"):
        training(model, tmp_path, engine={"name": "vllm", "sleeps": True, "one_step_off_policy": True})
    with pytest.raises(ValidationError, match="waits while it samples"):
        training(model, tmp_path, engine=SERVER | {"sleeps": True})


def test_sampling_ahead_takes_the_time_of_the_longer_part_and_is_never_twice_as_fast(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Sleeps in place of a model and its engine: the background really samples while the update lasts."""
    # 8 steps of 1 + 1 by waiting, 1 + 7 + 1 ahead; of 3 + 1, 8 * 4 by 3 + 7 * 3 + 1; of unequal ones by hand
    assert expect([1.0] * 8, 1.0) == pytest.approx(16 / 9)
    assert expect([3.0] * 8, 1.0) == pytest.approx(32 / 25)
    assert expect([1.0, 3.0, 0.5], 1.0) == pytest.approx(7.5 / (1 + 3 + 1 + 1))
    assert expect([1.0] * 1000, 1.0) < 2.0
    alike, longer = early_rollouts_benchmark.main(["--steps", "6", "--second", "0.05", "--sample", "1,3"])
    assert 1.3 < alike.ratio < 2.0
    assert longer.ratio < alike.ratio
    assert alike.staleness == pytest.approx(5 / 6)
    assert capsys.readouterr().out.count("\n") == 4


def test_rollouts_of_unequal_length_gain_less() -> None:
    even, uneven = (expect(draw_seconds(1.0, spread, 500), 1.0) for spread in (0.0, 0.5))
    assert even > 1.99
    assert uneven < 1.75
    assert sum(draw_seconds(1.0, 0.5, 500)) / 500 == pytest.approx(1.0, abs=0.05)
