"""Runs for training: the game that benchmarks play, with every token that went into the model and came out of it.

Nothing is rendered or tokenised again afterwards: the tokens of a run are the last prompt it was played with, which
begins with all that came before, and the reply to it. So what is trained on is what was played, pictures included.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agent.trajectory import Trajectory
from evals.controls.catalogue import control_named
from evals.datasets.clips import ExampleSet
from evals.example import Example
from evals.runner.run_file import Key
from evals.runner.runner import RunSettings
from rl.data.questions import SetQuestions, TrainingQuestions
from rl.sampling.sampler import Rollout, TrainingSampler
from tools.runtime.openmp import release_openmp_threads


class RolloutRunner:
    """Plays questions of a set as they are asked for. What is played at once shares videos and batches."""

    def __init__(self, asked_of: ExampleSet | TrainingQuestions, game: RunSettings, sampler: TrainingSampler) -> None:
        """Plays nothing yet.

        Raises:
            ValueError: it is not the sampler that plays the game.
        """
        if game.policy is not sampler:
            raise ValueError(f"the game is played by {game.policy.spec}, whose tokens nobody keeps: give the sampler")
        self.sampler = sampler
        self.questions = SetQuestions(asked_of) if isinstance(asked_of, ExampleSet) else asked_of
        self.examples: Mapping[str, Example] = self.questions.examples
        """By the id of the question."""
        self._game = game

    def warm(self, question_id: str) -> None:
        """Leaves in the cache whatever opening the video of a question would have to compute."""
        self.questions.warm(question_id, self._game)

    def __call__(self, wanted: Sequence[Key]) -> list[Rollout]:
        """A run of each (question id, sample), in order; the sample tells the runs of a question apart, as a seed does.

        Raises:
            ValueError: a run is wanted twice.
        """
        played = self._played(wanted, self._game)
        return [self.sampler.taken(played[key]) for key in wanted]

    def shuffled(self, wanted: Sequence[Key]) -> list[Trajectory]:
        """The same on shuffled frames, for rewards that compare; these runs are not trained on.

        Raises:
            ValueError: a run is wanted twice.
        """
        played = self._played(wanted, replace(self._game, control=control_named("shuffled-frames")))
        return [self.sampler.taken(played[key]).trajectory for key in wanted]

    def _played(self, wanted: Sequence[Key], game: RunSettings) -> dict[Key, Trajectory]:
        if len(set(wanted)) < len(wanted):
            raise ValueError(f"each run can be played once, got {list(wanted)}")
        played: dict[Key, Trajectory] = {}

        def keep(key: Key, trajectory: Trajectory) -> None:
            played[key] = trajectory
            self.sampler.watch.ended()

        at_once = self.sampler.options.concurrency
        release_openmp_threads()  # of the update before, in this thread
        with self.sampler.watch.playing(len(wanted), at_once):
            self.questions.play(wanted, game, keep, at_once)
        return played
