"""Rollouts for training: the loop that benchmarks run, with every token that the model read and sampled.

Nothing is rendered or tokenised again afterwards: the tokens of a rollout are its last prompt, which begins with all
that came before, and the reply to it. So what is trained on is what was sampled, pictures included.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from agent.trajectory import Trajectory
from evals.controls.catalogue import control_named
from evals.datasets.clips import ExampleSet
from evals.example import Example
from evals.runner.run_file import Key
from evals.runner.runner import RunSettings
from rl.data.game import Game
from rl.data.questions import SetQuestions, TrainingQuestions
from rl.sampling.sampler import Rollout, TrainingSampler
from tools.runtime.openmp import release_openmp_threads


class RolloutRunner:
    """Samples rollouts of a set's questions; those sampled together share videos and batches."""

    def __init__(
        self,
        asked_of: ExampleSet | TrainingQuestions,
        settings: RunSettings,
        sampler: TrainingSampler,
        game: Game = Game(),  # noqa: B008 (frozen)
    ) -> None:
        """Opens no video yet.

        Args:
            asked_of: the questions.
            settings: how they are run; its policy must be `sampler`.
            sampler: the policy, which keeps the tokens of its rollouts.
            game: what `settings` leave of the video, for runs on shuffled frames.

        Raises:
            ValueError: the policy of `settings` is not `sampler`.
        """
        self._shuffled = game.under(control_named("shuffled-frames"))
        if settings.policy is not sampler:
            raise ValueError(f"runs are made by {settings.policy.spec}, whose tokens nobody keeps: give the sampler")
        self.sampler = sampler
        self.questions = SetQuestions(asked_of) if isinstance(asked_of, ExampleSet) else asked_of
        self.examples: Mapping[str, Example] = self.questions.examples
        """Examples by the id of the question, in the order in which they are asked."""
        self.on_run: Callable[[int, int], None] = lambda done, of: None
        """Is told how many of how many rollouts have ended."""
        self._settings = settings

    def warm(self, question_id: str) -> None:
        """Computes what opening the video of a question needs, and leaves it in the cache."""
        self.questions.warm(question_id, self._settings)

    def __call__(self, wanted: Sequence[Key]) -> list[Rollout]:
        """A rollout of each (question id, sample number), in order; the number is part of the seed of the rollout.

        Raises:
            ValueError: a run is wanted twice.
        """
        played = self._played(wanted, self._settings)
        return [self.sampler.taken(played[key]) for key in wanted]

    def shuffled(self, wanted: Sequence[Key]) -> list[Trajectory]:
        """Rollouts on shuffled frames, for rewards that compare with them; never trained on.

        Raises:
            ValueError: a run is wanted twice.
        """
        played = self._played(wanted, replace(self._settings, control=self._shuffled))
        return [self.sampler.taken(played[key]).trajectory for key in wanted]

    def _played(self, wanted: Sequence[Key], settings: RunSettings) -> dict[Key, Trajectory]:
        if len(set(wanted)) < len(wanted):
            raise ValueError(f"each run can be played once, got {list(wanted)}")
        played: dict[Key, Trajectory] = {}

        def keep(key: Key, trajectory: Trajectory) -> None:
            played[key] = trajectory
            self.sampler.watch.ended()
            self.on_run(len(played), len(wanted))

        at_once = self.sampler.options.concurrency
        release_openmp_threads()  # of the update before, in this thread
        with self.sampler.watch.playing(len(wanted), at_once):
            self.questions.play(wanted, settings, keep, at_once)
        return played
