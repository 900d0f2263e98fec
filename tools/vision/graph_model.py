"""A network in the form of TensorFlow.js ("graph model"), run by torch: the seventeen operations of the detector.

What does not depend on the picture, shapes and paddings, is computed once when it is loaded.
"""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tools.plain_data import loads_json

Operation = Callable[..., Any]


class GraphModel:
    """A graph with one input; called with it, it gives its outputs."""

    def __init__(self, description: Path, weights: Path) -> None:
        """Reads a graph and its weights.

        Args:
            description: the JSON file.
            weights: the one file of weights that goes with it.

        Raises:
            ValueError: the graph has an operation that is not known here.
        """
        graph = loads_json(description.read_bytes())
        nodes = {node["name"]: node for node in graph["modelTopology"]["node"]}
        self._outputs = [_cut_port(name) for name in graph["signature"]["outputs"]]
        self._known: dict[str, Any] = _read_weights(graph["weightsManifest"], weights.read_bytes())
        self._steps: list[tuple[str, Operation, list[str]]] = []
        self._input = next(name for name, node in nodes.items() if node["op"] == "Placeholder")
        for name in _sort_nodes(nodes, self._outputs):
            node = nodes[name]
            if node["op"] in ("Const", "Placeholder"):
                continue
            operation, inputs = _make_operation(node), node["input"]
            if all(_cut_port(one) in self._known for one in inputs):
                self._known[name] = operation(*(_take(self._known, one) for one in inputs))
            else:
                self._steps.append((name, operation, inputs))

    def __call__(self, picture: Tensor) -> list[Tensor]:
        """The outputs for an input (1, 3, H, W), in the order in which the graph names them."""
        values = {**self._known, self._input: picture}
        with torch.inference_mode():
            for name, operation, inputs in self._steps:
                values[name] = operation(*(_take(values, one) for one in inputs))
        return [values[name] for name in self._outputs]


def _cut_port(name: str) -> str:
    return name.lstrip("^").partition(":")[0]


def _take(values: dict[str, Any], name: str) -> Any:
    """The value of an input `node` or `node:port`; an operation with several outputs gives a list of them."""
    node, _, port = name.partition(":")
    value = values[node]
    return value[int(port or 0)] if isinstance(value, list | tuple) else value


def _sort_nodes(nodes: dict[str, Any], outputs: list[str]) -> list[str]:
    """The nodes that the outputs need, each after its inputs."""
    order: dict[str, None] = {}
    waiting = [(name, False) for name in outputs]
    while waiting:
        name, is_ready = waiting.pop()
        if is_ready:
            order[name] = None
        elif name not in order:
            waiting.append((name, True))
            waiting += [(_cut_port(one), False) for one in nodes[name].get("input", ())]
    return list(order)


def _read_weights(manifest: list[dict[str, Any]], raw: bytes) -> dict[str, Tensor]:
    """The constants by name; weights that were stored in half precision come back in single precision."""
    found: dict[str, Tensor] = {}
    start = 0
    for weight in (weight for group in manifest for weight in group["weights"]):
        kind = np.dtype(weight.get("quantization", weight)["dtype"])
        values: NDArray[Any] = np.frombuffer(raw, kind, int(np.prod(weight["shape"], dtype=int)), start)
        start += values.nbytes
        found[weight["name"]] = torch.from_numpy(values.reshape(weight["shape"]).astype(np.dtype(weight["dtype"])))
    return found


def _make_operation(node: dict[str, Any]) -> Operation:
    kind = node["op"]
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind == "Conv2D":
        return _ChannelsLastConvolution(_read_list(node, "strides")[1:3])
    if kind == "MaxPool":
        size, stride = _read_list(node, "ksize")[1], _read_list(node, "strides")[1]
        return lambda x: functional.max_pool2d(x.permute(0, 3, 1, 2), size, stride).permute(0, 2, 3, 1)
    if kind == "LeakyRelu":
        slope = float(node["attr"]["alpha"]["f"])
        return lambda x: functional.leaky_relu(x, slope)
    raise ValueError(f"the network has an operation that is not known here: {kind}")


class _ChannelsLastConvolution:
    """A convolution of pictures (1, H, W, C), whose weights are brought into torch's order once.

    Pictures stay as they lie in memory, channels last: bringing them into another order took a quarter of the time.
    """

    def __init__(self, strides: list[int]) -> None:
        self._strides = strides
        self._weights: Tensor | None = None

    def __call__(self, pictures: Tensor, weights: Tensor) -> Tensor:
        if self._weights is None:
            self._weights = weights.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
        laid = pictures.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        return functional.conv2d(laid, self._weights, None, self._strides).permute(0, 2, 3, 1)


def _read_list(node: dict[str, Any], name: str) -> list[int]:
    """The numbers of an attribute; only pictures with channels last and without padding are known here."""
    attributes = node["attr"]
    if any(base64.b64decode(attributes[key]["s"]) != wanted for key, wanted in _LAYOUT.items()):
        raise ValueError(f"{node['op']} of {node['name']} is laid out in a way that is not known here")
    return [int(value) for value in attributes[name]["list"]["i"]]


_LAYOUT = {"data_format": b"NHWC", "padding": b"VALID"}


def _pad(x: Tensor, sides: Tensor, value: Tensor | float = 0.0) -> Tensor:
    around = [int(side) for pair in reversed(sides.tolist()) for side in pair]
    return functional.pad(x, around, value=float(value))


def _resize(x: Tensor, size: Tensor) -> Tensor:
    grown = functional.interpolate(x.permute(0, 3, 1, 2), size.tolist(), mode="bilinear", align_corners=False)
    return grown.permute(0, 2, 3, 1)


def _fill(places: Tensor, shape: Tensor, values: Tensor, default: Tensor) -> Tensor:
    filled = torch.full(shape.tolist(), int(default), dtype=values.dtype)
    filled[places.reshape(-1)] = values
    return filled


_PLAIN: dict[str, Operation] = {
    "Add": torch.add,
    "AddV2": torch.add,
    "ConcatV2": lambda *parts: torch.cat(parts[:-1], int(parts[-1])),
    "Identity": lambda x: x,
    "Pad": _pad,
    "PadV2": _pad,
    "Reshape": lambda x, shape: x.reshape(shape.tolist()),
    "ResizeBilinear": _resize,
    "Sigmoid": torch.sigmoid,
    "SparseToDense": _fill,
    "SplitV": lambda x, sizes, axis: torch.split(x, sizes.tolist(), int(axis)),
    "Transpose": lambda x, axes: x.permute(axes.tolist()),
}
