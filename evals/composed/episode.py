"""Episodes: one composed video with its questions, from a seed, for training, evaluation and files alike."""

from dataclasses import dataclass

from agent.trajectory import Question
from evals.composed.families import QUESTIONS_A_VIDEO, Composed, make_questions
from evals.composed.material import Material
from evals.composed.painting import Painter
from evals.composed.planning import PlannedVideo, plan_video
from evals.composed.recipe import Split
from evals.example import Example


@dataclass(frozen=True, eq=False)
class Episode:
    """A composed video, painted on demand, with its questions."""

    plan: PlannedVideo
    questions: tuple[Composed, ...]
    painter: Painter

    @property
    def name(self) -> str:
        """Name of the video, unique among those of the same material."""
        return self.plan.recipe.name

    def examples(self) -> tuple[Example, ...]:
        """The questions as examples, whose video is given by name only."""
        return tuple(
            Example(
                Question(self.name, asked.text, asked.options, f"{self.name}#{number}"),
                *(asked.answer, (), asked.evidence_seconds, asked.needs, self.name),
            )
            for number, asked in enumerate(self.questions, start=1)
        )


def compose(
    material: Material,
    seed: int,
    number: int,
    *,
    level: int = 1,
    split: Split = "train",
    height: int = 360,
    questions: int = QUESTIONS_A_VIDEO,
) -> Episode:
    """Composes the episode `number` of a seed; the same arguments give the same pixels and questions.

    Args:
        material: clips and cut-outs.
        seed: seed of the whole set.
        number: number of the episode in the set, from 0.
        level: level of the curriculum, 1 to 5.
        split: split of needles and clips that may be used.
        height: height of the picture in pixels; it is 16:9.
        questions: most questions; a video with one needle may have fewer.

    Raises:
        ValueError: there is no such level, the picture is too small, or the split has too little material.
    """
    plan = plan_video(material, seed, number, level, split, height)
    asked = make_questions(plan, seed, number, questions)
    return Episode(plan, asked, Painter(plan.recipe, material))
