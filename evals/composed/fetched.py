"""Fills a folder with fetched footage and cut-outs, and records their owners in its manifest.

    apt-get download tuxpaint-stamps-default && dpkg -x tuxpaint-stamps-default_*.deb stamps      # GPL-2
    npm pack @lobehub/fluent-emoji-3d && tar xf lobehub-fluent-emoji-3d-*.tgz                     # MIT
    python -m evals.composed.fetched FOLDER --stamps stamps/usr/share/tuxpaint/stamps --emoji package/assets \
        --clips FOOTAGE --licence "CC BY 3.0, NAME"
    python -m evals.composed --material FOLDER --out SET --level 2

The folder is for use, not for handing on: the stamps and some footage may not be part of this project.
"""

import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import cv2
import numpy as np

from agent.ending import Parser
from evals.command_line import end, say
from evals.composed.drawn_needles import DrawnNeedles
from evals.composed.material_folder import CLIP_FPS, CLIPS, CUTOUTS, MANIFEST
from tools.index.frame_store import PICTURES, FrameStoreWriter
from tools.video.video import Video, VideoError

_LEAST_SIDE = 100
"""Least side of a cut-out in pixels; smaller ones blur at half a frame's height."""
_MOST_WORDS = 3
"""Most words of a needle's name, which has to follow "the" in a question."""
_MOST_SECONDS = 300.0
"""Length that is kept of a clip; bounds the disk space."""
_STAMPS_LICENCE = "GPL-2, Tux Paint stamps"
_EMOJI_LICENCE = "MIT, Fluent Emoji 3D"
_HEADER = ("kind", "name", "source", "licence", "blake2b")


@dataclass(frozen=True)
class FetchConfig:
    """Options of filling a material folder: sources and target."""

    folder: Path
    stamps: Path | None = None
    """Folder of Tux Paint's stamps: PNG with opacity, each with a description beside it."""
    emoji: Path | None = None
    """Folder of pictures that are named by their code point, as `1f98a.webp`."""
    clips: Path | None = None
    """Folder of video files."""
    licence: str = ""
    """Licence of the clips."""
    only: tuple[str, ...] = ()
    """Names of the cut-outs to take; () takes all."""


@dataclass(frozen=True)
class FetchedEntry:
    """One line of the manifest: an item with its source, licence and checksum."""

    kind: str
    name: str
    source: str
    licence: str
    checksum: str


def main(config: FetchConfig, say: Callable[[str], None] = lambda _: None) -> tuple[FetchedEntry, ...]:
    """Fills the folder; gives back the entries of its manifest.

    Raises:
        ValueError: the folder is in use, footage comes without a licence, or nothing was found.
    """
    if (config.folder / MANIFEST).exists():
        raise ValueError(f"{config.folder} is filled already: name a new folder")
    if config.clips is not None and not config.licence.strip():
        raise ValueError("footage needs --licence: what it may be used for, and whose it is")
    (config.folder / CUTOUTS).mkdir(parents=True, exist_ok=True)
    (config.folder / CLIPS).mkdir(exist_ok=True)
    entries = list(_take_cutouts(config))
    say(f"{len(entries)} cut-outs")
    for path in sorted(config.clips.iterdir()) if config.clips is not None else ():
        try:
            entries.append(_take_clip(path, config))
        except VideoError as error:
            say(f"left out: {error}")
        else:
            say(f"clip {path.name}")
    if not entries:
        raise ValueError("nothing was found: are --stamps, --emoji or --clips the right folders?")
    lines = ["\t".join(line) for line in (_HEADER, *(astuple(entry) for entry in entries))]
    (config.folder / MANIFEST).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tuple(entries)


@dataclass(frozen=True)
class _Found:
    name: str
    path: Path
    licence: str


def _take_cutouts(config: FetchConfig) -> Iterator[FetchedEntry]:
    """Copies the cut-outs; of two with the same name the first."""
    taken: set[str] = set(DrawnNeedles.names)
    found = [*_find_stamps(config.stamps), *_find_emoji(config.emoji)]
    for one in found:
        if one.name in taken or (config.only and one.name not in config.only):
            continue
        pixels = cv2.imread(str(one.path), cv2.IMREAD_UNCHANGED)
        if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4 or min(pixels.shape[:2]) < _LEAST_SIDE:
            continue
        if pixels.dtype != np.uint8 or pixels[..., 3].min() > 0:  # without a clear part it is a picture, not a cut-out
            continue
        taken.add(one.name)
        target = config.folder / CUTOUTS / f"{one.name}.png"
        cv2.imwrite(str(target), pixels)
        yield FetchedEntry("cutout", one.name, one.path.name, one.licence, _hash_file(target))


def _find_stamps(folder: Path | None) -> Iterator[_Found]:
    """Stamps with names from their descriptions, such as "A Sumatran tiger."."""
    for path in sorted(folder.rglob("*.png")) if folder is not None else ():
        text = path.with_suffix(".txt")
        if text.is_file() and (name := plain_name(text.read_text(encoding="utf-8", errors="replace"))):
            yield _Found(name, path, _STAMPS_LICENCE)


def plain_name(description: str) -> str | None:
    """The name of what a stamp shows, fit to follow "the"; None where that takes more than a few words."""
    first = description.partition("\n")[0].strip().rstrip(".!")
    for article in ("A ", "An ", "The "):
        first = first.removeprefix(article)
    words = first.split()
    is_plain = 1 <= len(words) <= _MOST_WORDS and all(word.isalpha() and word.isascii() for word in words)
    return " ".join(words).lower() if is_plain else None


def _find_emoji(folder: Path | None) -> Iterator[_Found]:
    """Pictures of a single character, named by Unicode."""
    for path in sorted(_pictures(folder)) if folder is not None else ():
        try:
            name = unicodedata.name(chr(int(path.stem, 16)))
        except (ValueError, OverflowError):  # several characters, or one without a name
            continue
        if plain := plain_name(name):
            yield _Found(plain, path, _EMOJI_LICENCE)


def _pictures(folder: Path) -> Iterable[Path]:
    return (path for path in folder.iterdir() if path.suffix in (".png", ".webp"))


def _take_clip(path: Path, config: FetchConfig) -> FetchedEntry:
    """Stores ten frames a second of a clip, of at most five minutes."""
    target = config.folder / CLIPS / path.stem
    with Video(path) as video, FrameStoreWriter(target) as writer:
        stop = min(video.info.duration_seconds, _MOST_SECONDS)
        for frame in video.window(0.0, stop, max_height=360, max_fps=CLIP_FPS):
            writer.append(frame)
    return FetchedEntry("clip", path.stem, path.name, config.licence, _hash_file(target / PICTURES))


def _hash_file(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def _parse_arguments(arguments: Sequence[str] | None) -> FetchConfig:
    parser = Parser("python -m evals.composed.fetched", description="Material from what was fetched.")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--stamps", type=Path, metavar="FOLDER", help="usr/share/tuxpaint/stamps")
    parser.add_argument("--emoji", type=Path, metavar="FOLDER", help="pictures named by code point")
    parser.add_argument("--clips", type=Path, metavar="FOLDER", help="video files")
    parser.add_argument("--licence", default="", help="of the clips")
    parser.add_argument("--only", default="", metavar="NAME,NAME", help="cut-outs to take")
    got = vars(parser.parse_args(arguments))
    only = tuple(name.strip() for name in got.pop("only").split(",") if name.strip())
    return FetchConfig(**got, only=only)


if __name__ == "__main__":
    end("evals.composed.fetched", lambda: f"{len(main(_parse_arguments(None), say))} entries")
