"""A small model that sees, from packaged weights: SmolLM2 reads, and eyes of a few million weights learn to see."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
