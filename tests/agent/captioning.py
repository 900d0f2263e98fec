"""A policy that stands for a vision-language model behind `--captioner`: it tells the colours that it is shown."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import simplejpeg

from agent.policy import PolicyError, ToolAccess
from agent.prompts import compute_prompt_hash
from agent.trajectory import Answer, Setup, Trajectory, Turn, Usage
from tests.drawn import COLOURS

TOKENS = 100
"""Prompt tokens of each of its requests; the reply has ten."""


@dataclass
class ColourTeller:
    """Says which of the drawn colours its pictures have, in order of time."""

    spec: str = "test:eyes"
    temperature: float = 0.0
    sees_pictures: bool = True
    most_pictures: int = 99
    """Pictures of a request at most, of which the oldest are left out."""
    fails: Callable[[int], bool] = lambda _: False
    """Whether the request of a number, from 1, fails."""
    asked: list[str] = field(default_factory=list)
    """Texts of its requests."""
    times: list[tuple[float, ...]] = field(default_factory=list)
    """Times of the frames of its requests."""

    @property
    def setup(self) -> Setup:
        return Setup(
            "text", self.temperature, 1.0, 0, 100, 10**6, None, compute_prompt_hash(), sees_pictures=self.sees_pictures
        )

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self.asked.append(trajectory.question.text)
        frames = trajectory.frames_seen
        self.times.append(tuple(frame.seconds for frame in frames))
        if self.fails(len(self.asked)):
            raise PolicyError("nobody answers at localhost:8000")
        named = []
        for frame in frames:
            jpeg = sight.picture(frame)
            assert jpeg is not None
            mean = simplejpeg.decode_jpeg(jpeg).mean((0, 1))
            named.append(min(COLOURS, key=lambda name: float(np.abs(mean - COLOURS[name]).sum())))
        said = f"A {' and then a '.join(dict.fromkeys(named))} card."
        usage = Usage(prompt_tokens=TOKENS, completion_tokens=10, cost_usd=0.001)
        return Turn("", Answer(said), usage, dropped=frames[: max(0, len(frames) - self.most_pictures)])
