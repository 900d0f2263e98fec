"""What a file for `python -m rl.sft` may say. Unknown keys are refused."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rl.words import WORD_TOOLS

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class SftConfig(BaseModel):
    """One training. The defaults are those that `rl/LOG.md` reports with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    """A folder, a hub id, or `smollm2`, as `transformers:MODEL` takes it."""
    out: Path
    """Folder for the adapter or the model, and `log.jsonl`."""
    data: Annotated[list[Path], Field(min_length=1)]
    """Runs (`trajectories.jsonl` or its folder), or files of `{"messages": [...]}` lines."""
    tools: tuple[str, ...] = WORD_TOOLS
    """What the system message offers: what the policy will be asked with. Empty: all."""
    max_frame_pixels: Count = 640 * 360
    """The largest picture that a model which sees is shown: what it will be asked with."""
    train_eyes: bool = True
    """Whether the vision side of a model that sees is trained too; with LoRA, by adapters as the rest."""
    max_tokens: Count = 2048
    """A longer conversation is left out, never cut."""
    epochs: Count = 1
    max_steps: Count | None = None
    rows_a_step: Count = 8
    """Conversations in a step."""
    rows_at_once: Count = 4
    """As many of them as memory allows; the step is the same. SmolLM2 takes about 2 MB a token of theirs."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    warmup_share: Share = 0.1
    """Of the steps; then it falls along a cosine to a tenth."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_norm: Annotated[float, Field(gt=0)] = 1.0
    lora_rank: Annotated[int, Field(ge=0)] = 16
    """0 trains all weights."""
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """Of the products; weights and sums stay in float32. Five times as fast on a CPU with avx512_bf16."""
    seed: int = 0


def read_config(path: Path) -> SftConfig:
    """The config of a TOML file; paths in it are as seen from where the command runs.

    Raises:
        ValueError: it can't be read; says why.
        FileNotFoundError: there is no such file.
    """
    try:
        return SftConfig.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path}: {where}: {first['msg']}") from error
