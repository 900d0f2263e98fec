"""Curriculum of composed questions without end: videos by number, easy ones first, painted when they are looked at.

A number gives the same question on every machine. Training takes names and clips of the split `train` only, so held-out
ones are never seen.
"""

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.loop.several_videos import VideoTools
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
from tools.toolbox import make_toolbox
from tools.video.source import VideoSource

View = Literal["words", "pictures"]
"""How a policy observes a video: by two tools and words alone, or by all tools and pictures."""

QUESTIONS_A_VIDEO = 2
"""Questions taken from each composed video."""
_EASIER_SHARE = 0.25
"""Share of questions from an easier level than the current one, so that what was learned stays in use."""


@dataclass(frozen=True, eq=False)
class ComposedTask:
    """A composed question with its reference and the video's recipe."""

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
        """Opens the tools of the video, as a policy is given them.

        Args:
            view: words alone, or pictures too.
            encoder: encoder of the frame index; the default costs nothing and finds colours only.
            cache: folder for the index and for text that was read; None is the usual one.
            is_shuffled: whether segments of the video change places.
            is_blind: whether a grey clip replaces the video: what is answered then, the question gives away.
        """
        captioner = DrawnCaptioner() if view == "words" else None
        video: VideoSource = no_video() if is_blind else self.episode.painter.video()
        if is_shuffled:
            video = ShuffledFrames(video)
        with closing(make_toolbox(video, encoder=encoder, captioner=captioner, cache=cache)) as toolbox:
            yield Words(toolbox) if view == "words" else toolbox


@dataclass(frozen=True)
class Curriculum:
    """Levels of difficulty over the training: 30 s and one needle first, ten minutes and six last."""

    first: int = 1
    last: int = 5

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last <= len(LEVELS):
            raise ValueError(f"need 1 <= first <= last <= {len(LEVELS)}, got {self.first} and {self.last}")

    def level(self, progress: float, rng: random.Random) -> int:
        """Draws the level at a progress of training, 0..1; levels have equal shares of it, and easier ones come back.

        Raises:
            ValueError: `progress` is outside 0..1.
        """
        if not 0 <= progress <= 1:
            raise ValueError(f"need progress in 0..1, got {progress:g}")
        count = self.last - self.first + 1
        level = self.first + min(count - 1, int(progress * count))
        return rng.randint(self.first, level - 1) if level > self.first and rng.random() < _EASIER_SHARE else level


class ComposedQuestions:
    """Composed questions by number, without end. Stateless, so threads may share it."""

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
            seed: seed of the set of questions.
            split: split of needles and clips that may be used.
            curriculum: levels over the training.
            view: how the policy observes; with words alone, questions that no words answer are left out.
            material: needles and clips from which videos are composed.
        """
        self._seed = seed
        self._split: Split = split
        self._curriculum = curriculum
        self._view: View = view
        self._material = material

    def compose_question(self, number: int, progress: float = 0.0) -> ComposedTask:
        """Composes question `number`, of the level for a progress of training, 0..1.

        Raises:
            ValueError: a hundred videos in a row had too few questions.
        """
        video, place = divmod(number, QUESTIONS_A_VIDEO)
        level = self._curriculum.level(progress, random.Random(f"{self._seed}/level/{video}"))
        for attempt in range(100):
            # a video with too few questions is replaced by one of another number, so that the others stay as they are
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
    """Whether captions and screen text can answer the question; a sign can't be read as text."""
    return not asked.text.startswith("Which sign ")
