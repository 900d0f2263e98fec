"""Checks before a download from the Hugging Face hub: how large it is, and whether the user allows it."""

import logging
import os
import sys
from collections.abc import Callable

from huggingface_hub import HfApi
from huggingface_hub.hf_api import ModelInfo

from agent.policies.default import is_cached
from agent.policy import DOWNLOAD, PolicyError

_TIMEOUT_SECONDS = 10.0
"""Seconds that the hub may take to say how large a model is."""
_WEIGHTS = (".safetensors", ".bin")


def check_download(where: str, api: HfApi | None = None, ask: Callable[[str], bool] | None = None) -> None:
    """Checks that the model of a hub id is here, or may be downloaded.

    Args:
        where: the hub id.
        api: the hub's client; the usual one if None.
        ask: asks the user a yes-no question; on the terminal if None, where there is one.

    Raises:
        PolicyError: there is no such model, or no network.
        ValueError: the user has not allowed it.
    """
    # its client warns of each failed request; the error below says it once
    logging.getLogger("huggingface_hub.utils._http").setLevel(logging.ERROR)
    if is_cached(where):
        return
    try:
        size = _describe_size((api or HfApi()).model_info(where, files_metadata=True, timeout=_TIMEOUT_SECONDS))
    except Exception as error:  # of the hub's client or of the one below it
        raise PolicyError(explain_unreachable(where, error)) from error
    if os.environ.get(DOWNLOAD, "").strip().casefold() in ("1", "yes", "true"):
        return
    what = f"{where} is not on this machine: {size} would be downloaded from the hub"
    if ask is None and sys.stdin.isatty() and sys.stderr.isatty():
        ask = _ask_user
    if ask is None or not ask(f"{what}. Download it? [y/N] "):
        raise ValueError(f"{what}; --yes allows it, or {DOWNLOAD}=yes")


def explain_unreachable(where: str, error: Exception) -> str:
    """The error of a model that is no folder and can't be fetched, in a sentence."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    return (
        f"{where} is neither a folder here nor could it be fetched from the hub: check its name and the network, or "
        f"give the folder of a model that is here ({reason})"
    )


def _describe_size(info: ModelInfo) -> str:
    """The size of what transformers would fetch, in words: the weights in one form, and the small files."""
    files = [file for file in info.siblings or () if "/" not in file.rfilename]
    kinds = [[file for file in files if file.rfilename.endswith(kind)] for kind in _WEIGHTS]
    weights = next((kind for kind in kinds if kind), [])
    small = [file for file in files if file.rfilename.endswith((".json", ".txt", ".model", ".jinja"))]
    sizes = [file.size for file in (*weights, *small)]
    if not weights or None in sizes:
        return "a model of unknown size"
    return f"{sum(size or 0 for size in sizes) / 1e9:.1f} GB"


def _ask_user(question: str) -> bool:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().casefold() in ("y", "yes")
