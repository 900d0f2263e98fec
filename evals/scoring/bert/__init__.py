"""Likeness of answers by what a language model makes of their words."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
