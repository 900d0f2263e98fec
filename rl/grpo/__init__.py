"""Multi-turn GRPO on the agent's own graph."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
