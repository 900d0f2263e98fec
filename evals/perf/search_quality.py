"""Measures the search quality of an unfinished index: `python -m evals.perf.search_quality --material FOLDER`.

Cut-outs of held-out names are pasted into pictures of footage, one at a time, and searched for by name: by whole
pictures alone, by whole pictures and then the tiles of the best of them, as a search in an unfinished index does, and
with all tiles. Prints how often the right picture is among the first five. `python -m evals.composed.fetched` fills the
folder; `--split train` is for choosing between methods.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.ending import Parser
from evals.command_line import end, say
from evals.composed.held_out import split_of
from evals.composed.material import Material
from evals.composed.material_folder import open_material
from evals.composed.recipe import Split
from tools.encoders.registry import Encoder, open_encoder
from tools.index.builder import embed_tiles
from tools.index.vectors import FrameIndex

HEIGHTS = (0.8, 0.5, 0.3, 0.15)
"""Heights of the needles, as shares of the picture's height."""
_WIDTH, _HEIGHT = 640, 360
_APART_SECONDS = 10.0
"""Time between two pictures, so that each is a moment of its own."""
_FIRST = 5
"""Number of results among which the right picture counts as found."""


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    material: Path
    pictures: int = 200
    """Number of pictures of footage: as many seconds of a film that changes all the time."""
    needles: int = 40
    closer: tuple[int, ...] = (2, 6, 24)
    """Numbers of best pictures whose tiles are compared too."""
    split: Split = "heldout"
    encoder: str = "auto"


@dataclass(frozen=True, eq=False)
class _EncodedPictures:
    """Vectors of pictures, whole and by tile."""

    whole: NDArray[np.float32]  # (N, D)
    tiles: NDArray[np.float32]  # (N, T, D)

    def with_last(self, other: "_EncodedPictures") -> "_EncodedPictures":
        return _EncodedPictures(np.concatenate([self.whole, other.whole]), np.concatenate([self.tiles, other.tiles]))


def main(config: Config, say: Callable[[str], None] = lambda _: None) -> str:
    """Measures the search quality; gives a table in Markdown.

    Raises:
        ValueError: the material has no cut-outs of that split.
    """
    encoder, material = open_encoder(config.encoder), open_material(config.material)
    random = np.random.default_rng(0)
    names = [n for n in material.cutouts.names if split_of(n) == config.split and not material.cutouts.colours]
    if not names:
        raise ValueError(f"{config.material} holds no cut-outs on the side {config.split}")
    footage = list(_sample_footage(material, config.pictures))
    say(f"{len(footage)} pictures")
    looks = _encode_pictures(encoder, footage)
    methods = ["whole pictures", *(f"tiles of the best {n}" for n in config.closer), "all tiles"]
    hits: dict[tuple[str, float], list[bool]] = {}
    for number, name in enumerate(random.permutation(names)[: config.needles].tolist()):
        query = encoder.encode_texts([name])[0]
        for height in HEIGHTS:
            picture = _paste_needle(material, name, footage[random.integers(len(footage))], height, random)
            both = looks.with_last(_encode_pictures(encoder, [picture]))
            for method, closer in zip(methods, (0, *config.closer, len(both.whole)), strict=True):
                hits.setdefault((method, height), []).append(_is_found(both, query, closer))
        say(f"{number + 1} {name}")
    heads = "".join(f" {height:.0%} of the height |" for height in HEIGHTS)
    lines = [f"| {_FIRST} of {len(footage) + 1} pictures |{heads}", "|---" * (len(HEIGHTS) + 1) + "|"]
    lines += [f"| {m} |" + "".join(f" {np.mean(hits[m, h]):.2f} |" for h in HEIGHTS) for m in methods]
    return "\n".join(lines)


def _sample_footage(material: Material, count: int) -> Iterator[NDArray[np.uint8]]:
    """Pictures of all clips, evenly spread over their time, (360, 640, 3) uint8 RGB."""
    clips = material.clips
    lengths = np.array([clips.seconds(name) for name in clips.names])
    ends = np.cumsum(lengths)
    for time in (np.arange(count) + 0.5) * ends[-1] / count:
        clip = int(np.searchsorted(ends, time, side="right"))
        yield clips.picture(clips.names[clip], float(time - ends[clip] + lengths[clip]), _WIDTH, _HEIGHT)


def _paste_needle(
    material: Material, name: str, ground: NDArray[np.uint8], share: float, random: np.random.Generator
) -> NDArray[np.uint8]:
    height = round(share * _HEIGHT)
    width = min(_WIDTH, max(1, round(height * material.cutouts.aspect(name))))
    needle = material.cutouts.picture(name, None, width, height)
    left, top = random.integers(_WIDTH - width + 1), random.integers(_HEIGHT - height + 1)
    picture = ground.copy()
    place = picture[top : top + height, left : left + width]
    opacity = needle[..., 3:].astype(np.float32) / 255
    place[:] = cv2.convertScaleAbs(needle[..., :3] * opacity + place * (1 - opacity))
    return picture


def _encode_pictures(encoder: Encoder, pictures: Sequence[NDArray[np.uint8]]) -> _EncodedPictures:
    return _EncodedPictures(encoder.encode_images(pictures), embed_tiles(encoder, pictures))


def _is_found(looks: _EncodedPictures, query: NDArray[np.float32], closer: int) -> bool:
    """Whether the last picture is among the first results when the tiles of the `closer` best are compared too."""
    count = len(looks.whole)
    index = FrameIndex("measured", looks.whole.shape[1], looks.tiles.shape[1], count * _APART_SECONDS)
    seconds = _APART_SECONDS * np.arange(count, dtype=np.float64)
    index.add(seconds, np.arange(count), looks.whole)
    rows = index.find_untiled_matches(query, closer, 0.0, np.inf) if closer else np.empty(0, np.int64)
    index.add_tiles(rows, looks.tiles[rows])
    return any(moment.seconds == seconds[-1] for moment in index.search(query, _FIRST))


def _parse_arguments(arguments: Sequence[str] | None) -> Config:
    parser = Parser("python -m evals.perf.search_quality", description="What looking closer later costs.")
    parser.add_argument("--material", type=Path, required=True, metavar="FOLDER", help="footage and cut-outs")
    parser.add_argument("--pictures", type=int, default=Config.pictures, help="of footage to search among")
    parser.add_argument("--needles", type=int, default=Config.needles, help="cut-outs, each at four sizes")
    parser.add_argument("--split", choices=("heldout", "train"), default=Config.split, help="which names")
    parser.add_argument("--encoder", default=Config.encoder, help="of the index")
    return Config(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    end("evals.perf.search_quality", lambda: main(_parse_arguments(None), say))
