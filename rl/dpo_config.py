"""What a file for `python -m rl.dpo` may say. Unknown keys are refused."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rl.words import WORD_TOOLS

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class DpoConfig(BaseModel):
    """One training on pairs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    """A folder, a hub id, or `smollm2`, as `transformers:MODEL` takes it."""
    start: str = ""
    """Folder of an adapter to go on with, as `rl.sft` and `rl.train` write it; also what the reference is."""
    out: Path
    """Folder for the adapter or the model, and `log.jsonl`."""
    pairs: Path
    """Folder that `rl.verify` wrote."""
    beta: Annotated[float, Field(gt=0)] = 0.1
    """How dear it is to move away from the reference; 0.1 in VerIPO (arXiv 2505.19000)."""
    tools: tuple[str, ...] = WORD_TOOLS
    """What the system message offers: what the policy is asked with. Empty: all."""
    max_frame_pixels: Count = 640 * 360
    """The largest picture that a model which sees is shown."""
    max_tokens: Count = 2048
    """A pair with a longer conversation is left out."""
    epochs: Count = 1
    max_steps: Count | None = None
    pairs_a_step: Count = 8
    learning_rate: Annotated[float, Field(gt=0)] = 5e-6
    """VerIPO's 5e-7 is for all weights; adapters take more. Picked by hand."""
    warmup_share: Share = 0.1
    """Of the steps; then it falls along a cosine to a tenth."""
    max_norm: Annotated[float, Field(gt=0)] = 1.0
    lora_rank: Annotated[int, Field(ge=0)] = 16
    """0 trains all weights; with `start` the rank is its own."""
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """Of the products; weights and sums stay in float32."""
    seed: int = 0


def read_config(path: Path) -> DpoConfig:
    """The config of a TOML file; paths in it are as seen from where the command runs.

    Raises:
        ValueError: it can't be read; says why.
        FileNotFoundError: there is no such file.
    """
    try:
        return DpoConfig.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path}: {where}: {first['msg']}") from error
