"""Any OpenCLIP model as the frame index's encoder, from weights that are already on this machine.

Nothing is downloaded: weights come from a path, or from the caches in which open_clip and huggingface_hub keep what the
user fetched before. A frame is squashed to the model's square, although these models were trained on centre crops: a
centre crop of a 16:9 frame would hide 44 % of it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tools.pictures import Pixels, best_device, chunks, in_fastest_format, square_batch

_BATCH = 32
_HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_HASHED_PARTS = 16
_PART_BYTES = 1 << 16


@dataclass(frozen=True)
class Checkpoint:
    """Weights that are on this machine."""

    model: str
    """The open_clip model name."""
    path: Path
    settings: dict[str, Any] = field(default_factory=dict)
    """open_clip's own settings for these weights (mean, std, quick_gelu); empty for a file that it does not know."""


class OpenClipEncoder:
    """Image and text tower of one OpenCLIP model.

    `checkpoint=None` gives random weights, for speed measurements only; no encoder spec leads there.
    """

    def __init__(self, model: str, checkpoint: Checkpoint | None, tiles: bool | None = None) -> None:
        open_clip = _open_clip()
        self._device = best_device()
        # On a CPU the 13 tiles would cost 13 times the embedding, most of a minute for a minute of video. Decided by
        # the device and not by a stopwatch: the answer is part of the cache key and must not change between runs.
        self.tiles = self._device.type == "cuda" if tiles is None else tiles
        weights = "random" if checkpoint is None else _file_hash(checkpoint.path)
        self.name = f"open_clip:{model}/{weights}"
        settings = {} if checkpoint is None else checkpoint.settings
        self._tokenizer = _tokenizer(model)
        network = open_clip.create_model(
            model,
            pretrained=None if checkpoint is None else str(checkpoint.path),
            pretrained_text=False,
            device=self._device,
            force_quick_gelu=bool(settings.get("quick_gelu")),
        ).eval()
        preprocess = {**open_clip.get_model_preprocess_cfg(network), **settings}
        self._side = _side(preprocess["size"])
        self._mean = torch.tensor(preprocess["mean"]).reshape(1, 3, 1, 1) * 255
        self._std = torch.tensor(preprocess["std"]).reshape(1, 3, 1, 1) * 255
        network = network.requires_grad_(False)
        self._network = in_fastest_format(network, lambda network, batch: network.encode_image(batch), self._side)
        self.dim: int = self.encode_texts([""]).shape[1]

    def encode_images(self, pixels: Sequence[Pixels]) -> NDArray[np.float32]:
        """(N, D) float32 unit rows."""
        kind = next(self._network.parameters()).dtype
        rows = []
        with torch.inference_mode():
            for chunk in chunks(pixels, _BATCH):
                batch = (square_batch(chunk, self._side).float() - self._mean) / self._std
                rows.append(self._unit(self._network.encode_image(batch.to(self._device, kind))))
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, D) float32 unit rows."""
        with torch.inference_mode():
            rows = [
                self._unit(self._network.encode_text(self._tokenizer(list(chunk)).to(self._device)))
                for chunk in chunks(texts, _BATCH)
            ]
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)

    @staticmethod
    def _unit(rows: torch.Tensor) -> NDArray[np.float32]:
        unit: NDArray[np.float32] = torch.nn.functional.normalize(rows.float(), dim=-1).cpu().numpy()
        return unit


def _open_clip() -> Any:
    """The library, which has no types and takes seconds to import."""
    import open_clip  # type: ignore[import-untyped]

    return open_clip


def find_checkpoint(model: str, source: str | None = None) -> Checkpoint:
    """The weights of `model` at the path, or with the open_clip tag, `source`; without one, any that are present."""
    open_clip = _open_clip()
    if model not in open_clip.list_models():
        raise ValueError(f"open_clip has no model {model!r}; `open_clip.list_models()` lists them, e.g. ViT-B-32")
    if source is not None and Path(source).expanduser().exists():
        return Checkpoint(model, Path(source).expanduser())
    tags = open_clip.list_pretrained_tags_by_model(model)
    if source is not None and source not in tags:
        raise ValueError(
            f"{source!r} is neither a file nor one of open_clip's weights for {model} ({', '.join(tags) or 'none'})"
        )
    wanted = tags if source is None else [source]
    for tag in wanted:
        settings = open_clip.get_pretrained_cfg(model, tag)
        if path := _in_caches(settings):
            return Checkpoint(model, path, settings)
    raise ValueError(
        f"no weights of {model} on this machine, and nothing is downloaded unasked: fetch them once with "
        f"`python -c \"import tools, open_clip; open_clip.create_model('{model}', '{(wanted or ['TAG'])[0]}')\"`, "
        f"or name a file: open_clip:{model}@/path/to/weights.safetensors"
    )


def present_checkpoints() -> Iterator[Checkpoint]:
    """Every OpenCLIP checkpoint in the caches, smallest first: on a CPU the small ones are the usable ones."""
    if not _caches_hold_something():
        return
    open_clip = _open_clip()
    found: list[tuple[int, str, Checkpoint]] = []
    for model, tag in open_clip.list_pretrained():
        settings = open_clip.get_pretrained_cfg(model, tag)
        if path := _in_caches(settings):
            found.append((path.stat().st_size, model, Checkpoint(model, path, settings)))
    yield from (checkpoint for *_, checkpoint in sorted(found, key=lambda row: row[:2]))


def _caches_hold_something() -> bool:
    """A look at file names only: importing open_clip takes seconds, and most machines have no weights of it."""
    hub_files = (file for name in _HUB_FILES for file in _hub_cache().glob(f"models--*/snapshots/*/{name}"))
    return next(hub_files, None) is not None or next(_url_cache().glob("*.pt"), None) is not None


def _hub_cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _url_cache() -> Path:
    """Where open_clip puts weights that have a plain address."""
    return Path("~/.cache/clip").expanduser()


def _in_caches(settings: dict[str, Any]) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    if repository := settings.get("hf_hub"):
        # "organisation/name/" or "organisation/name/file"
        organisation, name, *file = [part for part in repository.split("/") if part]
        for candidate in file or _HUB_FILES:
            path = try_to_load_from_cache(f"{organisation}/{name}", candidate)
            if isinstance(path, str):
                return Path(path)
    if address := settings.get("url"):
        fetched = _url_cache() / str(address).rsplit("/", 1)[-1]
        if fetched.is_file():
            return fetched
    return None


def _tokenizer(model: str) -> Any:
    """The model's tokenizer; what of its text tower lives on the hub must have been fetched with the model."""
    open_clip = _open_clip()
    from huggingface_hub import try_to_load_from_cache

    text = (open_clip.get_model_config(model) or {}).get("text_cfg", {})
    parts = {text.get("hf_tokenizer_name"): "tokenizer_config.json", text.get("hf_model_name"): "config.json"}
    for repository, file in parts.items():
        if repository and not isinstance(try_to_load_from_cache(repository, file), str):
            raise ValueError(
                f"{model} needs {repository}, which is not on this machine: fetch it once with "
                f"`python -c \"import tools, open_clip; open_clip.create_model_and_transforms('{model}'); "
                f"open_clip.get_tokenizer('{model}')\"`"
            )
    return open_clip.get_tokenizer(model, **({"local_files_only": True} if text.get("hf_tokenizer_name") else {}))


def _side(size: int | tuple[int, int]) -> int:
    return size if isinstance(size, int) else size[0]


def _file_hash(path: Path) -> str:
    """12 hex digits from the size and 16 parts: reading gigabytes at each start would cost more than it is worth."""
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=6)
    with path.open("rb") as file:
        for part in range(_HASHED_PARTS):
            file.seek(max(0, size - _PART_BYTES) * part // (_HASHED_PARTS - 1))
            digest.update(file.read(_PART_BYTES))
    return digest.hexdigest()
