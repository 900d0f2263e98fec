"""The schema of a training file for `python -m rl.sft`. Unknown keys are refused."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rl.finetune.config import Count, OnRuns


class SftConfig(OnRuns):
    """Options of supervised fine-tuning. The defaults are those that `rl/LOG.md` reports with."""

    data: Annotated[list[Path], Field(min_length=1)]
    """Data to imitate: runs (`trajectories.jsonl` or its folder), or files of `{"messages": [...]}` lines."""
    train_eyes: bool = True
    """Whether the vision modules of a model that sees are trained too; with LoRA, by adapters as the rest."""
    frozen: tuple[str, ...] = ()
    """Modules that are not trained, by a part of their name, as ["language_model", "lm_head"]; with LoRA they have no
    adapter."""
    rows_a_step: Count = 8
    """Conversations in a step."""
    rows_at_once: Count = 4
    """Conversations in one batch, as many as memory allows; the step is the same. SmolLM2 takes about 2 MB a token."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
