"""Samplers and engines that generate rollouts, and the synchronisation of their weights."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
