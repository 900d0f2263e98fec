"""A network of the detector's shape that takes red squares for persons, green ones for dogs: written in its own form.

Three branches of 8, 16 and 32 pixels a cell; only the last sees anything, so each cell of 32 pixels is one thing.
"""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE, CLASSES, BINS = 416, 80, 11
PERSON, DOG = 0, 16
RED, GREEN = (200, 30, 30), (30, 200, 30)


class _Writer:
    """Nodes and weights of a graph, as they are added."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.weights: list[dict[str, Any]] = []
        self.raw = b""

    def constant(self, name: str, value: Any) -> str:
        array = np.asarray(value)
        is_weight = array.dtype.kind == "f"
        entry: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": "float32" if is_weight else "int32"}
        if is_weight:
            entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
        self.weights.append(entry)
        self.raw += array.astype(np.float16 if is_weight else np.int32).tobytes()
        return self.node("Const", name)

    def node(self, kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append({"name": name, "op": kind, "input": list(inputs), "attr": attributes})
        return name


def _layout(**lists: list[int]) -> dict[str, Any]:
    text = {"data_format": b"NHWC", "padding": b"VALID"}
    written: dict[str, Any] = {name: {"s": base64.b64encode(value).decode()} for name, value in text.items()}
    return written | {name: {"list": {"i": [str(value) for value in values]}} for name, values in lists.items()}


def write_tiny_detector(folder: Path) -> tuple[Path, Path]:
    """Writes the network's two files, under the names of the real ones."""
    graph = _Writer()
    graph.node("Placeholder", "input_1")
    graph.constant("last", [0, 2, 3, 1])
    graph.node("Transpose", "pixels", "input_1", "last")
    for stride in (8, 16, 32):
        _write_branch(graph, stride)
    outputs = {f"{kind}{stride}:0": {} for kind in ("scores", "sides") for stride in (8, 16, 32)}
    description = {
        "signature": {"outputs": outputs},
        "modelTopology": {"node": graph.nodes},
        "weightsManifest": [{"paths": ["nanodet.bin"], "weights": graph.weights}],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nanodet.json").write_text(json.dumps(description), encoding="utf-8")
    (folder / "nanodet.bin").write_bytes(graph.raw)
    return folder / "nanodet.json", folder / "nanodet.bin"


def _write_branch(graph: _Writer, stride: int) -> None:
    cells = (SIDE // stride) ** 2
    pool = _layout(ksize=[1, stride, stride, 1], strides=[1, stride, stride, 1])
    graph.node("MaxPool", f"pool{stride}", "pixels", **pool)
    weights, offsets = _make_weights(is_seeing=stride == 32)
    graph.constant(f"w{stride}", weights)
    graph.node("Conv2D", f"conv{stride}", f"pool{stride}", f"w{stride}", **_layout(strides=[1, 1, 1, 1]))
    graph.constant(f"b{stride}", offsets)
    graph.node("Add", f"sum{stride}", f"conv{stride}", f"b{stride}")
    graph.constant(f"shape{stride}", [1, cells, CLASSES + 4 * BINS])
    graph.node("Reshape", f"flat{stride}", f"sum{stride}", f"shape{stride}")
    graph.constant(f"parts{stride}", [CLASSES, 4 * BINS])
    graph.constant(f"axis{stride}", -1)
    graph.node("SplitV", f"split{stride}", f"flat{stride}", f"parts{stride}", f"axis{stride}")
    graph.node("Sigmoid", f"scores{stride}", f"split{stride}")
    graph.node("Identity", f"sides{stride}", f"split{stride}:1")


def _make_weights(is_seeing: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (1, 1, 3, 124) over normalised blue, green and red, and offsets (124,)."""
    weights = np.zeros((1, 1, 3, CLASSES + 4 * BINS), np.float32)
    offsets = np.full(CLASSES + 4 * BINS, -12.0, np.float32)
    if is_seeing:
        weights[0, 0, :, PERSON] = (-4.0, -4.0, 4.0)
        weights[0, 0, :, DOG] = (-4.0, 4.0, -4.0)
    # half a cell to each side: as likely nought as one
    offsets[CLASSES:] = np.tile([8.0, 8.0] + [-8.0] * (BINS - 2), 4)
    return weights, offsets


def draw_squares(cells: dict[tuple[int, int], tuple[int, int, int]], side: int = SIDE) -> NDArray[np.uint8]:
    """A black picture with coloured squares of one cell, by column and row."""
    pixels = np.zeros((side, side, 3), np.uint8)
    for (column, row), colour in cells.items():
        pixels[row * 32 : row * 32 + 32, column * 32 : column * 32 + 32] = colour
    return pixels
