"""The scripted expert as one policy for all questions of a composed set."""

from agent.policy import ToolAccess
from agent.trajectory import Trajectory, Turn
from evals.datasets.clips import ExampleSet
from evals.datasets.composed import PaintedSource
from rl.data.expert import PictureEyes, ScriptedExpert

EXPERT = "expert"


class SetExpert:
    """Answers each question of a composed set as its own expert would. It looks up what shown frames hold by their
    times, so that it must be shown the question's own video."""

    spec = EXPERT
    setup = None

    def __init__(self, questions: ExampleSet) -> None:
        """Finds the recipe of every question.

        Raises:
            ValueError: a question is not composed.
        """
        self._experts: dict[str, ScriptedExpert] = {}
        for entry in questions.asking.entries:
            if not isinstance(entry.source, PaintedSource):
                raise ValueError(f"the expert answers composed questions only, and {entry.id} is none: name a --solver")
            episode = entry.source.episode
            asked = episode.questions[int(entry.id.rpartition("#")[2]) - 1]
            self._experts[entry.id] = ScriptedExpert(asked, PictureEyes(episode))

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """The next turn of the question's expert."""
        return self._experts[trajectory.question.id](trajectory, sight)
