"""Watches a training run: step log, alarms, curves and the dashboard page."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
