"""What tests that train with TRL let pass: warnings of other packages, not of ours."""

import pytest

trl_warns = pytest.mark.filterwarnings(
    "ignore:.*torch.jit.script_method.*:DeprecationWarning",  # in torch, when TRL imports it
    "ignore:.*lr_scheduler.step.*:UserWarning",
)
