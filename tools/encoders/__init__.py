"""Encoders of images and text into one space, and the registry that opens them."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
