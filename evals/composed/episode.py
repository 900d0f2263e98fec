"""One composed video with its questions, from a seed: what training, evaluation and the files are all made of."""

from dataclasses import dataclass

from agent.trajectory import Question
from evals.composed.families import QUESTIONS_A_VIDEO, Composed, questions_of
from evals.composed.material import Material
from evals.composed.painting import Painter
from evals.composed.planning import PlannedVideo, plan_video
from evals.composed.recipe import Split
from evals.example import Example


@dataclass(frozen=True, eq=False)
class Episode:
    """A video that is painted when asked for, and what is asked about it."""

    plan: PlannedVideo
    questions: tuple[Composed, ...]
    painter: Painter

    @property
    def name(self) -> str:
        """Names the video among all of the same material."""
        return self.plan.recipe.name

    def examples(self) -> tuple[Example, ...]:
        """The questions as every policy is asked them; the video is only named."""
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
    """The episode `number` of a seed; the same arguments give the same pixels and the same questions.

    Args:
        material: what there is to compose from.
        seed: of a whole set.
        number: of the episode in it, from 0.
        level: of the curriculum, 1 to 5.
        split: which needles and clips may be used.
        height: of the picture in pixels; it is 16:9.
        questions: how many at most; a video with one needle may have fewer to ask.

    Raises:
        ValueError: no such level, a picture too small, or too little material on that side.
    """
    plan = plan_video(material, seed, number, level, split, height)
    asked = questions_of(plan, seed, number, questions)
    return Episode(plan, asked, Painter(plan.recipe, material))
