"""LoRA adapters that come with this package, each in a folder of its name."""

import json
from pathlib import Path

_HERE = Path(__file__).parent
ADAPTERS = tuple(sorted(file.parent.name for file in _HERE.glob("*/adapter_config.json")))
"""Their names."""
WHAT_IT_IS = "the folder that holds adapter_config.json" + "".join(f", or {name}" for name in ADAPTERS)
"""For those who gave something else."""


def adapter_folder(where: str) -> Path:
    """The folder of an adapter: of one that comes with the package, if that is its name, else the folder given."""
    return _HERE / where if where in ADAPTERS else Path(where)


def rank_of(where: str) -> int:
    """The rank of an adapter, named as `adapter_folder` takes it.

    Raises:
        ValueError: there is none.
    """
    file = adapter_folder(where) / "adapter_config.json"
    if not file.is_file():
        raise ValueError(f"no LoRA adapter in {where}: need {WHAT_IT_IS}")
    return int(json.loads(file.read_text(encoding="utf-8"))["r"])
