"""Builds the batch of one training step: samples its questions, then replaces groups with zero reward variance.

Such a group has no gradient. More groups than are trained on can be sampled first (`rl.grpo.oversampling`). Other
questions can be asked instead (DAPO's dynamic sampling), and where that does not help either, a group of an earlier
step can be replayed (`rl.grpo.replay_buffer`). All processes decide alike, from the rollouts of all.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from agent.trajectory import Trajectory
from evals.example import Example
from evals.runner.run_file import Key
from rl.grpo.config import Training
from rl.grpo.metrics import RolloutSummary, compute_metrics, list_troubles, summarize_rollout
from rl.grpo.oversampling import SampledGroup, keep_widest
from rl.grpo.replay_buffer import Replay, TrainingRow
from rl.grpo.rows import RolloutRow, make_idle_row, make_row
from rl.rewards.groups import Credit, Push, RunScore, ScoredGroups, score_groups, score_run
from rl.rewards.preset import Preset
from rl.sampling.sampler import Rollout

Gather = Callable[[list[Any]], list[Any]]
"""A function from this process's items to those of all processes, in the order of the processes."""


@dataclass(frozen=True)
class StepContext:
    """What this process samples with: its rollout functions and the examples."""

    play: Callable[[Sequence[Key]], list[Rollout]]
    shuffled: Callable[[Sequence[Key]], list[Trajectory]]
    """Samples rollouts on shuffled frames."""
    examples: Mapping[str, Example]
    """Examples by question id, in the order in which they are asked."""
    is_in_order: bool
    """Whether the order of `examples` matters, as in a curriculum."""


@dataclass(frozen=True)
class TrainingProgress:
    """Number of the current training step, and of all steps."""

    step: int
    steps: int

    @property
    def progress(self) -> float:
        """Share of the training that is done, 0..1."""
        return min(1.0, self.step / max(1, self.steps))


@dataclass(frozen=True)
class StepBatch:
    """The rows that this process trains on, and the metrics of the step."""

    runs: tuple[TrainingRow, ...]
    measures: Mapping[str, float]
    """Metrics of the questions as they came, before any was replaced, so that they describe the policy; and the cost of
    replacing."""
    warnings: tuple[str, ...] = ()
    """What went wrong with runs of any process: broken off, too long, not measured."""


@dataclass
class _StepState:
    """The rollouts of a step over all processes, by place: those of a group are adjacent, and those of a process."""

    asked: list[str]
    """Question id at each place."""
    here: range
    """Places that belong to this process."""
    rollouts: dict[int, Rollout] = field(default_factory=dict)
    """Rollouts of this process, by place."""
    rewards: dict[int, float | None] = field(default_factory=dict)
    pushes: dict[int, Push] = field(default_factory=dict)
    teaching: dict[int, bool] = field(default_factory=dict)
    """Whether a group has reward variance, by its number."""
    rounds: int = 0
    """How often other questions were asked."""
    tried: set[str] = field(default_factory=set)
    """Questions that the step has asked."""
    played: int = 0
    """Rollouts that the step has sampled."""

    @property
    def weak(self) -> list[int]:
        """Numbers of the groups without reward variance."""
        return sorted(number for number, is_teaching in self.teaching.items() if not is_teaching)


class StepBatchBuilder:
    """Builds the batch of each training step, for one process."""

    def __init__(
        self,
        training: Training,
        preset: Preset,
        context: StepContext,
        filler: int,
        gather: Gather = list,
        process: int = 0,
    ) -> None:
        """An empty replay buffer; nothing is sampled yet.

        Args:
            training: the training file.
            preset: the reward.
            context: what this process samples with.
            filler: any token id, for rows that are not trained on.
            gather: gathers the items of all processes.
            process: rank of this process.
        """
        self._training, self._preset, self._context = training, preset, context
        self._filler, self._gather, self._process = filler, gather, process
        self._size, self._sampling = training.generations, training.sampling
        self.replay = Replay(self._sampling.replay_groups, self._sampling.replay_steps)

    def list_keys(self, questions: Sequence[str], step: int) -> list[Key]:
        """The rollouts that a step begins with; arguments as of a call."""
        first = self._process * len(questions)
        places = range(first, first + len(questions))
        return [self._key(question, place, step) for question, place in zip(questions, places, strict=True)]

    def _key(self, question: str, place: int, step: int) -> Key:
        return question, step * self._size + place % self._size

    def __call__(self, questions: Sequence[str], moment: TrainingProgress) -> StepBatch:
        """The batch of one step; `questions` are the ids of this process, each repeated for its rollouts.

        Raises:
            ValueError: groups are to be replayed, and one of them is shared by several processes.
        """
        first = self._process * len(questions)
        table = _StepState(list(self._gather(list(questions))), range(first, first + len(questions)))
        found = self._run_groups(table, range(len(table.asked) // self._size), moment, 0)
        told = self._gather([self._told(table, place) for place in table.here])
        measures = {**found.measures, **compute_metrics(told)}
        table.tried, table.played = set(table.asked), len(table.asked)
        if self._sampling.oversampled is not None:
            measures |= self._oversample_groups(table, moment, self._sampling.oversampled)
        if self._sampling.tries:
            measures |= self._resample_groups(table, moment)
        runs = [self._make_training_row(table, place) for place in table.here]
        if self._sampling.replay_groups:
            measures |= self._average_over_processes(self._replay_groups(runs, table, moment))
        return StepBatch(tuple(runs), measures, list_troubles(told, found.unmeasured))

    def _run_groups(
        self, table: _StepState, numbers: Sequence[int], moment: TrainingProgress, rounds: int
    ) -> ScoredGroups:
        """Samples the groups of these numbers and scores them."""
        places = [place for number in numbers for place in range(number * self._size, (number + 1) * self._size)]
        ours = [place for place in places if place in table.here]
        keys = [self._key(table.asked[place], place, moment.step) for place in ours]
        table.rollouts |= dict(zip(ours, self._context.play(keys) if keys else (), strict=True))
        seed = [self._training.seed, moment.step, rounds] if rounds else [self._training.seed, moment.step]
        credit, preset = self._training.update.credit(self._preset), self._preset.at(moment.progress)
        runs = [(table.asked[place], table.rollouts[place].trajectory) for place in ours]
        scores = self._gather(self._score(runs, preset, credit))
        shuffled = self._run_shuffled(keys, preset, credit) if self._preset.compares_shuffled else ()
        found = score_groups(preset, scores, self._size, np.random.default_rng(seed), credit, shuffled)
        table.rewards |= dict(zip(places, found.rewards, strict=True))
        table.pushes |= dict(zip(places, found.pushes, strict=True))
        trained = self._gather([self._is_pushed(table, place) for place in ours])
        groups = [any(trained[start : start + self._size]) for start in range(0, len(trained), self._size)]
        teaches = [differs and is_trained for differs, is_trained in zip(found.teaching, groups, strict=True)]
        table.teaching |= dict(zip(numbers, teaches, strict=True))
        return replace(found, measures={**found.measures, "groups/teaching": float(np.mean(teaches))})

    def _score(self, runs: Sequence[tuple[str, Trajectory]], preset: Preset, credit: Credit) -> list[RunScore]:
        """What runs of this process earned by themselves, by the id of their question."""
        judge = self._training.judge
        with ThreadPoolExecutor(1 if judge is None else judge.concurrency) as pool:
            examples = self._context.examples
            return list(pool.map(lambda one: score_run(preset, examples[one[0]], one[1], credit), runs))

    def _is_pushed(self, table: _StepState, place: int) -> bool:
        """Whether the loss of a rollout has a gradient: an advantage, and tokens that are trained on."""
        return any(table.pushes[place] or ()) and self._make_row(table.rollouts[place]).is_trained_on

    def _run_shuffled(self, keys: Sequence[Key], preset: Preset, credit: Credit) -> list[list[RunScore]]:
        """Scores of rollouts on shuffled frames by group, sampled by the process that sampled one of the group."""
        published = self._preset.recipe.published.shuffled_generations
        wanted = min(self._sampling.shuffled_runs or published or max(1, self._size // 2), self._size)
        chosen = [key for key in keys if key[1] % self._size < wanted]
        played = self._context.shuffled(chosen) if chosen else []
        named = [(key[0], run) for key, run in zip(chosen, played, strict=True)]
        scores = self._gather(self._score(named, preset, credit))
        return [scores[start : start + wanted] for start in range(0, len(scores), wanted)]

    def _resample_groups(self, table: _StepState, moment: TrainingProgress) -> dict[str, float]:
        """Replaces groups without reward variance by other questions, as often as is allowed.

        DAPO (arXiv 2503.14476, section 3.2), which goes on until none is left.
        """
        weak, last = len(table.weak), table.rounds + self._sampling.tries
        before = table.rounds
        while table.weak and table.rounds < last:
            if not self._ask_others(table, table.weak, moment):
                break
        groups = len(table.teaching)
        return {
            "sampling/runs_a_row": table.played / len(table.asked),
            "sampling/rounds": float(table.rounds - before),
            "sampling/mended": (weak - len(table.weak)) / groups,
        }

    def _oversample_groups(self, table: _StepState, moment: TrainingProgress, wanted: int) -> dict[str, float]:
        """Samples other questions too, so that there are `wanted` groups, and keeps those whose rewards differ most."""
        every = range(len(table.teaching))
        rounds, left = [self._hold_groups(table, every)], wanted - len(every)
        while left > 0 and (asked := self._ask_others(table, every[:left], moment)):
            rounds.append(self._hold_groups(table, asked))
            left -= len(asked)
        kept = keep_widest(rounds, len(table.here), self._size)
        for number, group in kept.items():
            first = number * self._size
            table.asked[first : first + self._size] = [group.question] * self._size
            table.rollouts |= {first + place: rollout for place, rollout in group.rollouts.items()}
            table.rewards |= dict(enumerate(group.rewards, first))
            table.pushes |= dict(enumerate(group.pushes, first))
            table.teaching[number] = group.is_teaching
        return {
            "sampling/runs_a_row": table.played / len(table.asked),
            "sampling/deviation": float(np.mean([group.deviation for group in kept.values()])),
            "sampling/deviation_before": float(np.mean([group.deviation for group in rounds[0].values()])),
        }

    def _hold_groups(self, table: _StepState, numbers: Sequence[int]) -> dict[int, SampledGroup]:
        """What the groups of these numbers are now."""
        held: dict[int, SampledGroup] = {}
        for number in numbers:
            places = range(number * self._size, (number + 1) * self._size)
            held[number] = SampledGroup(
                table.asked[places[0]],
                {place - places[0]: table.rollouts[place] for place in places if place in table.here},
                [table.rewards[place] for place in places],
                [table.pushes[place] for place in places],
                table.teaching[number],
            )
        return held

    def _ask_others(self, table: _StepState, numbers: Sequence[int], moment: TrainingProgress) -> Sequence[int]:
        """Samples other questions in place of these groups; gives the numbers of those for which there were some."""
        table.rounds += 1
        others = self._select_others(table.asked, table.tried, moment, table.rounds)[: len(numbers)]
        numbers = numbers[: len(others)]
        for number, other in zip(numbers, others, strict=True):
            table.asked[number * self._size : (number + 1) * self._size] = [other] * self._size
        table.tried |= set(others)
        table.played += len(numbers) * self._size
        if numbers:
            self._run_groups(table, numbers, moment, table.rounds)
        return numbers

    def _select_others(self, asked: Sequence[str], tried: set[str], moment: TrainingProgress, rounds: int) -> list[str]:
        """Ids of questions that this step has not asked: the next ones where order matters, else shuffled."""
        known = list(self._context.examples)
        if self._context.is_in_order:
            last = max(known.index(one) for one in asked)
            known = known[last + 1 :] + known[: last + 1]
        else:
            order = np.random.default_rng([self._training.seed, moment.step, rounds]).permutation(len(known))
            known = [known[place] for place in order]
        return [one for one in known if one not in tried]

    def _replay_groups(self, runs: list[TrainingRow], table: _StepState, moment: TrainingProgress) -> dict[str, float]:
        """Replaces groups that still have no reward variance by earlier ones, and keeps those that have some."""
        if len(table.here) % self._size:
            raise ValueError(
                f"replay_groups wants whole groups in each process, and {len(table.here)} rows are no multiple of "
                f"{self._size} generations: take as many questions as processes, or a multiple"
            )
        numbers = range(table.here.start // self._size, table.here.stop // self._size)
        weak = [number for number in numbers if not table.teaching[number]]
        seed = [self._training.seed, moment.step, self._process, len(runs)]
        drawn = self.replay.draw(len(weak), moment.step, np.random.default_rng(seed))
        for number in numbers:
            if table.teaching[number]:
                self.replay.keep(tuple(runs[self._slice(number, table)]), moment.step)
        for number, group in zip(weak, drawn, strict=False):
            runs[self._slice(number, table)] = group
        ages = [moment.step - (group[0].born or 0) for group in drawn]
        measures = {
            "sampling/replayed": len(drawn) * self._size / len(runs),
            "sampling/kept_groups": float(len(self.replay)),
        }
        return measures | ({"sampling/replay_age": float(np.mean(ages))} if ages else {})

    def _slice(self, number: int, table: _StepState) -> slice:
        start = number * self._size - table.here.start
        return slice(start, start + self._size)

    def _told(self, table: _StepState, place: int) -> RolloutSummary:
        rollout = table.rollouts[place]
        row = self._make_row(rollout) if table.pushes[place] is not None else make_idle_row(self._filler)
        example = self._context.examples[table.asked[place]]
        return summarize_rollout(rollout, row, example, table.rewards[place], self._training.update.max_tokens)

    def _make_training_row(self, table: _StepState, place: int) -> TrainingRow:
        rollout = table.rollouts[place]
        answer = rollout.trajectory.answer
        ending = answer.text if answer is not None else f"({rollout.trajectory.stop})"
        # in turns that all rollouts of a group share, the advantages cancel out, so they are not computed
        shared, push = self._training.play.shared_turns, table.pushes[place]
        row = self._make_row(rollout).mask_turns(shared)
        return TrainingRow(row, None if push is None else push[shared:], table.rewards[place], ending)

    def _make_row(self, rollout: Rollout) -> RolloutRow:
        update = self._training.update
        return make_row(rollout, self._filler, update.max_tokens, mask_cut=update.mask_cut)

    def _average_over_processes(self, measures: Mapping[str, float]) -> dict[str, float]:
        """Mean of each measure over the processes that have it; all sample equally many rollouts."""
        every = self._gather([dict(measures)])
        names = dict.fromkeys(name for one in every for name in one)
        return {name: float(np.mean([one[name] for one in every if name in one])) for name in names}
