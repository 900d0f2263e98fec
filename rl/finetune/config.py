"""The options that training files of `rl.sft` and `rl.dpo` share."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rl.data.text_tools import WORD_TOOLS, describe_tools
from rl.options.toml_config import TomlConfig
from tools.schema import ToolSpec

Count = Annotated[int, Field(ge=1)]


class OnRuns(TomlConfig):
    """Options of a training on recorded trajectories."""

    model: str
    """Model in training: a folder, a hub id, or `smollm2`, as `transformers:MODEL` takes it."""
    out: Path
    """Folder for the adapter or the model, and `log.jsonl`."""
    start: str = ""
    """Folder of an adapter to continue from, as `rl.sft` and `rl.train` write it, or the name of one that comes with
    the package; `lora_rank` is then not used."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    tools: tuple[str, ...] | Literal["none"] = WORD_TOOLS
    """Tools that the system message offers, as when the policy is asked later; empty for all, "none" for a game without
    tools."""
    max_frame_pixels: Count = 640 * 360
    """Pixels of the largest picture that a model which sees is shown, as when it is asked later."""
    max_tokens: Count = 2048
    """Longest conversation in tokens; a longer one is left out, and with it its pair, never cut."""
    epochs: Count = 1
    max_steps: Count | None = None
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the steps in which the learning rate rises; then it falls along a cosine to a tenth."""
    max_norm: Annotated[float, Field(gt=0)] = 1.0
    lora_rank: Annotated[int, Field(ge=0)] = 16
    """Rank of the LoRA adapter; 0 trains all weights."""
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """Precision of matrix products; weights and sums stay in float32. bfloat16 is five times as fast on a CPU with
    avx512_bf16."""
    save_every: Count | None = None
    """Steps between checkpoints in `out`; given again, the command continues from the last one. None saves none."""
    seed: int = 0

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Specs of the tools that are offered."""
        return () if self.tools == "none" else describe_tools(self.tools)
