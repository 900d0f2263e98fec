"""Footage and cut-outs from a folder: `clips/`, `cutouts/` and a `manifest.tsv` that names their owners.

    python -m evals.composed.fetched FOLDER ...

fills such a folder. A folder with only one of the two is enough; the other is drawn then.
"""

import hashlib
import weakref
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from evals.composed.drawn import DRAWN
from evals.composed.material import Material, Pixels
from tools.index.frame_store import RECORDS, FrameStore

CLIPS, CUTOUTS, MANIFEST = "clips", "cutouts", "manifest.tsv"
"""Parts of the folder: `clips/NAME/` is a frame store, `cutouts/NAME.png` a picture with its opacity."""

CLIP_FPS = 10
"""Frames a second that are stored of a clip."""


class StoredClips:
    """Clips from frame stores in a folder."""

    def __init__(self, folder: Path) -> None:
        self._stores = {path.parent.name: FrameStore(path.parent) for path in sorted(folder.glob(f"*/{RECORDS}"))}
        for name, store in self._stores.items():
            weakref.finalize(self, store.close)
            if not len(store):
                raise ValueError(f"{folder / name} holds no frames that can be read: fetch the material again")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all stored clips."""
        return tuple(self._stores)

    def seconds(self, name: str) -> float:
        """Length of a clip in seconds."""
        return float(self._stores[name].seconds[-1]) + 1 / CLIP_FPS

    def picture(self, name: str, seconds: float, width: int, height: int) -> Pixels:
        """The picture at a time of a clip, (height, width, 3) uint8 RGB; its middle where the aspect ratio differs."""
        store = self._stores[name]
        pixels = store.frame(store.at(seconds)).pixels
        if pixels.shape[:2] == (height, width):
            return pixels
        tall, wide = pixels.shape[:2]
        keep_wide, keep_tall = min(wide, tall * width // height), min(tall, wide * height // width)
        left, top = (wide - keep_wide) // 2, (tall - keep_tall) // 2
        middle = np.ascontiguousarray(pixels[top : top + keep_tall, left : left + keep_wide])
        return np.asarray(cv2.resize(middle, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


class StoredCutouts:
    """Cut-outs from pictures in a folder, trimmed to their visible part."""

    colours: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self._paths = {path.stem: path for path in sorted(folder.glob("*.png"))}
        self._read = lru_cache(maxsize=64)(self._read_trimmed)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all stored cut-outs."""
        return tuple(self._paths)

    def aspect(self, name: str) -> float:
        """Width over height of a cut-out."""
        shape = self._read(name).shape
        return float(shape[1] / shape[0])

    def picture(self, name: str, colour: str | None, width: int, height: int) -> Pixels:
        """The picture of a cut-out, (height, width, 4) uint8 RGB and opacity.

        Raises:
            ValueError: a colour is asked for; cut-outs have their own.
        """
        if colour is not None:
            raise ValueError(f"{self._paths[name]} comes as it is and can't be painted {colour}")
        whole = self._read(name)
        way = cv2.INTER_AREA if height < whole.shape[0] else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(whole, (width, height), interpolation=way), np.uint8)

    def _read_trimmed(self, name: str) -> Pixels:
        path = self._paths[name]
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4:
            raise ValueError(f"{path}: need a PNG in colour with opacity")
        rows, columns = np.nonzero(pixels[..., 3] > 16)
        if not len(rows):
            raise ValueError(f"{path}: nothing of it can be seen")
        seen = pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        return np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGRA2RGBA), np.uint8)


def open_material(folder: Path) -> Material:
    """Opens the material in a folder; clips or cut-outs that it lacks are drawn.

    Raises:
        ValueError: the folder has neither clips nor cut-outs, or no manifest.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise ValueError(f"{manifest} is missing: need the folder that python -m evals.composed.fetched has filled")
    clips, cutouts = StoredClips(folder / CLIPS), StoredCutouts(folder / CUTOUTS)
    if not clips.names and not cutouts.names:
        raise ValueError(f"{folder} holds neither clips nor cut-outs")
    # the manifest has a checksum of everything
    name = hashlib.blake2b(manifest.read_bytes(), digest_size=8).hexdigest()
    return Material(
        f"{name} {DRAWN.name}", clips if clips.names else DRAWN.clips, cutouts if cutouts.names else DRAWN.cutouts
    )
