"""Any OpenCLIP model as the frame index's encoder, from weights that are already on this machine.

A frame is squashed to the model's square, although these models were trained on centre crops: a
centre crop of a 16:9 frame would hide 44 % of it.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tools.encoders.image_batch import Pixels, choose_device, make_square_batch, split_chunks, to_fastest_format
from tools.encoders.open_clip_weights import Checkpoint, import_open_clip
from tools.runtime.threads import map_in_threads

_BATCH = 32
"""Pictures or texts at once on a GPU, and texts on a CPU; bounds the memory of a batch."""
_CPU_BATCH = 8
"""Pictures at once in each thread of a CPU; more gain little."""
_HASHED_PARTS = 16
"""Parts of a weights file that are hashed, from its first to its last byte."""
_PART_BYTES = 1 << 16
"""Bytes of a hashed part."""


class OpenClipEncoder:
    """Image and text tower of one OpenCLIP model.

    `checkpoint=None` gives random weights, for speed measurements only; no encoder spec leads there.
    """

    def __init__(self, model: str, checkpoint: Checkpoint | None, tiles: bool | None = None) -> None:
        open_clip = import_open_clip()
        self._device = choose_device()
        # On a CPU the 9 tiles would cost 9 times the embedding. Decided by the device and not by a stopwatch: the
        # answer is part of the cache key and must not change between runs.
        self.tiles = self._device.type == "cuda" if tiles is None else tiles
        weights = "random" if checkpoint is None else _hash_file(checkpoint.path)
        self.name = f"open_clip:{model}/{weights}"
        self._tokenizer = _load_tokenizer(model)
        network = _load_network(model, checkpoint, self._device)
        settings = {} if checkpoint is None else checkpoint.settings
        preprocess = {**open_clip.get_model_preprocess_cfg(network), **settings}
        self._side = _get_side(preprocess["size"])
        self._mean = torch.tensor(preprocess["mean"]).reshape(1, 3, 1, 1) * 255
        self._std = torch.tensor(preprocess["std"]).reshape(1, 3, 1, 1) * 255
        network = network.requires_grad_(False)
        self._network = to_fastest_format(network)
        self.dim: int = self.encode_texts([""]).shape[1]

    def encode_images(self, pixels: Sequence[Pixels]) -> NDArray[np.float32]:
        """Embeddings of RGB pictures of any size, (N, D) float32 unit rows."""
        batch = _BATCH if self._device.type == "cuda" else _CPU_BATCH
        rows = map_in_threads(self._encode_batch, split_chunks(pixels, batch))
        return np.concatenate([np.empty((0, self.dim), np.float32), *rows])

    def _encode_batch(self, pixels: Sequence[Pixels]) -> NDArray[np.float32]:
        kind = next(self._network.parameters()).dtype
        with torch.inference_mode():
            batch = (make_square_batch(pixels, self._side).float() - self._mean) / self._std
            return self._normalise_rows(self._network.encode_image(batch.to(self._device, kind)))

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of texts, (N, D) float32 unit rows."""
        with torch.inference_mode():
            rows = [
                self._normalise_rows(self._network.encode_text(self._tokenizer(list(chunk)).to(self._device)))
                for chunk in split_chunks(texts, _BATCH)
            ]
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)

    @staticmethod
    def _normalise_rows(rows: torch.Tensor) -> NDArray[np.float32]:
        unit: NDArray[np.float32] = torch.nn.functional.normalize(rows.float(), dim=-1).cpu().numpy()
        return unit


def _load_network(model: str, checkpoint: Checkpoint | None, device: torch.device) -> Any:
    """Image and text tower in evaluation mode; ValueError where the file holds no weights of the model."""
    settings = {} if checkpoint is None else checkpoint.settings
    try:
        return (
            import_open_clip()
            .create_model(
                model,
                pretrained=None if checkpoint is None else str(checkpoint.path),
                pretrained_text=False,
                device=device,
                force_quick_gelu=bool(settings.get("quick_gelu")),
                weights_only=True,  # nothing else that a pickle may hold, which could be code
            )
            .eval()
        )
    except Exception as error:  # a file that is none makes its readers raise whatever comes
        if checkpoint is None:
            raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{checkpoint.path} holds no weights of {model}: {reason[:300]}") from error


def _load_tokenizer(model: str) -> Any:
    """The model's tokenizer; what of its text tower lives on the hub must have been fetched with the model."""
    open_clip = import_open_clip()
    from huggingface_hub import try_to_load_from_cache

    text = (open_clip.get_model_config(model) or {}).get("text_cfg", {})
    parts = {text.get("hf_tokenizer_name"): "tokenizer_config.json", text.get("hf_model_name"): "config.json"}
    for repository, file in parts.items():
        if repository and not isinstance(try_to_load_from_cache(repository, file), str):
            raise ValueError(
                f"{model} needs {repository}, which is not on this machine: fetch it once with "
                f'`python -c "from tools.encoders.open_clip_weights import import_open_clip as library; '
                f"library().create_model_and_transforms('{model}'); library().get_tokenizer('{model}')\"`"
            )
    return open_clip.get_tokenizer(model, **({"local_files_only": True} if text.get("hf_tokenizer_name") else {}))


def _get_side(size: int | tuple[int, int]) -> int:
    return size if isinstance(size, int) else size[0]


def _hash_file(path: Path) -> str:
    """Hash of a file's size and 16 of its parts, 12 hex digits: reading gigabytes at each start would take too long."""
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=6)
    with path.open("rb") as file:
        for part in range(_HASHED_PARTS):
            file.seek(max(0, size - _PART_BYTES) * part // (_HASHED_PARTS - 1))
            digest.update(file.read(_PART_BYTES))
    return digest.hexdigest()
