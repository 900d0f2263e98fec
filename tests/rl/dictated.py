"""TEST ONLY: random models never call a tool, so runs are dictated to them, token by token, in their own generation."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import LogitsProcessor

from agent.policies.transformers import Prompt
from agent.policy import PolicyOptions, ToolAccess
from agent.rendering.messages import Conversation
from agent.trajectory import Trajectory, Turn
from rl.sampling.sampler import TrainingSampler

Script = Sequence[str]
"""What a run says, turn by turn."""


class Dictation(LogitsProcessor):
    """Leaves a row one token to choose, the next of its script; a row without one chooses freely."""

    def __init__(self, scripts: Sequence[Sequence[int] | None], width: int) -> None:
        self._scripts, self._width = scripts, width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores = scores.clone()
        for row, script in enumerate(self._scripts):
            if script is not None:
                token = script[min(input_ids.shape[1] - self._width, len(script) - 1)]
                scores[row] = torch.full_like(scores[row], -torch.inf).index_fill(0, torch.tensor(token), 0.0)
        return scores


class DictatedSampler(TrainingSampler):
    """Plays the script of a run's number in its group; None is a run that the model plays."""

    def __init__(
        self, folder: Path, options: PolicyOptions, scripts: Sequence[Script | None], *, is_half: bool = False
    ) -> None:
        super().__init__(str(folder), options, is_half=is_half)
        self._of_group = scripts
        self._of_seed: dict[int, Script | None] = {}

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self._here.script = self._of_group[trajectory.sample % len(self._of_group)]
        return super().__call__(trajectory, sight)

    def prompt(self, conversation: Conversation, sight: ToolAccess, seed: int) -> Prompt:
        made = super().prompt(conversation, sight, seed)
        self._of_seed[made.draw.seed] = self._here.script
        return made

    def processors(self, prompts: Sequence[Prompt], width: int) -> list[LogitsProcessor]:
        return [Dictation([self._ids(prompt) for prompt in prompts], width)]

    def _ids(self, prompt: Prompt) -> Sequence[int] | None:
        script = self._of_seed[prompt.draw.seed]
        if script is None:
            return None
        flags = prompt.tokens.sampled
        turn = sum(now and not before for before, now in zip((False, *flags), flags, strict=False))
        return (*self.loaded.scribe.ids(script[min(turn, len(script) - 1)]), self.loaded.scribe.end)
