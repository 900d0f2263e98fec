"""Samplers: where the tokens of a rollout come from, and how they are given new weights."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
