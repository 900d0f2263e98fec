"""The agent as a model of VLMEvalKit, in an environment that has both.

VLMEvalKit is installed from its repository and knows its models by a table; a short script adds this one and calls its
`run.py`:

    from functools import partial
    from vlmeval.config import supported_VLM
    from evals.bridges.vlmevalkit_model import VlmEvalKitModel
    supported_VLM["videosleuth"] = partial(VlmEvalKitModel, policy="lite")

It takes a video as a file, as models with `VIDEO_LLM` are given it, and no pictures. `make test-doors` plays two
questions by its loop and its Video-MME, of `ms-vlmeval` 0.0.20, its copy on PyPI; not by its `run.py`, whose imports
ask for dozens of libraries.
"""

from collections.abc import Sequence
from typing import Any

from vlmeval.vlm.base import BaseModel as VlmEvalKitBase  # type: ignore[import-not-found]

from evals.bridges.harness import HarnessAgent


class VlmEvalKitModel(VlmEvalKitBase):  # type: ignore[misc]  # VLMEvalKit is untyped
    """Answers the messages of VLMEvalKit."""

    INTERLEAVE = False
    VIDEO_LLM = True
    allowed_types = ("text", "video")

    def __init__(self, policy: str = "lite", encoder: str | None = None, max_turns: int = 8) -> None:
        """Opens nothing yet.

        Args:
            policy: spec of the policy, as `agent ask --policy` takes it.
            encoder: encoder of the frame index.
            max_turns: most turns of a question.
        """
        super().__init__()
        self._agent = HarnessAgent(policy, encoder, max_turns)

    def generate_inner(self, message: Sequence[dict[str, Any]], dataset: str | None = None) -> str:
        """The answer to a message of texts and one video.

        Raises:
            ValueError: the message has no video, or several.
        """
        videos = [part["value"] for part in message if part["type"] == "video"]
        if len(videos) != 1:
            raise ValueError(f"{dataset}: need a message with one video, got {len(videos)}")
        return self._agent.answer("\n".join(part["value"] for part in message if part["type"] == "text"), videos[0])
