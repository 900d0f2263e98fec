"""Lets a CUDA build of torchvision import beside a CPU build of torch.

On such a pair torchvision's compiled operators do not load, and registering their fakes then fails, which takes
open_clip, peft and most of transformers down with it. Declaring the two operators first is enough: pure-Python
transforms work, the operators themselves stay absent. Does nothing where the operators load, and costs nothing
until torchvision is imported.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_MISSING_OPERATORS = ("nms", "qnms")
"""Operators whose fakes torchvision registers on import."""


class _DeclareMissingOperators(MetaPathFinder):
    """Finds no module; declares the operators when torchvision is about to register their fakes."""

    def __init__(self) -> None:
        self.library: Any = None  # kept alive: a torch.library.Library takes its operators with it

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "torchvision._meta_registrations" and self.library is None:
            extension = sys.modules.get("torchvision.extension")
            if extension is not None and not extension._has_ops():
                import torch

                self.library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
                for operator in _MISSING_OPERATORS:
                    self.library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return None


def install() -> None:
    """Installs the import hook, once per process."""
    if not any(isinstance(finder, _DeclareMissingOperators) for finder in sys.meta_path):
        sys.meta_path.insert(0, _DeclareMissingOperators())
