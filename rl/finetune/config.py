"""What both say that train on runs which were played before: `rl.sft`, which imitates, and `rl.dpo`, which compares."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rl.data.text_tools import WORD_TOOLS
from rl.toml_config import TomlConfig

Count = Annotated[int, Field(ge=1)]


class OnRuns(TomlConfig):
    """One training."""

    model: str
    """A folder, a hub id, or `smollm2`, as `transformers:MODEL` takes it."""
    out: Path
    """Folder for the adapter or the model, and `log.jsonl`."""
    start: str = ""
    """Folder of an adapter to go on with, as `rl.sft` and `rl.train` write it, or the name of one that comes with the
    package. Its rank is its own."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    tools: tuple[str, ...] = WORD_TOOLS
    """What the system message offers: what the policy is asked with when it plays. Empty: all."""
    max_frame_pixels: Count = 640 * 360
    """The largest picture that a model which sees is shown: what it will be asked with."""
    max_tokens: Count = 2048
    """A longer conversation is left out, and with it its pair, never cut."""
    epochs: Count = 1
    max_steps: Count | None = None
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Of the steps; then it falls along a cosine to a tenth."""
    max_norm: Annotated[float, Field(gt=0)] = 1.0
    lora_rank: Annotated[int, Field(ge=0)] = 16
    """0 trains all weights."""
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """Of the products; weights and sums stay in float32. Five times as fast on a CPU with avx512_bf16."""
    save_every: Count | None = None
    """Steps between checkpoints in `out`, from the last of which the command goes on when it is given again; None keeps
    none."""
    seed: int = 0
