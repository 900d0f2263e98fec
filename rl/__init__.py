"""Makes a policy better: rewards, data and the GRPO trainer over the graph that users run."""
