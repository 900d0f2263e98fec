"""Videos for run 3, in which a policy must find where to look: two shots, and in one of them a needle, large or small.

The colour of a large needle is seen on the whole frame; that of a small one only in a zoom on its part of it, while the
part itself shows on the whole frame. Shapes and clips of the split `heldout` are never trained on. A folder of them
is a set for `evals.run clips` and for `data` of a training file.
"""

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from evals.composed.drawn import DRAWN
from evals.composed.episode import Episode
from evals.composed.families import Composed
from evals.composed.held_out import names_of
from evals.composed.painting import Painter
from evals.composed.planning import PlannedVideo
from evals.composed.recipe import Needle, Placement, Segment, Split, VideoRecipe
from evals.composed.shapes import SHAPES
from evals.composed.writing import write_episode
from tools.cache import write_json
from tools.observation import FULL_FRAME, Box

SHOTS = 2
"""Shots of a second each; the loop shows a model one frame of each before its first turn."""
SMALL, LARGE = "small", "large"
_WIDTH, _HEIGHT = 640, 360
_SIDES = {SMALL: (11, 14), LARGE: (110, 170)}
"""Least and greatest side of a needle in pixels."""
_CLEAR = 12
"""Pixels at least between a small needle and the sides of its part."""
_ROWS, _COLUMNS = ("top", "bottom"), ("far left", "left", "right", "far right")
PARTS: dict[str, Box] = {
    f"{row} {column}": (x / 4, y / 2, (x + 1) / 4, (y + 1) / 2)
    for y, row in enumerate(_ROWS)
    for x, column in enumerate(_COLUMNS)
}
"""Eighths of the picture, nearly square each, as a zoom shows them."""
_DONE = "look_set.json"


@dataclass(frozen=True)
class LookSet:
    """Options of a set: number of videos, seed and split."""

    count: int
    seed: int = 0
    split: Split = "train"
    is_lesson: bool = False
    """Whether it is also asked where the needle is."""


def compose_look(seed: int, number: int, split: Split, *, is_lesson: bool = False) -> Episode:
    """A video with its question, or those of a lesson.

    Args:
        seed: seed of the set.
        number: number of the video.
        split: split of its shape and clips.
        is_lesson: whether it is also asked where the needle is.
    """
    rng = random.Random(f"look/{seed}/{split}/{number}")
    names = names_of(split, SHAPES, SHOTS, "shapes")
    clips = names_of(split, DRAWN.clips.names, SHOTS, "clips")
    needle = Needle(rng.choice(names), rng.choice(DRAWN.cutouts.colours), "")
    size, shot = rng.choice((SMALL, LARGE)), rng.randrange(SHOTS)
    box = _draw_box(rng, rng.choice(list(PARTS.values())), rng.randint(*_SIDES[size]))
    placement = Placement(needle, float(shot), float(shot + 1), box, box)
    recipe = VideoRecipe(
        name=f"look-{split}-{seed}-{number:04}",
        width=_WIDTH,
        height=_HEIGHT,
        seconds=float(SHOTS),
        segments=tuple(_draw_segment(rng, start, clip) for start, clip in enumerate(rng.sample(clips, SHOTS))),
        placements=(placement,),
    )
    place = f"{find_part(box)} at {shot + 0.5} s"
    colour = Composed("colour", f"What colour is the {needle.name}?", (), needle.colour, (placement,), (size,))
    where = Composed("where", f"Where is the {needle.name}?", (), place, (placement,), (size,))
    asked = (where, colour) if is_lesson else (colour,)
    return Episode(PlannedVideo(recipe, split, 1, None, placement, ()), asked, Painter(recipe, DRAWN))


def write_look_set(folder: Path, options: LookSet, say: Callable[[str], None] = lambda _: None) -> Path:
    """Writes the videos of a set with their questions, once; gives back the folder.

    Args:
        folder: where they are written.
        options: number, seed and split of the videos.
        say: prints a line of progress.

    Raises:
        ValueError: the folder holds something else, or a set that was not finished.
    """
    if (folder / _DONE).exists():
        return folder
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty, and holds no whole set: choose another, or empty it")
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(options.count):
        write_episode(folder, compose_look(options.seed, number, options.split, is_lesson=options.is_lesson))
    write_json(folder / _DONE, asdict(options))
    say(f"{options.count} videos in {folder}")
    return folder


def find_part(box: Box) -> str:
    """The part of the picture in which the middle of a box lies, as "top far left"."""
    left, top, right, bottom = box
    return f"{_ROWS[int(top + bottom)]} {_COLUMNS[int(2 * (left + right))]}"


def _draw_box(rng: random.Random, part: Box, side: int) -> Box:
    high = min(side, _HEIGHT // 2 - 2)
    clear = min(_CLEAR + side // 2, _WIDTH // 10)  # a large needle is wider than its part, in which its middle lies
    middle = rng.randint(round(part[0] * _WIDTH) + clear, round(part[2] * _WIDTH) - clear)
    x = min(max(middle - side // 2, 1), _WIDTH - side - 1)
    y = round(part[1] * _HEIGHT) + rng.randint(1, max(1, _HEIGHT // 2 - high - 1))
    return x / _WIDTH, y / _HEIGHT, (x + side) / _WIDTH, (y + high) / _HEIGHT


def _draw_segment(rng: random.Random, start: int, clip: str) -> Segment:
    first = float(rng.randint(0, round(DRAWN.clips.seconds(clip)) - 2))
    return Segment(
        float(start), start + 1.0, clip, first, 1.0, rng.random() < 0.5, rng.choice((0.8, 1.0, 1.15)), FULL_FRAME
    )
