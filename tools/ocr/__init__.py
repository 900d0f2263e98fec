"""Reads text on screen."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
