"""Connectors from picture features to a language model: the fusion core, and a linear projector beside it.

The fusion core is a Q-Former (BLIP-2, arXiv 2301.12597): a few learned queries attend to the spatio-temporal tokens of
a picture, the cells of its feature grid, and to its object-centric ones, the means over regions; what they have
gathered is projected to the width of the words. The projector takes the means over a 4x4 grid, and no objects.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

Kind = Literal["fusion", "linear"]

GRID = 7
"""Cells a side of the feature grid: 224 pixels at a stride of 32."""
OBJECTS = 15
"""Most regions of a picture."""
TOKENS = 16
"""Tokens that a picture becomes."""
CHANNELS = 192
"""Features of a cell or region, as EfficientNet-lite0 has them before its last block."""
FEATURES = CHANNELS + 5
"""Width of a token before the connector: its features, then left, top, right and bottom, 0..1, and for a region by how
much its colour differs from what is around it, 0..1."""
_SIDE = 4
"""Tokens a side of what the linear projector takes: as many in all as the fusion core gives."""
_HEADS = 4
"""Heads of the attention, which divide its width."""
_SPREAD = 4.0
"""Factor on the numbers of a place, which then spread about as widely as normalised features."""


@dataclass(frozen=True)
class ConnectorShape:
    """Dimensions of a connector."""

    kind: Kind = "fusion"
    width: int = 256
    layers: int = 2


class FusionCore(nn.Module):
    """Learned queries that attend to the tokens of a picture, and to one another."""

    def __init__(self, shape: ConnectorShape, out: int) -> None:
        """Random weights.

        Args:
            shape: dimensions inside.
            out: width of the language model.
        """
        super().__init__()
        # by two ways in: among 192 features the five numbers of the place would not be heard
        self.see = nn.Sequential(nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, shape.width))
        self.place = nn.Sequential(
            nn.Linear(FEATURES - CHANNELS, shape.width), nn.GELU(), nn.Linear(shape.width, shape.width)
        )
        self.enter = nn.LayerNorm(shape.width)
        self.queries = nn.Parameter(torch.randn(TOKENS, shape.width) * 0.5)
        self.layers = nn.ModuleList(_FusionLayer(shape.width) for _ in range(shape.layers))
        self.leave = nn.Sequential(nn.LayerNorm(shape.width), nn.Linear(shape.width, out), nn.LayerNorm(out))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Tokens (pictures, TOKENS, width) of features (pictures, cells and regions, FEATURES).

        Args:
            features: first the cells of the grid, then the regions; a place without a region is all zeros.
        """
        places = _SPREAD * (features[..., CHANNELS:] - 0.5)
        seen = self.enter(self.see(features[..., :CHANNELS]) + self.place(places))
        is_there = features.abs().amax(-1) > 0
        queries = self.queries.expand(len(features), -1, -1)
        for layer in self.layers:
            queries = layer(queries, seen, is_there)
        left: torch.Tensor = self.leave(queries)
        return left


class _FusionLayer(nn.Module):
    """Cross-attention, self-attention and a feed-forward network, each behind a normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.across, self.among = _Attention(width), _Attention(width)
        self.feed = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, queries: torch.Tensor, seen: torch.Tensor, is_there: torch.Tensor) -> torch.Tensor:
        queries = queries + self.across(queries, seen, is_there[:, None, None])
        queries = queries + self.among(queries, queries)
        fed: torch.Tensor = queries + self.feed(queries)
        return fed


class _Attention(nn.Module):
    """Attention in several heads, softmax(QK' / sqrt(d)) V."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.ask, self.keys, self.values, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, queries: torch.Tensor, seen: torch.Tensor, is_there: torch.Tensor | None = None) -> torch.Tensor:
        asked, other = self.norm(queries), self.norm(seen) if seen is queries else seen
        query, key, value = (
            part.reshape(*part.shape[:2], _HEADS, -1).transpose(1, 2)
            for part in (self.ask(asked), self.keys(other), self.values(other))
        )
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=is_there)
        out: torch.Tensor = self.out(found.transpose(1, 2).flatten(2))
        return out


class LinearProjector(nn.Module):
    """One linear layer on the means of a 4x4 grid."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.leave = nn.Sequential(nn.Linear(FEATURES, out), nn.LayerNorm(out))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Tokens (pictures, TOKENS, width) of features (pictures, cells and regions, FEATURES)."""
        cells = features[:, : GRID**2].transpose(1, 2).reshape(len(features), FEATURES, GRID, GRID)
        pooled = functional.adaptive_avg_pool2d(cells, _SIDE).flatten(2).transpose(1, 2)
        left: torch.Tensor = self.leave(pooled)
        return left


def make_connector(shape: ConnectorShape, out: int, scale: float = 1.0) -> nn.Module:
    """A connector with random weights.

    Args:
        shape: its kind and dimensions.
        out: width of the language model.
        scale: root mean square of the numbers that come out at first, best that of the words' vectors.
    """
    made = FusionCore(shape, out) if shape.kind == "fusion" else LinearProjector(out)
    last: Any = made.leave[-1]
    nn.init.constant_(last.weight, scale)
    return made
