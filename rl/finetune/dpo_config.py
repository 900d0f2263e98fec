"""The schema of a training file for `python -m rl.dpo`. Unknown keys are refused."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rl.finetune.config import Count, OnRuns


class DpoConfig(OnRuns):
    """Options of DPO on preference pairs. The reference is the model as it starts, with the adapter of `start`."""

    pairs: Path
    """Folder of preference pairs that `rl.verify` wrote."""
    beta: Annotated[float, Field(gt=0)] = 0.1
    """DPO's beta, the weight of the divergence from the reference; 0.1 in VerIPO (arXiv 2505.19000)."""
    pairs_a_step: Count = 8
    learning_rate: Annotated[float, Field(gt=0)] = 5e-6
    """Peak learning rate, picked by hand: VerIPO's 5e-7 is for all weights; adapters take more."""
