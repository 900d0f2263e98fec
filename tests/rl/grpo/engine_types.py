"""The types of other trainers that our adapters fill, as they are in the releases that were read."""

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict


class AgentLoopMetrics(BaseModel):
    """verl 0.9.1, `experimental/agent_loop/agent_loop.py`."""

    model_config = ConfigDict(extra="forbid")
    generate_sequences: float = 0.0
    tool_calls: float = 0.0
    compute_score: float = 0.0
    num_preempted: int = -1


class AgentLoopOutput(BaseModel):
    """verl 0.9.1, there too."""

    model_config = ConfigDict(extra="forbid")
    prompt_ids: list[int]
    response_ids: list[int]
    response_mask: list[int]
    response_logprobs: list[float] | None = None
    routed_experts: Any = None
    multi_modal_data: dict[str, Any] | None = None
    reward_score: float | None = None
    num_turns: int = 0
    metrics: AgentLoopMetrics
    extra_fields: dict[str, Any] = {}
    mm_processor_kwargs: dict[str, Any] | None = None
    mm_processor_output: list[dict[str, Any]] | None = None


GENERATOR_OUTPUT = """
prompt_token_ids response_ids rewards loss_masks stop_reasons rollout_metrics rollout_logprobs trajectory_ids
trajectory_generation_times rollout_expert_indices is_last_step env_metrics pixel_values image_grid_thw
""".split()
"""Keys of SkyRL 0.3.0's `GeneratorOutput`, `train/generators/base.py`."""
ENGINE_INPUT = "prompts prompt_token_ids sampling_params session_ids mm_features cache_salt".split()
"""Keys of its `InferenceEngineInput`, `backends/skyrl_train/inference_servers/base.py`."""


def read_fields(package: str, file: str, name: str) -> list[str]:
    """The fields of a class of an installed package, by its source: nothing of it is imported."""
    found = find_spec(package)
    if found is None or found.origin is None:
        pytest.skip(f"{package} is not installed")
    tree = ast.parse((Path(found.origin).parent / file).read_text(encoding="utf-8"))
    [node] = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name]
    return [
        part.target.id for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    ]
