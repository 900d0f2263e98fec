"""The registry of encoders: opens one by a short spec, and never downloads one.

Specs: `auto`, `packaged`, `open_clip:MODEL` with weights that are already here, `open_clip:MODEL@PATH` with a
checkpoint file, `hashing` for tests. VIDEOSLEUTH_ENCODER says what `auto` means, else the user's configuration.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tools.observation import MissingPartError
from tools.packaged_weights import make_install_command
from tools.runtime.user_config import find_config_file, read_default

SPECS = "auto, packaged, open_clip:MODEL[@PATH], hashing"
_HOW_TO_GET_BETTER = (
    "`agent pull siglip2` or `agent pull clip` gets one; or set VIDEOSLEUTH_ENCODER=open_clip:ViT-B-32@/path/to/weights"
)


class Encoder(Protocol):
    """An encoder of pictures and texts into unit vectors of one space."""

    @property
    def name(self) -> str:
        """Model and weights in a word: part of the cache key."""

    @property
    def dim(self) -> int:
        """Length of an embedding vector."""

    @property
    def tiles(self) -> bool:
        """Whether the index embeds the ninths of each frame too: small things are found by their tile."""

    def encode_images(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embeddings of RGB pictures (H, W, 3) uint8 of any size, (N, D) float32 unit rows."""

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of texts, (N, D) float32 unit rows."""


@runtime_checkable
class TileEncoder(Encoder, Protocol):
    """An encoder that embeds the tiles of a picture in another way than whole pictures, for less time."""

    def encode_tiles(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embeddings of the tiles of each picture, (N, T, D) float32 unit rows, in the order of `TILES[1:]`."""


def open_encoder(spec: str = "auto") -> Encoder:
    """Opens the encoder of a spec.

    Raises:
        ValueError: an unknown spec, or weights that are not there.
        MissingPartError: the encoder is not installed.
    """
    if spec == "auto":
        return _open_auto()
    if spec == "packaged":
        from tools.encoders.conse import open_packaged_encoder

        return open_packaged_encoder()
    if spec == "hashing":
        from tools.encoders.hashing import HashingEncoder

        return HashingEncoder()
    if spec.startswith("open_clip:"):
        from tools.encoders.open_clip import OpenClipEncoder
        from tools.encoders.open_clip_weights import find_checkpoint

        model, _, source = spec.removeprefix("open_clip:").partition("@")
        return OpenClipEncoder(model, find_checkpoint(model, source or None))
    raise ValueError(f"unknown encoder {spec!r}; known: {SPECS}")


def _open_auto() -> Encoder:
    configured, source = _read_configured()
    if configured:
        if configured == "auto":
            raise ValueError(f"{source} says what auto means, so it cannot be auto itself")
        return open_encoder(configured)
    from tools.encoders.open_clip_weights import list_checkpoints

    for checkpoint in list_checkpoints():
        from tools.encoders.open_clip import OpenClipEncoder

        return OpenClipEncoder(checkpoint.model, checkpoint)
    from tools.encoders import conse

    if not conse.is_installed():
        raise MissingPartError(
            f"no encoder for the frame index: run `{make_install_command(conse.EXTRA)}` for the small packaged "
            f"one, or {_HOW_TO_GET_BETTER}"
        )
    return open_encoder("packaged")


def _read_configured() -> tuple[str, str]:
    """What the user has set `auto` to, empty for nothing, and where."""
    if configured := os.environ.get("VIDEOSLEUTH_ENCODER"):
        return configured, "VIDEOSLEUTH_ENCODER"
    return read_default("encoder"), str(find_config_file())


@dataclass(frozen=True)
class EncoderState:
    """An encoder spec and whether it can be opened: one row of `agent doctor`."""

    spec: str
    is_ready: bool
    is_auto: bool
    """Whether `auto` picks this encoder now."""
    note: str
    """Reason for the state, and how to get the encoder where it is not there."""


def describe_encoders() -> list[EncoderState]:
    """The encoders in the order in which `auto` looks at them; loads no weights."""
    from tools.encoders import conse
    from tools.encoders.open_clip_weights import list_checkpoints

    rows = []
    configured, source = _read_configured()
    if configured:
        rows.append((configured, True, f"set by {source}"))
    present = [(f"open_clip:{found.model}@{found.path}", True, "weights are here") for found in list_checkpoints()]
    rows += present or [("open_clip:MODEL", False, f"the better choice, no weights here: {_HOW_TO_GET_BETTER}")]
    installed = conse.is_installed()
    small = "small, knows ImageNet's 1000 classes; no people, actions or colours"
    rows.append(("packaged", installed, small if installed else f"{small}; run `{make_install_command(conse.EXTRA)}`"))
    first = next((index for index, (_, ready, _) in enumerate(rows) if ready), None)
    return [EncoderState(spec, ready, index == first, note) for index, (spec, ready, note) in enumerate(rows)]
