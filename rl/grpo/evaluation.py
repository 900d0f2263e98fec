"""Evaluation while a training goes on: held-out questions, played as rollouts are and never trained on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers import TrainerCallback

from agent.trajectory import Trajectory
from evals.example import Example
from evals.runner.run_file import Key
from evals.scoring.scoring import score

Played = Callable[[Sequence[Key]], list[Trajectory]]


class Evaluator(TrainerCallback):
    """Trainer callback that plays the held-out questions every few steps, and after the last one."""

    def __init__(
        self,
        examples: Mapping[str, Example],
        every: int,
        play: Played,
        gather: Callable[[list[Any]], list[Any]],
        record: Callable[[str, float], None],
        place: tuple[int, int] = (0, 1),
    ) -> None:
        """Plays nothing yet.

        Args:
            examples: the held-out questions by their ids.
            every: steps between two evaluations.
            play: plays questions with the weights of now.
            gather: gathers the items of all processes.
            record: adds a metric to the log that is written next.
            place: rank of this process, and number of processes, among which the questions are shared.
        """
        self._examples, self._every = examples, every
        self._play, self._gather, self._record, self._place = play, gather, record, place

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Evaluates, where it is time to."""
        if state.global_step % self._every and state.global_step < state.max_steps:
            return
        for name, value in self.measure().items():
            self._record(name, value)

    def measure(self) -> Mapping[str, float]:
        """The share of right answers over all processes, the share of runs that are scored, and their turns."""
        rank, processes = self._place
        keys = [(question, 0) for question in list(self._examples)[rank::processes]]
        runs = self._play(keys) if keys else []
        told = [(score(self._examples[key[0]], run).value, run.turns) for key, run in zip(keys, runs, strict=True)]
        every = self._gather(told)
        scored = [(value, turns) for value, turns in every if value is not None]
        measures = {"evaluation/scored": len(scored) / len(every)}
        if scored:
            measures["evaluation/right"] = sum(value for value, _ in scored) / len(scored)
            measures["evaluation/turns"] = sum(turns for _, turns in scored) / len(scored)
        return measures
