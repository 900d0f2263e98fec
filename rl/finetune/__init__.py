"""Supervised fine-tuning and preference optimisation on recorded trajectories."""
