"""The same moves are the same game for a user, a benchmark and a training: record, ids, pictures, reward.

A training plays two questions of a video, four runs each: three of a group are dictated, the fourth is what a random
model writes. Then its moves, and nothing else of it, go through `agent.loop.ask.ask` and through `evals.run`, each with
a policy that renders, tokenises and looks for itself, and says what was said. Each notes what its model was shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agent.loop.ask import ask
from agent.policies.transformers import Prompt, TransformersPolicy
from agent.policy import PolicyOptions, ToolAccess
from agent.rendering.messages import Conversation
from agent.trajectory import Reply, Stop, Trajectory, Turn, to_json
from evals.datasets.composed import open_composed
from evals.datasets.dataset import sample_entries
from evals.example import Example
from evals.run import RunConfig, main
from evals.runner.run_file import Key, key_of, read_stored
from rl.grpo.rollout import RolloutRunner
from rl.grpo.rows import RolloutRow, make_row
from rl.rewards.preset import load_preset
from rl.sampling.sampler import Rollout
from tests.rl.dictated import DictatedSampler
from tests.rl.small_training import SCRIPTS, built, training
from tools.toolbox import make_toolbox

FAMILIES = [pytest.param("qwen2_5_vl", marks=pytest.mark.heavy), "qwen3_vl"]
GROUP = len(SCRIPTS)
DATA = "drawn,level=1,count=1"
QUESTIONS = 2
"""Questions of the video that are played."""


@dataclass
class Noted:
    """What a model was shown in each turn of each run."""

    prompts: dict[Key, list[Prompt]] = field(default_factory=dict)
    jpegs: dict[Key, list[bytes]] = field(default_factory=dict)
    """As the tools gave them, in the order in which they were asked for; a later turn asks for the earlier ones too."""

    def of(self, trajectory: Trajectory, sight: ToolAccess) -> "Noting":
        return Noting(sight, self.jpegs.setdefault(key_of(trajectory), []))


class Noting:
    """A sight that keeps each picture that was taken."""

    def __init__(self, sight: ToolAccess, jpegs: list[bytes]) -> None:
        self.specs, self._sight, self._jpegs = sight.specs, sight, jpegs

    def picture(self, ref: Any) -> bytes | None:
        jpeg = self._sight.picture(ref)
        assert jpeg is not None
        self._jpegs.append(jpeg)
        return jpeg


class NotingSampler(DictatedSampler):
    """Plays in the training."""

    def __init__(self, folder: Path, options: PolicyOptions) -> None:
        super().__init__(folder, options, SCRIPTS)
        self.noted = Noted()

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        turn = super().__call__(trajectory, self.noted.of(trajectory, sight))
        self.noted.prompts.setdefault(key_of(trajectory), []).append(self._here.prompt)
        return turn


class Replaying(TransformersPolicy):
    """Has the model's words and eyes, and says what was said in a run that is over."""

    def __init__(self, folder: Path, options: PolicyOptions, replies: Mapping[Key, Sequence[Reply]]) -> None:
        super().__init__(str(folder), options)
        self.noted = Noted()
        self._replies = replies
        self._of_prompt: dict[int, Reply] = {}

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self._now = key_of(trajectory)
        return super().__call__(trajectory, self.noted.of(trajectory, sight))

    def prompt(self, conversation: Conversation, sight: ToolAccess, seed: int) -> Prompt:
        made = super().prompt(conversation, sight, seed)
        self.noted.prompts.setdefault(self._now, []).append(made)
        return made

    def generate(self, prompts: Sequence[Prompt]) -> list[Reply]:
        assert len(prompts) == 1
        return [self._replies[self._now][len(self.noted.prompts[self._now]) - 1]]


@dataclass(frozen=True)
class Ways:
    """The same moves, played three ways."""

    trained: Mapping[Key, Rollout]
    rows: Mapping[Key, RolloutRow]
    asked: Mapping[Key, Trajectory]
    evaluated: Mapping[Key, Trajectory]
    shown: tuple[Noted, Noted, Noted]
    """To the model of each: training, asking, benchmark."""
    examples: Mapping[str, Example]
    """The questions that were played."""


@pytest.fixture(scope="module", params=FAMILIES)
def ways(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("one_game")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        model = built(request.param, folder / "model", folder / "cache")
        wanted = training(model, folder / "out", data=DATA)
        options = wanted.play.options(wanted.seed)
        sampler = NotingSampler(model, options)
        asked_of = open_composed(DATA)
        entries = sample_entries(asked_of.asking.entries, QUESTIONS, options.seed)
        keys = [(entry.id, sample) for entry in entries for sample in range(GROUP)]
        played = RolloutRunner(asked_of, wanted.run_settings(sampler), sampler)(keys)
        trained = dict(zip(keys, played, strict=True))
        replies = {key: _replies(run.trajectory) for key, run in trained.items()}

        user = Replaying(model, options, replies)
        asked = {}
        for entry in entries:
            footage = entry.source.open(folder).footage
            with make_toolbox(footage, encoder="hashing", cache=folder / "cache") as toolbox:
                for sample in range(GROUP):
                    limits = wanted.play.limits()
                    run = ask(entry.question, toolbox, user, limits, verify=False, sample=sample)
                    asked[entry.id, sample] = run

        benchmark = Replaying(model, options, replies)
        config = RunConfig(
            "composed",
            DATA,
            folder / "run",
            benchmark.spec,
            runs=GROUP,
            limit=QUESTIONS,
            verify=False,
            encoder="hashing",
            limits=wanted.play.limits(),
            options=replace(options, concurrency=1),
        )
        main(config, policy=benchmark)
        evaluated = {key_of(run): run for run in read_stored(config.out)}

        rows = {key: make_row(run, 0, wanted.update.max_tokens, mask_cut=False) for key, run in trained.items()}
        shown = (sampler.noted, user.noted, benchmark.noted)
        examples = asked_of.examples()
        yield Ways(trained, rows, asked, evaluated, shown, {entry.id: examples[entry.id] for entry in entries})


def test_each_of_the_three_has_played_all_of_it(ways: Ways) -> None:
    assert len(ways.examples) == QUESTIONS
    keys = {(question_id, sample) for question_id in ways.examples for sample in range(GROUP)}
    assert set(ways.trained) == set(ways.asked) == set(ways.evaluated) == keys
    assert Stop.CRASHED not in {run.trajectory.stop for run in ways.trained.values()}
    looks = {len(run.trajectory.calls) for run in ways.trained.values()}
    assert looks == {1, 2, 3}, "some looked once more and some did not"


def test_the_same_moves_give_the_same_record(ways: Ways) -> None:
    for key, run in ways.trained.items():
        assert _record(ways.asked[key]) == _record(ways.evaluated[key]) == _record(run.trajectory)


def test_the_same_moves_give_the_same_ids_and_pictures_in_each_turn(ways: Ways) -> None:
    trained, asked, evaluated = ways.shown
    for key, prompts in trained.prompts.items():
        assert len(prompts) == len(asked.prompts[key]) == len(evaluated.prompts[key])
        for turns in zip(prompts, asked.prompts[key], evaluated.prompts[key], strict=True):
            first = turns[0]
            for other in turns[1:]:
                assert other.tokens == first.tokens
                assert len(other.seen) > 0
                assert other.seen == first.seen


def test_the_same_moves_are_shown_the_same_bytes(ways: Ways) -> None:
    trained, asked, evaluated = ways.shown
    assert trained.jpegs == asked.jpegs == evaluated.jpegs
    assert len({jpeg for jpegs in trained.jpegs.values() for jpeg in jpegs}) >= 8 + 2 + 3 - 1  # one of them twice


def test_a_row_of_the_loss_is_the_last_prompt_that_a_user_sent_and_the_reply_to_it(ways: Ways) -> None:
    for key, row in ways.rows.items():
        last, reply = ways.shown[1].prompts[key][-1], _replies(ways.asked[key])[-1]
        assert row.prompt + row.completion == last.tokens.ids + (reply.token_ids or ())
        said = [token for reply in _replies(ways.asked[key]) for token in reply.token_ids or ()]
        assert [token for token, mine in zip(row.completion, row.mask, strict=True) if mine] == said
        assert row.pictures == last.seen


@pytest.mark.parametrize("preset", ["sleuth", "videokr", "longvt", "video-mtr"])
def test_the_same_moves_earn_the_same(ways: Ways, preset: str) -> None:
    rewards = load_preset(preset)
    for question_id, example in ways.examples.items():
        keys = [(question_id, sample) for sample in range(GROUP)]
        groups = [
            [ways.trained[key].trajectory for key in keys],
            [ways.asked[key] for key in keys],
            [ways.evaluated[key] for key in keys],
        ]
        trained, asked, evaluated = (rewards.group(example, group).totals_G for group in groups)
        assert trained == asked == evaluated
        assert len(set(trained)) > 1, "a reward that is the same for all would show nothing"


def _replies(trajectory: Trajectory) -> list[Reply]:
    return [step.turn.reply for step in trajectory.steps if step.turn.reply is not None]


def _record(trajectory: Trajectory) -> str:
    """All of it but how long it took, and how much somebody thought beforehand that it would."""
    steps = [
        replace(
            step,
            seconds=0.0,
            turn=replace(step.turn, usage=replace(step.turn.usage, seconds=0.0)),
            results=tuple(replace(result, seconds=0.0) for result in step.results),
        )
        for step in trajectory.steps
    ]
    return to_json(replace(trajectory, steps=tuple(steps), estimate=None, opening_seconds=0.0))
