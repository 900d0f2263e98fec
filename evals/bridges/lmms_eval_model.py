"""The agent as a model of lmms-eval, in an environment that has both.

    pip install lmms-eval videosleuth
    python -m lmms_eval --model videosleuth --model_args policy=lite --tasks videomme --batch_size 1

lmms-eval finds it by the entry point `videosleuth` of the group `lmms_eval.models`. It answers tasks that generate a
text about one video; it has no likelihoods. `make test-doors` plays a drawn video inside lmms-eval 0.7.3; last on
2026-12-01.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmms_eval.api.model import lmms  # type: ignore[import-not-found]
from lmms_eval.models.registry_v2 import ModelManifest  # type: ignore[import-not-found]

from evals.bridges.harness import HarnessAgent


def make_manifest() -> ModelManifest:
    """The entry of lmms-eval's registry."""
    return ModelManifest("videosleuth", simple_class_path=f"{__name__}.LmmsEvalModel")


class LmmsEvalModel(lmms):  # type: ignore[misc]  # lmms-eval is untyped
    """Answers the requests of lmms-eval, one after the other."""

    is_simple = True

    def __init__(self, policy: str = "lite", encoder: str | None = None, max_turns: int = 8, **_: Any) -> None:
        """Opens nothing yet.

        Args:
            policy: spec of the policy, as `agent ask --policy` takes it.
            encoder: encoder of the frame index.
            max_turns: most turns of a question.
            _: what lmms-eval passes to every model, as `batch_size` and `device`.
        """
        super().__init__()
        self._agent = HarnessAgent(policy, encoder, max_turns)

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """The answers to requests, in their order."""
        return [self._answer(*request.args) for request in requests]

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Nothing: an agent's answer has no likelihood.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("the agent generates answers and has no likelihoods: choose a generate_until task")

    def generate_until_multi_round(self, requests: Sequence[Any]) -> list[str]:
        """Nothing: each question is asked by itself.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("the agent answers each question by itself: choose a generate_until task")

    def _answer(self, prompt: str, _: Any, doc_to_visual: Any, doc_id: Any, task: str, split: str) -> str:
        shown = doc_to_visual(self.task_dict[task][split][doc_id])
        videos = [one for one in shown if isinstance(one, str | Path)]
        if len(videos) != 1:
            kinds = ", ".join(type(one).__name__ for one in shown) or "nothing"
            raise ValueError(f"{task}, {doc_id}: need the path of one video, got {kinds}")
        return self._agent.answer(prompt, videos[0])
