"""Multi-turn GRPO on the agent's own graph."""
