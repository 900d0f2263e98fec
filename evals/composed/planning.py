"""Plans composed videos from a seed: needles, times, places and footage, without touching a pixel.

One needle more is planned than is pasted: the ghost, for questions about a needle that does not appear. Its look, tag,
time and place are drawn like those of the others, so that nothing in a question shows that it is about a ghost.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from evals.composed.held_out import names_of
from evals.composed.material import Material
from evals.composed.recipe import FPS, Needle, Placement, Segment, Split, VideoRecipe
from evals.composed.tags import Sort, draw_tags, tag_size
from tools.observation import FULL_FRAME, Box


@dataclass(frozen=True)
class Level:
    """A level of the curriculum: length of the video and number of needles."""

    seconds: int
    needles: int
    insert_share: float
    """Share of needles with a shot of their own, at 50-80 % of its height; others are 30-42 % of the height."""


LEVELS: dict[int, Level] = {
    1: Level(30, 1, 1.0),
    2: Level(60, 2, 0.7),
    3: Level(120, 3, 0.5),
    4: Level(300, 4, 0.5),
    5: Level(600, 6, 0.5),
}

FEWEST_NEEDLES, FEWEST_CLIPS = 12, 3
"""Fewest names that a split needs: six on screen, a ghost, and wrong options; and fewest clips."""

FEWEST_ABSENT = 4
"""Fewest needles beside the ghost that do not appear, for wrong options."""

_COUNTED_SHARE = 0.4
"""Share of videos with a needle that may appear several times."""
_MOST_TIMES = 4
"""Most appearances of one needle: as many as a question has options."""
_GAP_SECONDS = 2.0
"""Least time between two appearances."""
_MARGIN, _BESIDE = 8, 6
"""Pixels from a needle to the border of the picture, and to its tag."""


@dataclass(frozen=True)
class PlannedVideo:
    """A recipe, with what is known of it beyond its pixels."""

    recipe: VideoRecipe
    split: Split
    level: int
    counted: Needle | None
    """Needle that may appear several times, one to four with equal chances; None if there is none."""
    ghost: Placement
    """Needle that is not in the video, at a time and place where it might have been."""
    absent_names: tuple[str, ...]
    """Names of needles of the same split that are not in the video, without the ghost."""


def plan_video(
    material: Material, seed: int, number: int, level: int = 1, split: Split = "train", height: int = 360
) -> PlannedVideo:
    """Plans the video `number` of a seed.

    Args:
        material: clips and cut-outs.
        seed: seed of the whole set.
        number: number of the video in the set, from 0.
        level: level of the curriculum, 1 to 5.
        split: split of needles and clips that may be used.
        height: height of the picture in pixels; it is 16:9.

    Raises:
        ValueError: there is no such level, the picture is too small, or the split has too few needles or clips.
    """
    if level not in LEVELS:
        raise ValueError(f"need a level in 1..{len(LEVELS)}, got {level}")
    if height < 240 or height % 18:
        raise ValueError(f"need a height of at least 240 that is a multiple of 18, e.g. 360 or 720, got {height}")
    names = names_of(split, material.cutouts.names, FEWEST_NEEDLES, "needles")
    clips = names_of(split, material.clips.names, FEWEST_CLIPS, "clips")
    rng = random.Random(f"{seed}/{split}/{level}/{height}/{number}")
    return _Planner(material, rng, LEVELS[level], height).plan(
        names, clips, f"{split}-{level}-{seed}-{number:04}", split, level
    )


class _Planner:
    """Draws the random choices for one video."""

    def __init__(self, material: Material, rng: random.Random, level: Level, height: int) -> None:
        self._material = material
        self._rng = rng
        self._level = level
        self._height, self._width = height, height * 16 // 9

    def plan(self, names: Sequence[str], clips: Sequence[str], name: str, split: Split, level: int) -> PlannedVideo:
        rng, wanted = self._rng, self._level.needles
        shuffled = _drop_common_words(rng.sample(names, len(names)))
        if len(shuffled) < wanted + 1 + FEWEST_ABSENT:
            raise ValueError(f"the names of the needles have too many words in common: {', '.join(names)}")
        needles = self._draw_needles(shuffled[: wanted + 1])
        shown, ghost = needles[:-1], needles[-1]
        times = rng.randint(1, _MOST_TIMES) if rng.random() < _COUNTED_SHARE else None
        order = [*shown, *[shown[0]] * ((times or 1) - 1)]
        rng.shuffle(order)
        spans = self._draw_spans(len(order))
        inserts = [rng.random() < self._level.insert_share for _ in order]
        pasted = zip(order, spans, inserts, strict=True)
        recipe = VideoRecipe(
            name=name,
            width=self._width,
            height=self._height,
            seconds=float(self._level.seconds),
            segments=self._draw_segments(clips, [span for span, own in zip(spans, inserts, strict=True) if own]),
            placements=tuple(self._draw_placement(needle, *span, own) for needle, span, own in pasted),
        )
        return PlannedVideo(
            recipe=recipe,
            split=split,
            level=level,
            counted=None if times is None else shown[0],
            ghost=self._draw_placement(ghost, *self._draw_spans(1)[0], rng.random() < self._level.insert_share),
            absent_names=tuple(shuffled[wanted + 1 :]),
        )

    def _draw_needles(self, names: Sequence[str]) -> list[Needle]:
        rng = self._rng
        sort: Sort = rng.choice(("number", "number", "word", "sign"))
        tags = draw_tags(rng, sort, len(names))
        colours = self._material.cutouts.colours
        painted = [rng.choice(colours) if colours else None for _ in names]
        return [Needle(*parts) for parts in zip(names, painted, tags, strict=True)]

    def _draw_spans(self, count: int) -> list[tuple[float, float]]:
        """Random spans of 2 to 3 s, apart from one another, in time order, on whole frames."""
        lengths = [self._rng.randint(2 * FPS, 3 * FPS) for _ in range(count)]
        gap = round(_GAP_SECONDS * FPS)
        free = self._level.seconds * FPS - sum(lengths) - gap * (count - 1)
        places = sorted(self._rng.randint(0, free) for _ in range(count))
        spans, before = [], 0
        for place, length in zip(places, lengths, strict=True):
            spans.append(((place + before) / FPS, (place + before + length) / FPS))
            before += length + gap
        return spans

    def _draw_placement(self, needle: Needle, start: float, stop: float, is_insert: bool) -> Placement:
        """Places the needle somewhere in the picture, with its tag on its left or right."""
        rng = self._rng
        share = rng.uniform(0.5, 0.8) if is_insert else rng.uniform(0.3, 0.42)
        tag_wide, tag_tall = tag_size(needle.tag)
        room = self._width - 2 * _MARGIN - _BESIDE - tag_wide
        tall = min(round(share * self._height), int(room / self._material.cutouts.aspect(needle.name)))
        wide = min(room, round(tall * self._material.cutouts.aspect(needle.name)))
        left = rng.randint(_MARGIN, self._width - _MARGIN - wide - _BESIDE - tag_wide)
        top = rng.randint(_MARGIN, self._height - _MARGIN - max(tall, tag_tall))
        tag_top = top + max(0, (tall - tag_tall) // 2)
        if rng.random() < 0.5:
            box, tag_left = self._box(left, top, wide, tall), left + wide + _BESIDE
        else:
            box, tag_left = self._box(left + tag_wide + _BESIDE, top, wide, tall), left
        return Placement(needle, start, stop, box, self._box(tag_left, tag_top, tag_wide, tag_tall))

    def _box(self, left: int, top: int, wide: int, tall: int) -> Box:
        return left / self._width, top / self._height, (left + wide) / self._width, (top + tall) / self._height

    def _draw_segments(self, clips: Sequence[str], inserts: Sequence[tuple[float, float]]) -> tuple[Segment, ...]:
        """Segments of 5 to 15 s, cut open for the shots of single needles."""
        cuts = [0]
        while cuts[-1] < self._level.seconds:
            cuts.append(cuts[-1] + self._rng.randint(5, 15))
        edges = {float(cut) for cut in cuts[:-1]} | {float(self._level.seconds)}
        inside = {edge for edge in edges for start, stop in inserts if start < edge < stop}
        edges = (edges - inside) | {edge for span in inserts for edge in span}
        ordered = sorted(edges)
        return tuple(self._draw_segment(clips, *span) for span in pairwise(ordered))

    def _draw_segment(self, clips: Sequence[str], start: float, stop: float) -> Segment:
        rng = self._rng
        clip = rng.choice(clips)
        speed = rng.choice((0.75, 1.0, 1.5))
        last = self._material.clips.seconds(clip) - (stop - start) * speed
        return Segment(
            start_seconds=start,
            stop_seconds=stop,
            clip=clip,
            clip_start_seconds=float(rng.randint(0, max(0, int(last)))),
            speed=speed,
            is_mirrored=rng.random() < 0.5,
            gain=rng.choice((0.8, 1.0, 1.15)),
            crop=_CROPS[rng.randrange(len(_CROPS))],
        )


def _drop_common_words(names: Sequence[str]) -> list[str]:
    """The names without those that share a word with an earlier one, as "tiger" and "tiger face"."""
    used: set[str] = set()
    kept = []
    for name in names:
        words = set(name.removeprefix("word ").split())
        if not words & used:
            kept.append(name)
            used |= words
    return kept


_CROPS: tuple[Box, ...] = (
    FULL_FRAME,
    (0.0, 0.0, 0.8, 0.8),
    (0.2, 0.0, 1.0, 0.8),
    (0.0, 0.2, 0.8, 1.0),
    (0.2, 0.2, 1.0, 1.0),
)
