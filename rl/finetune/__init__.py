"""Supervised fine-tuning and preference optimisation on recorded trajectories."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
