"""Things and people in a picture, with boxes: NanoDet-g, a small network that knows the 80 classes of COCO.

`agent pull detector` fetches it. Its input is blue, green, red, normalised as in its training: in another order or
scale it still works, with scores lower by up to a quarter.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.cache import find_cache_root
from tools.observation import Box, MissingPartError
from tools.vision.thing_classes import CLASSES

if TYPE_CHECKING:
    from torch import Tensor

NAME = "nanodet-g"
FILES = {
    "nanodet.json": "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
    "nanodet.bin": "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
}
"""The network's files, with their SHA-256."""

_SIDE = 416
"""Width and height of the network's input."""
_MEAN = np.array((103.53, 116.28, 123.675), np.float32)  # blue, green, red
_DEVIATION = np.array((57.375, 57.12, 58.395), np.float32)
_STRIDES = (8, 16, 32)
_BINS = 11
"""Values of the distribution over the distance of each side from a cell's middle, in strides."""
LEAST_SCORE = 0.25
"""Score from which a box is kept: where a thing was a moment before, that is it again."""
SURE_SCORE = 0.45
"""Score from which a box alone is taken for a thing; picked on the development clips."""
_MOST_OVERLAP = 0.6
"""Intersection over union from which two boxes of a class are one thing."""
_MOST_COVERED = 0.85
"""Share of a box that surer ones of its class cover together, from which it is a fainter one around two neighbours, or
around a part of one: it shows no other thing."""
_LIKE_SIZES = 2.5
"""Factor between the areas of two boxes up to which one covers the other: a child before a man is another thing."""
_MIDDLES = (np.arange(16, dtype=np.float32) + 0.5) / 16
"""Where a box is looked at across and down, as shares of its sides, to tell how much of it is covered."""

Network = Callable[["Tensor"], "Sequence[Tensor]"]


@dataclass(frozen=True)
class Detection:
    """A thing in one picture."""

    name: str
    """Name of its class."""
    score: float
    box: Box


class Detector:
    """The network, loaded. Safe in threads."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """The things in a picture (H, W, 3) in red, green, blue, the surest first."""
        import torch

        small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
        normal = (small[..., ::-1].astype(np.float32) - _MEAN) / _DEVIATION
        outputs = self._network(torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))[None])
        by_shape = {tuple(output.shape[1:]): output[0].float().numpy() for output in outputs}
        boxes, scores, kinds = (np.concatenate(part) for part in zip(*map(by_stride(by_shape), _STRIDES), strict=True))
        found = []
        for kind in np.unique(kinds):
            of_kind = np.flatnonzero(kinds == kind)
            kept = of_kind[suppress_overlaps(boxes[of_kind], scores[of_kind])]
            found += [Detection(CLASSES[kind], round(float(scores[i]), 3), _to_box(boxes[i])) for i in kept]
        return sorted(found, key=lambda one: -one.score)


def by_stride(
    outputs: dict[tuple[int, ...], NDArray[np.float32]],
) -> "Callable[[int], tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]]":
    """Decodes the outputs of one stride: boxes (N, 4) in pixels of the input, scores (N,), classes (N,).

    Args:
        outputs: scores (cells, 80) and distributions (cells, 4 * 11) of all strides, by their shape.
    """

    def decode(stride: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        across = _SIDE // stride
        cells = across * across
        likely = outputs[cells, len(CLASSES)]
        kinds, scores = likely.argmax(axis=1), likely.max(axis=1)
        there = scores >= LEAST_SCORE
        raw = outputs[cells, 4 * _BINS][there].reshape(-1, 4, _BINS)
        shares = np.exp(raw - raw.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        sides = (shares * np.arange(_BINS, dtype=np.float32)).sum(axis=2) * stride  # left, top, right, bottom
        at = np.flatnonzero(there)
        middle = np.stack([at % across, at // across], axis=1).astype(np.float32) * stride + stride / 2
        boxes = np.concatenate([middle - sides[:, :2], middle + sides[:, 2:]], axis=1)
        return boxes.astype(np.float32), scores[there], kinds[there]

    return decode


def suppress_overlaps(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> list[int]:
    """Indices of the boxes (N, 4), the surest first, without those that show what surer ones show."""
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(left):
        kept.append(int(left[0]))
        left = left[1:][compute_overlaps(boxes[left[0]], boxes[left[1:]]) < _MOST_OVERLAP]
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    shown: list[int] = []
    for index in kept:
        like = [i for i in shown if 1 / _LIKE_SIZES <= areas[i] / areas[index] <= _LIKE_SIZES]
        if measure_covered(boxes[index], boxes[like]) < _MOST_COVERED:
            shown.append(index)
    return shown


def measure_covered(box: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Share of a box (4,) that others (N, 4) cover together, to about a sixteenth."""
    across, down = (box[i] + (box[i + 2] - box[i]) * _MIDDLES for i in (0, 1))
    columns = (others[:, 0, None] <= across) & (across < others[:, 2, None])  # (N, 16)
    rows = (others[:, 1, None] <= down) & (down < others[:, 3, None])  # (N, 16)
    return float((rows[:, :, None] & columns[:, None, :]).any(axis=0).mean())


def compute_overlaps(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of a box (4,) with each of others (N, 4); sides are left, top, right, bottom."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    overlaps: NDArray[np.float32] = shared / np.maximum(areas - shared, 1e-9)
    return overlaps


def _to_box(sides: NDArray[np.float32]) -> Box:
    """A box in pixels of the input as fractions, at least a thousandth wide and high."""
    left, top, right, bottom = (round(float(side), 4) for side in np.clip(sides / _SIDE, 0.0, 1.0))
    left, top = min(left, 0.999), min(top, 0.999)
    return left, top, max(right, left + 0.001), max(bottom, top + 0.001)


def get_detector_folder() -> Path:
    """The folder in which the detector's files lie once it was pulled."""
    return find_cache_root() / "models" / NAME


def is_detector_here() -> bool:
    """Whether the detector was pulled; its files are checked when it is opened."""
    folder = get_detector_folder()
    return all((folder / name).is_file() for name in FILES)


def open_detector() -> Detector:
    """The detector that was pulled.

    Raises:
        MissingPartError: it is not here, or a file is not what it should be; says how to get it.
    """
    folder = get_detector_folder()
    for name, sha256 in FILES.items():
        path = folder / name
        if not path.is_file():
            raise MissingPartError("the detector is not here: run `agent pull detector`")
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise MissingPartError(f"{path} is not the file that was pulled: run `agent pull detector` again")
    return _load(folder)


@lru_cache(1)
def _load(folder: Path) -> Detector:
    from tools.vision.graph_model import GraphModel

    return Detector(GraphModel(folder / "nanodet.json", folder / "nanodet.bin"))
