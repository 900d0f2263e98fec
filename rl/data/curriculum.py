"""Questions to train on without end: composed videos by number, easy ones first, painted when they are looked at.

The same number gives the same question on every machine, whoever asks first. Training takes names and clips of the side
`train` only, so what is held out is never met.
"""

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.loop.ask import VideoTools
from evals.composed.drawn import DRAWN
from evals.composed.episode import Episode, compose
from evals.composed.families import Composed
from evals.composed.material import Material
from evals.composed.planning import LEVELS
from evals.composed.recipe import Split
from evals.controls.blind import no_video
from evals.controls.shuffled_frames import ShuffledFrames
from evals.example import Example
from rl.data.drawn_captioner import DrawnCaptioner
from rl.data.text_tools import Words
from tools.toolbox import toolbox_over
from tools.video.source import VideoSource

View = Literal["words", "pictures"]
"""What a policy is given of a video: two tools and words alone, or all tools and pictures."""

QUESTIONS_A_VIDEO = 2
_EASIER_SHARE = 0.25
"""Of the questions that are of an easier level than it is time for: what was learned stays in use."""


@dataclass(frozen=True, eq=False)
class ComposedTask:
    """A question with all that is known of it."""

    example: Example
    asked: Composed
    episode: Episode

    @contextmanager
    def tools(
        self,
        view: View,
        encoder: str = "hashing",
        cache: Path | None = None,
        *,
        is_shuffled: bool = False,
        is_blind: bool = False,
    ) -> Iterator[VideoTools]:
        """The tools of its video, as a policy is given them.

        Args:
            view: words alone, or pictures too.
            encoder: of the frame index; the default costs nothing and finds colours only.
            cache: folder for the index and for what was read; None is the usual one.
            is_shuffled: whether segments of the video change places.
            is_blind: whether there is a grey clip in place of the video: what is answered then, the words give away.
        """
        captioner = DrawnCaptioner() if view == "words" else None
        video: VideoSource = no_video() if is_blind else self.episode.painter.video()
        if is_shuffled:
            video = ShuffledFrames(video)
        with closing(toolbox_over(video, encoder=encoder, captioner=captioner, cache=cache)) as toolbox:
            yield Words(toolbox) if view == "words" else toolbox


@dataclass(frozen=True)
class Curriculum:
    """Which levels come when: 30 s and one needle first, ten minutes and six last."""

    first: int = 1
    last: int = 5

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last <= len(LEVELS):
            raise ValueError(f"need 1 <= first <= last <= {len(LEVELS)}, got {self.first} and {self.last}")

    def level(self, progress: float, rng: random.Random) -> int:
        """The level at a point of training, 0..1: each has its equal share of it, and easier ones come back."""
        if not 0 <= progress <= 1:
            raise ValueError(f"need progress in 0..1, got {progress:g}")
        count = self.last - self.first + 1
        level = self.first + min(count - 1, int(progress * count))
        return rng.randint(self.first, level - 1) if level > self.first and rng.random() < _EASIER_SHARE else level


class ComposedQuestions:
    """Question number n, of as many as are wanted. Threads may share it; it keeps nothing."""

    def __init__(
        self,
        seed: int = 0,
        *,
        split: Split = "train",
        curriculum: Curriculum = Curriculum(1, 1),
        view: View = "pictures",
        material: Material = DRAWN,
    ) -> None:
        """Composes nothing yet.

        Args:
            seed: another set for another seed.
            split: which needles and clips may be used.
            curriculum: which levels.
            view: with words alone, questions that no words answer are left out.
            material: what videos are composed from.
        """
        self._seed = seed
        self._split: Split = split
        self._curriculum = curriculum
        self._view: View = view
        self._material = material

    def posed(self, number: int, progress: float = 0.0) -> ComposedTask:
        """The question `number`, at a point of training, 0..1, by which its level is drawn."""
        video, place = divmod(number, QUESTIONS_A_VIDEO)
        level = self._curriculum.level(progress, random.Random(f"{self._seed}/level/{video}"))
        for attempt in range(100):
            # videos that have too few questions to ask are passed over, without moving the others
            episode = compose(self._material, self._seed, video + attempt * 1_000_000, level=level, split=self._split)
            fit = [
                ComposedTask(example, asked, episode)
                for example, asked in zip(episode.examples(), episode.questions, strict=True)
                if self._view == "pictures" or is_answered_by_words(asked)
            ]
            if len(fit) > place:
                return fit[place]
        raise ValueError(f"no question {number} of seed {self._seed}: a hundred videos have too few to ask")


def is_answered_by_words(asked: Composed) -> bool:
    """Whether captions and screen text can answer it; a sign is nothing that is read as text."""
    return not asked.text.startswith("Which sign ")
