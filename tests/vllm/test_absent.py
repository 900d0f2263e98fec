"""Without vLLM the policy says what to install; everything else is none the worse."""

import pytest

from agent.policies.registry import open_policy
from agent.policies.vllm_engine import is_installed
from tools.observation import MissingPartError


@pytest.mark.skipif(is_installed(), reason="vLLM is installed here")
def test_without_vllm_its_policy_says_what_to_install() -> None:
    with pytest.raises(MissingPartError, match=r"\[vllm\]"):
        open_policy("vllm:some/model")


def test_a_policy_needs_a_model() -> None:
    with pytest.raises(ValueError, match="vllm:PATH_OR_ID"):
        open_policy("vllm")
