"""A small vision-language model from packaged weights: SmolLM2 with a vision encoder of a few million weights."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
