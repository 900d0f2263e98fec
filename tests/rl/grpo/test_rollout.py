"""A run that is trained on is the run that users see, token by token."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.loop.modes import choose_offered
from agent.policies.transformers import Prompt, TransformersPolicy
from agent.policy import PolicyOptions
from agent.rendering.messages import render
from agent.rendering.tokens import fetch_pictures
from agent.trajectory import Reply, Stop, Trajectory
from evals.datasets.composed import open_composed
from rl.grpo.rollout import RolloutRunner
from rl.grpo.rows import make_row
from rl.sampling.sampler import Rollout, TrainingSampler
from tests.rl.small_training import DATA, LOOK, SCRIPTS, built, rollouts_of, say, training
from tools.toolbox import Toolbox, make_toolbox

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def model(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("qwen3_vl", tmp_path_factory.mktemp("model"), cache)


@pytest.fixture(scope="module")
def rollouts(model: Path, cache: Path) -> RolloutRunner:
    return rollouts_of(training(model, cache / "out"))


@pytest.fixture(scope="module")
def played(rollouts: RolloutRunner) -> list[Rollout]:
    """A group of four runs of the first question."""
    question_id = next(iter(rollouts.examples))
    return rollouts([(question_id, sample) for sample in range(4)])


def test_runs_of_a_group_are_played_as_they_were_dictated(played: list[Rollout]) -> None:
    assert [rollout.trajectory.stop for rollout in played] == [*[Stop.ANSWERED] * 3, Stop.MALFORMED]
    assert [len(rollout.trajectory.calls) for rollout in played] == [2, 3, 1, 1]  # the opening look is the first


def test_its_tokens_are_those_that_a_user_of_the_same_moves_would_have_sent(
    rollouts: RolloutRunner, played: list[Rollout], cache: Path
) -> None:
    """The whole run, rendered and written once more from its record, picture by picture."""
    sampler = rollouts.sampler
    for rollout in played:
        assert rollout.tokens is not None
        with _toolbox(rollout.trajectory, cache) as toolbox:
            said = _without_last_notice(rollout.trajectory)
            conversation = render(said, choose_offered(toolbox.specs), "text", sampler.options)
            shown = fetch_pictures(conversation, toolbox.picture)
            assert sampler.loaded.eyes is not None
            assert len(shown.jpegs) == len(rollout.pictures)
            written = sampler.loaded.scribe.write(shown.conversation)
        assert written.expanded([seen.span for seen in rollout.pictures]) == rollout.tokens


def test_a_run_ends_after_its_seconds_without_another_look(model: Path, cache: Path) -> None:
    """One that looks twice and then answers; the time is over after its first turn."""
    play = {"encoder": "hashing", "max_reply_tokens": 64, "max_frame_pixels": 96 * 54, "max_turns": 4}
    ended = []
    for seconds in (None, 1e-3):
        rollouts = rollouts_of(training(model, cache / "out", play=play | {"max_seconds": seconds}), SCRIPTS[1:2])
        [rollout] = rollouts([(next(iter(rollouts.examples)), 0)])
        ended.append((rollout.trajectory.stop, len(rollout.trajectory.results)))
    assert ended[0] == (Stop.ANSWERED, 3)
    assert ended[1][0] is Stop.TIME_LIMIT
    assert ended[1][1] < 3  # the look of the first turn may have been made before the time is over


def test_a_second_look_at_the_evidence_is_not_trained_on(model: Path, cache: Path) -> None:
    cited = '{"answer": "A", "evidence": [{"start": 3, "stop": 9, "calls": ["t2c1"]}]}'
    looking = training(model, cache / "out", play={"verify": True, "encoder": "hashing", "max_frame_pixels": 96 * 54})
    rollouts = rollouts_of(looking, ((LOOK, say(cited)),))
    [verified] = rollouts([(next(iter(rollouts.examples)), 0)])
    assert verified.trajectory.verification is not None
    assert verified.tokens is not None
    replies = [step.turn.reply.token_ids or () for step in verified.trajectory.steps if step.turn.reply is not None]
    assert sum(verified.tokens.sampled) == sum(map(len, replies))
    assert len(verified.pictures) == 10


def test_a_run_is_played_again_from_its_sample_and_not_otherwise(model: Path, cache: Path) -> None:
    rollouts = rollouts_of(training(model, cache / "out"), (None,))
    question_id = next(iter(rollouts.examples))
    first, second = rollouts([(question_id, 4), (question_id, 5)])
    [again] = rollouts([(question_id, 4)])
    assert first.tokens is not None
    assert second.tokens is not None
    assert again.tokens is not None
    assert again.tokens.ids == first.tokens.ids != second.tokens.ids


def test_runs_share_their_first_turns_and_then_part(model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play = {"encoder": "hashing", "max_reply_tokens": 12, "max_turns": 2, "max_frame_pixels": 96 * 54}
    rollouts = rollouts_of(training(model, cache / "out", play=play | {"shared_turns": 1, "concurrency": 3}), (None,))
    rows: list[int] = []
    usual = TransformersPolicy.generate

    def counted(self: TransformersPolicy, prompts: Sequence[Prompt]) -> list[Reply]:
        rows.append(len(prompts))
        return usual(self, prompts)

    monkeypatch.setattr(TransformersPolicy, "generate", counted)
    question_id = next(iter(rollouts.examples))
    played = rollouts([(question_id, sample) for sample in range(3)])
    replies = [[step.turn.reply for step in one.trajectory.steps if step.turn.reply is not None] for one in played]
    firsts, seconds = zip(*([r.token_ids for r in run] for run in replies), strict=True)
    assert len(set(firsts)) == 1
    assert len(set(seconds)) == 3
    assert sum(rows) < 6  # not each run's own
    with pytest.raises(ValueError, match="never part"):
        training(model, cache / "out", play=play | {"shared_turns": 2})


def test_a_picture_is_encoded_once_until_the_weights_change(rollouts: RolloutRunner) -> None:
    question_id, sampler, encoded = next(iter(rollouts.examples)), rollouts.sampler, []

    def count(_tower: object, _given: object, named: dict[str, Any]) -> None:
        encoded.append(len(named["grid_thw"]))

    counting = sampler.model.model.visual.register_forward_pre_hook(count, with_kwargs=True)
    try:
        sampler.forget()
        first = rollouts([(question_id, sample) for sample in (4, 5, 6)])
        assert sum(encoded) == 8 + 2 + 2  # one of the frames looked at again was seen in the overview
        again = rollouts([(question_id, sample) for sample in (4, 5, 6)])
        assert sum(encoded) == 8 + 2 + 2
        sampler.forget()
        rollouts([(question_id, 4)])
        assert sum(encoded) == (8 + 2 + 2) + (8 + 2)
    finally:
        counting.remove()
    for one, other in zip(first, again, strict=True):
        assert one.tokens is not None
        assert one.tokens == other.tokens


def test_a_run_that_does_not_fit_the_model_does_not_count(model: Path, cache: Path) -> None:
    wanted = training(model, cache / "out", play={"encoder": "hashing", "max_reply_tokens": 32_000})
    rollouts = rollouts_of(wanted)
    [failed] = rollouts([(next(iter(rollouts.examples)), 0)])
    assert failed.trajectory.stop is Stop.POLICY_FAILED
    assert (failed.counts, failed.tokens) == (False, None)
    assert make_row(failed, 7, 100).completion == (7,)


def test_the_same_run_twice_at_once_is_refused(rollouts: RolloutRunner) -> None:
    question_id = next(iter(rollouts.examples))
    with pytest.raises(ValueError, match="each run can be played once"):
        rollouts([(question_id, 1), (question_id, 1)])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (PolicyOptions(temperature=0.0), "all runs of a group are the same"),
        (PolicyOptions(temperature=1.0, max_pictures=4), "leaves out pictures shown before"),
    ],
)
def test_what_can_not_be_trained_on_is_refused_before_a_model_is_loaded(options: PolicyOptions, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        TrainingSampler("/no/such/model", options)


def _toolbox(trajectory: Trajectory, cache: Path) -> Toolbox:
    [entry] = [entry for entry in open_composed(DATA).asking.entries if entry.id == trajectory.question.id]
    return make_toolbox(entry.source.open(cache).footage, encoder="hashing", cache=cache)


def _without_last_notice(trajectory: Trajectory) -> Trajectory:
    """As it was when the last reply had come."""
    *earlier, last = trajectory.steps
    return replace(trajectory, steps=(*earlier, replace(last, notice="")))


@pytest.mark.slow
def test_a_run_that_fills_the_context_by_its_own_calls_has_reached_a_limit_and_counts(
    model: Path, cache: Path, rollouts: RolloutRunner, played: list[Rollout]
) -> None:
    """The context takes the first turn of a run that looks, and not the second."""
    tokens = played[0].tokens
    assert tokens is not None
    first = tokens.sampled.index(True)
    runner = rollouts_of(training(model, cache / "out"), ((LOOK, say("A")), (say("B"),)))
    room = first + runner.sampler.options.max_reply_tokens
    runner.sampler.loaded = replace(runner.sampler.loaded, context_tokens=room)
    question_id = next(iter(runner.examples))
    looked, answered = runner([(question_id, sample) for sample in range(2)])
    assert looked.trajectory.stop is Stop.TOKEN_LIMIT
    assert "lower --max-frames" in looked.trajectory.error
    assert looked.counts
    assert looked.tokens is not None
    assert answered.trajectory.stop is Stop.ANSWERED
    runner.sampler.loaded = replace(runner.sampler.loaded, context_tokens=first)
    [never] = runner([(question_id, 3)])
    assert never.trajectory.stop is Stop.POLICY_FAILED, "the prompt alone does not fit, for which no call is to blame"
    assert not never.counts
