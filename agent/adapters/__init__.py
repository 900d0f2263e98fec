"""LoRA adapters that come with this package, each in a folder of its name."""

import importlib
from pathlib import Path
from typing import Any

from tools import packaged_weights
from tools.observation import MissingPartError
from tools.plain_data import loads_json, read_plain_text
from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
_HERE = Path(__file__).parent
ADAPTERS = tuple(sorted(file.parent.name for file in _HERE.glob("*/adapter_config.json")))
"""Names of the adapters that come with the package."""
WHAT_IT_IS = "the folder that holds adapter_config.json" + "".join(f", or {name}" for name in ADAPTERS)
"""What an adapter has to be, for error messages."""


def find_adapter_folder(where: str) -> Path:
    """The folder of an adapter: of one that comes with the package, if that is its name, else the folder given."""
    return _HERE / where if where in ADAPTERS else Path(where)


def read_rank(where: str) -> int:
    """The rank of an adapter, named as `find_adapter_folder` takes it.

    Raises:
        ValueError: there is no adapter, or none that says its rank.
    """
    rank = _read_config(where).get("r")
    if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
        raise ValueError(
            f"the adapter in {where} has no rank: need r >= 1 in adapter_config.json, got {str(rank)[:80]}"
        )
    return rank


def add_adapter(model: Any, where: str, *, is_trainable: bool = False) -> Any:
    """A model with a LoRA adapter beside its weights.

    Args:
        model: the transformers model.
        where: the adapter, named as `find_adapter_folder` takes it.
        is_trainable: whether the adapter's weights get gradients.

    Raises:
        MissingPartError: peft is not installed.
        ValueError: there is no adapter, its files are damaged or are no weights, or it is one of another model.
    """
    if not packaged_weights.is_installed("peft"):
        raise MissingPartError(
            f"peft is not installed, which adapters need: run `{packaged_weights.make_install_command('rl')}`"
        )
    _read_config(where)
    peft: Any = importlib.import_module("peft")
    try:
        return peft.PeftModel.from_pretrained(model, str(find_adapter_folder(where)), is_trainable=is_trainable)
    except Exception as error:  # weights that are none make their readers raise whatever comes, pickles among them
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"the adapter in {where} is damaged or does not fit this model: {reason[:300]}") from error


def _read_config(where: str) -> dict[str, Any]:
    """The configuration of a LoRA adapter.

    Other kinds of adapter are refused: they load tokenizers and further models by names that stand in their files.
    """
    file = find_adapter_folder(where) / "adapter_config.json"
    if not file.is_file():
        raise ValueError(f"no LoRA adapter in {where}: need {WHAT_IT_IS}")
    try:
        config = loads_json(read_plain_text(file))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} can't be read: {error}") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise ValueError(f"{file} is not of a LoRA adapter: need {WHAT_IT_IS}")
    return config
