"""A language model that sees: a picture is a row of token ids of its own, made from its content.

The embedding layer knows these ids: their vectors are what a connector makes of the features of a frozen vision
encoder. So nothing but ids goes into the model, and whatever shares, pads or caches prompts of a text-only model does
so here. The folder holds the connector and the tokenizer, and may hold a LoRA adapter; the language model itself is
SmolLM2 from its package, or another folder.
"""

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig

from agent.policies.local.connectors import TOKENS, ConnectorShape, make_connector
from agent.policies.local.image_processing import ImageSpan, ProcessedImage
from agent.policies.local.lite_features import LiteFeatures

FIRST_ID = 1 << 17
"""The first id of pictures, above every vocabulary in use here."""
_NUMBERS = 1 << 27
"""Numbers that a picture may have: ids stay below 2**32, which tokenizers can read."""
KEPT = 1 << 15
"""Pictures whose features are kept, 25 KB each: those of ten thousand training conversations."""
_LOCKS = 64
"""Pictures that may be looked at side by side; the same one never is."""
CONNECTOR, ADAPTER = "connector.safetensors", "adapter"


class PictureWordsConfig(LlamaConfig):  # type: ignore[no-untyped-call]
    """Configuration of the language model, with that of its connector."""

    model_type = "picture_words"

    vision_config: dict[str, Any] | None = None
    """The fields of `ConnectorShape`."""
    language_model: str = "smollm2"
    """`smollm2`, or the folder of a Llama."""
    image_token_id: int | None = None
    """Id of the placeholder of a picture."""


class Album:
    """The features of the last pictures, by number."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, torch.Tensor] = OrderedDict()

    def __deepcopy__(self, memo: Any) -> Self:
        return self  # a copy of a model sees the same pictures

    def __contains__(self, number: int) -> bool:
        return number in self._kept

    def add(self, number: int, features: torch.Tensor) -> None:
        """Keeps the features of a picture, and drops the oldest where there are too many."""
        self._kept[number] = features
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def stack(self, numbers: Sequence[int]) -> torch.Tensor:
        """The features of pictures, (pictures, cells and regions, FEATURES).

        Raises:
            KeyError: a picture was seen too long ago, or never.
        """
        if lost := [number for number in numbers if number not in self._kept]:
            raise KeyError(f"{len(lost)} of {len(numbers)} pictures are lost: more than {KEPT} were seen since")
        return torch.stack([self._kept[number] for number in numbers])


class PictureWords:
    """The image processor: gives each picture ids of its own, and keeps its features for the embedding layer."""

    names_content = True

    def __init__(self, features: Any, album: Album) -> None:
        """Nothing is looked at yet.

        Args:
            features: gives the features of a picture, as `LiteFeatures`.
            album: where they are kept.
        """
        self._features, self._album = features, album
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def measure(self, width: int, height: int) -> ImageSpan:
        """The number of ids that every picture has, as ids of none."""
        return ImageSpan((FIRST_ID,) * TOKENS)

    def look(self, picture: Image.Image) -> ProcessedImage:
        """The ids of a picture; the same for the same pixels, on every machine."""
        digest = hashlib.blake2b(picture.tobytes() + repr(picture.size).encode(), digest_size=8).digest()
        number = int.from_bytes(digest) % _NUMBERS
        with self._locks[number % _LOCKS]:  # the runs of a question all ask for the same pictures at once
            if number not in self._album:
                self._album.add(number, self._features(picture))
        first = FIRST_ID + number * TOKENS
        return ProcessedImage(tuple(range(first, first + TOKENS)), {})

    def gather(self, rows: Sequence[Sequence[ProcessedImage]]) -> dict[str, torch.Tensor]:
        """Nothing: the ids say all."""
        return {}


class PictureEmbedding(nn.Embedding):
    """The word embeddings of a model, and for the ids of pictures what the connector makes of their features."""

    def __init__(self, words: nn.Embedding, connector: nn.Module, album: Album) -> None:
        """Takes over the weights of the words.

        Args:
            words: the model's own embeddings.
            connector: from features to tokens.
            album: the features by number.
        """
        super().__init__(words.num_embeddings, words.embedding_dim, padding_idx=words.padding_idx, _weight=words.weight)
        self.connector, self.album = connector, album

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Vectors (..., width) of ids."""
        is_picture = ids >= FIRST_ID
        vectors = super().forward(ids.masked_fill(is_picture, 0))
        if not is_picture.any():
            return vectors
        places = ids[is_picture] - FIRST_ID
        numbers, of_place = torch.unique(places // TOKENS, return_inverse=True)
        weight = next(self.connector.parameters())
        features = self.album.stack(numbers.tolist()).to(weight.device, weight.dtype)
        tokens = self.connector(features)[of_place, places % TOKENS]
        return vectors.masked_scatter(is_picture[..., None], tokens.to(vectors.dtype))


def add_connector(model: Any, shape: ConnectorShape, album: Album) -> nn.Module:
    """Puts a connector with random weights in front of a causal language model; gives it back.

    Args:
        model: the language model.
        shape: dimensions of the connector.
        album: where it finds the features of pictures.
    """
    words = model.get_input_embeddings()
    scale = float(words.weight.detach().float().square().mean().sqrt())
    connector = make_connector(shape, words.embedding_dim, scale).to(words.weight.device, words.weight.dtype)
    model.set_input_embeddings(PictureEmbedding(words, connector, album))
    return connector


def load_picture_words(folder: str, config: PictureWordsConfig, dtype: torch.dtype) -> tuple[Any, PictureWords]:
    """The model of a folder and its image processor, without the adapter that may lie in it.

    Args:
        folder: the folder.
        config: its configuration.
        dtype: the weights' type.

    Raises:
        MissingPartError: the package of SmolLM2 is not installed.
    """
    album = Album()
    model = load_language_model(config.language_model, dtype, config.num_hidden_layers)
    connector = add_connector(model, ConnectorShape(**(config.vision_config or {})), album)
    connector.load_state_dict(load_file(Path(folder) / CONNECTOR))
    model.name_or_path = folder
    return model, PictureWords(LiteFeatures(), album)


def load_language_model(where: str, dtype: torch.dtype, layers: int | None = None) -> Any:
    """The language model under the connector.

    Args:
        where: `smollm2`, or the folder of a Llama.
        dtype: the weights' type.
        layers: number of layers that are kept, half of them the first and half the last, without which what is read is
            never said; None keeps all.
    """
    from agent.policies.local.smollm2 import unpack

    place = unpack() if where == "smollm2" else where
    model: Any = AutoModelForCausalLM.from_pretrained(place, dtype=dtype, trust_remote_code=False)
    if layers is not None:
        kept = model.model.layers
        del kept[math.ceil(layers / 2) : max(layers, len(kept)) - layers // 2]
        for number, layer in enumerate(kept):
            layer.self_attn.layer_idx = number  # its place in a cache of keys and values
        model.config.num_hidden_layers = len(kept)
    return model


def save_connector(model: Any, folder: Path) -> None:
    """Writes the connector of a model in half precision."""
    connector = model.get_input_embeddings().connector
    save_file({name: value.half().contiguous() for name, value in connector.state_dict().items()}, folder / CONNECTOR)
