"""Policy-optimisation algorithms by name: loss, ratio, and the clips of the ratio.

The advantage is the preset's matter (`rl.rewards.preset`), not the algorithm's: a name here says what is done with it.
"""

from dataclasses import dataclass
from typing import Literal

Name = Literal["grpo", "dr_grpo", "bnpo", "dapo", "gspo", "cispo", "reg_grpo"]


@dataclass(frozen=True)
class Algorithm:
    """How advantages become a policy loss."""

    loss: Literal["grpo", "dr_grpo", "bnpo", "dapo", "cispo", "regression"]
    """How tokens are weighed: `grpo` gives each run the same weight, `dr_grpo` divides by a constant, `bnpo` by the
    tokens of the rows at once, `dapo` by those of the whole step; `cispo` clips the weight and keeps the gradient;
    `regression` predicts the advantages of a group from the ratios of its runs, and clips nothing."""
    ratio: Literal["token", "sequence"]
    clip_low: float
    """Lower clip: below 1 - clip_low the ratio has no gradient."""
    clip_high: float
    """Upper clip: above 1 + clip_high the ratio has no gradient; for cispo the largest weight itself."""

    @property
    def skips_idle(self) -> bool:
        """Whether runs without advantage can be left out: the loss is a sum, divided by a number that does not depend
        on which rows are in one batch."""
        return self.loss not in ("bnpo", "regression")


ALGORITHMS: dict[Name, Algorithm] = {
    # arXiv 2402.03300, section 4.1; epsilon as in PPO
    "grpo": Algorithm("grpo", "token", 0.2, 0.2),
    # arXiv 2503.20783, section 3: no division by length; its advantage has no deviation either
    "dr_grpo": Algorithm("dr_grpo", "token", 0.2, 0.2),
    # as TRL has it: its gradient depends on how many rows are in one batch
    "bnpo": Algorithm("bnpo", "token", 0.2, 0.2),
    # arXiv 2503.14476, section 3.1: clip higher
    "dapo": Algorithm("dapo", "token", 0.2, 0.28),
    # arXiv 2507.18071, section 5.1: one length-normalised ratio a run, and a clip three orders smaller
    "gspo": Algorithm("grpo", "sequence", 3e-4, 4e-4),
    # arXiv 2506.13585 gives no number; 5 is that of arXiv 2510.13786
    "cispo": Algorithm("cispo", "token", 0.2, 5.0),
    # arXiv 2506.07464, section 3.2; nothing is clipped
    "reg_grpo": Algorithm("regression", "sequence", 0.0, 0.0),
}
