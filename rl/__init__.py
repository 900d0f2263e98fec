"""Trains policies: rewards, data, SFT, DPO and the GRPO trainer over the graph that users run."""
