"""One class for each way of driving the loop."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
