"""What a file for `python -m rl.sft` may say. Unknown keys are refused."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rl.finetune.config import Count, OnRuns


class SftConfig(OnRuns):
    """One training. The defaults are those that `rl/LOG.md` reports with."""

    data: Annotated[list[Path], Field(min_length=1)]
    """Runs (`trajectories.jsonl` or its folder), or files of `{"messages": [...]}` lines."""
    train_eyes: bool = True
    """Whether the vision side of a model that sees is trained too; with LoRA, by adapters as the rest."""
    rows_a_step: Count = 8
    """Conversations in a step."""
    rows_at_once: Count = 4
    """As many of them as memory allows; the step is the same. SmolLM2 takes about 2 MB a token of theirs."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
