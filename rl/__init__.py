"""Trains policies: rewards, data, SFT, DPO and the GRPO trainer over the graph that users run."""

import tools  # noqa: F401  its hook must be in place before any module here imports transformers
