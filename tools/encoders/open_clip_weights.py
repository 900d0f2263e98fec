"""Finds OpenCLIP weights on this machine: at a path, or in the caches of open_clip and huggingface_hub.

Nothing is downloaded, and neither torch nor open_clip is imported where a look at file names is enough.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""Names of the weights file in a repository of the hub, the preferred one first."""


@dataclass(frozen=True)
class Checkpoint:
    """OpenCLIP weights on this machine, and the model that they are for."""

    model: str
    """The open_clip model name."""
    path: Path
    settings: dict[str, Any] = field(default_factory=dict)
    """open_clip's own settings for these weights (mean, std, quick_gelu); empty for a file that it does not know."""


def import_open_clip() -> Any:
    """The module open_clip, which has no types and takes seconds to import."""
    import open_clip  # type: ignore[import-untyped]

    return open_clip


def find_checkpoint(model: str, source: str | None = None) -> Checkpoint:
    """Finds the weights of a model at the path, or with the open_clip tag, `source`; any that are present if None.

    Raises:
        ValueError: an unknown model or tag, or no weights on this machine.
    """
    open_clip = import_open_clip()
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
        if path := _find_in_caches(settings):
            return Checkpoint(model, path, settings)
    raise ValueError(
        f"no weights of {model} on this machine, and nothing is downloaded unasked: fetch them once with "
        f"`python -c \"import tools, open_clip; open_clip.create_model('{model}', '{(wanted or ['TAG'])[0]}')\"`, "
        f"or name a file: open_clip:{model}@/path/to/weights.safetensors"
    )


def list_checkpoints() -> Iterator[Checkpoint]:
    """Every OpenCLIP checkpoint in the caches, smallest first: on a CPU the small ones are the usable ones."""
    if not _has_cached_weights():
        return
    open_clip = import_open_clip()
    found: list[tuple[int, str, Checkpoint]] = []
    for model, tag in open_clip.list_pretrained():
        settings = open_clip.get_pretrained_cfg(model, tag)
        if path := _find_in_caches(settings):
            found.append((path.stat().st_size, model, Checkpoint(model, path, settings)))
    yield from (checkpoint for *_, checkpoint in sorted(found, key=lambda row: row[:2]))


def _has_cached_weights() -> bool:
    """Whether a cache holds weights, by file names only: importing open_clip takes seconds."""
    hub_files = (file for name in _HUB_FILES for file in _get_hub_cache().glob(f"models--*/snapshots/*/{name}"))
    return next(hub_files, None) is not None or next(_get_url_cache().glob("*.pt"), None) is not None


def _get_hub_cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _get_url_cache() -> Path:
    """Folder in which open_clip keeps weights that have a plain address."""
    return Path("~/.cache/clip").expanduser()


def _find_in_caches(settings: dict[str, Any]) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    if repository := settings.get("hf_hub"):
        # "organisation/name/" or "organisation/name/file"
        organisation, name, *file = [part for part in repository.split("/") if part]
        for candidate in file or _HUB_FILES:
            path = try_to_load_from_cache(f"{organisation}/{name}", candidate)
            if isinstance(path, str):
                return Path(path)
    if address := settings.get("url"):
        fetched = _get_url_cache() / str(address).rsplit("/", 1)[-1]
        if fetched.is_file():
            return fetched
    return None
