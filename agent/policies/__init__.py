"""The policies, a class for each kind, and the registry that opens one by its spec."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
