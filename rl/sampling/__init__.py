"""Samplers: where the tokens of a rollout come from, and how they are given new weights."""
