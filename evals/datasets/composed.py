"""Composed videos as a set of questions, painted frame by frame on demand; nothing is written.

`drawn` is one, `drawn,level=2,count=50,seed=3,split=heldout` another. A folder that `python -m evals.composed`
wrote is read as it is.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args

from evals.composed.drawn import DRAWN
from evals.composed.episode import Episode, compose
from evals.composed.families import Composed
from evals.composed.recipe import Split
from evals.controls.subject import ControlSubject, EvidenceSpan
from evals.datasets.clips import ClipExample, ExampleSet, open_clips
from evals.datasets.sources import Opened
from evals.example import Example

DRAWN_NAME = "drawn"
_PLACE = "where"


@dataclass(frozen=True)
class ComposedRecipe:
    """Options of a composed set: level, number of videos, seed and split."""

    level: int = 1
    count: int = 20
    """Number of videos."""
    seed: int = 0
    split: Split = "train"


@dataclass(frozen=True)
class PaintedSource:
    """A composed video as a source, painted when it is looked at."""

    episode: Episode

    @property
    def name(self) -> str:
        """Name of the composed video."""
        return self.episode.name

    def problem(self) -> str | None:
        """None: a painted video needs no file."""
        return None

    def open(self, scratch: Path) -> Opened:
        """Opens the video, which has no subtitles."""
        return Opened(self.episode.painter.video())


def open_composed(data: str) -> ExampleSet:
    """Opens the composed set of a folder, or of a recipe as `drawn,level=2`.

    Raises:
        ValueError: there is no such folder, or the recipe can't be read.
    """
    if data.partition(",")[0] != DRAWN_NAME:
        return open_clips(Path(data), name="composed")
    recipe = _parse_recipe(data)
    episodes = [
        compose(DRAWN, recipe.seed, number, level=recipe.level, split=recipe.split) for number in range(recipe.count)
    ]
    return ExampleSet("composed", [told for episode in episodes for told in _make_examples(episode)], ())


def _make_examples(episode: Episode) -> list[ClipExample]:
    source = PaintedSource(episode)
    pairs = zip(episode.examples(), episode.questions, strict=True)
    return [ClipExample(example, _subject(example, asked, episode), source) for example, asked in pairs]


def _subject(example: Example, asked: Composed, episode: Episode) -> ControlSubject:
    shown = tuple(EvidenceSpan(p.start_seconds, p.stop_seconds, p.whole_box) for p in asked.evidence)
    things = frozenset(needle.name for needle in episode.plan.recipe.needles)
    return ControlSubject(example.question, example.answer, shown, asked.family == _PLACE, things)


def _parse_recipe(data: str) -> ComposedRecipe:
    known = {field.name for field in fields(ComposedRecipe)}
    given: dict[str, str] = {}
    for part in data.split(",")[1:]:
        key, _, value = part.partition("=")
        if key not in known or not value:
            raise ValueError(f"can't read {part!r} of {data!r}: need KEY=VALUE with {', '.join(sorted(known))}")
        given[key] = value
    split = given.pop("split", ComposedRecipe.split)
    if split not in get_args(Split):
        raise ValueError(f"no split {split!r}: there are {', '.join(get_args(Split))}")
    try:
        numbers = {key: int(value) for key, value in given.items()}
    except ValueError as error:
        raise ValueError(f"{data!r}: level, count and seed are whole numbers: {error}") from error
    return ComposedRecipe(**numbers, split="heldout" if split == "heldout" else "train")
