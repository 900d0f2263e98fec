"""A reward of your own in a preset of your own, and what it pays for four runs of one question.

python examples/own_reward.py
"""

import tempfile
from pathlib import Path

import numpy as np

from agent import Question, Trajectory
from evals.example import Example
from rl.rewards.catalogue import REWARDS
from rl.rewards.preset import load_preset
from rl.rewards.scripted_runs import run_script


def saves_frames(example: Example, trajectory: Trajectory, *, full_at_frames: int = 8) -> float | None:
    """1 for no picture, down to 0 for `full_at_frames`; None would be "could not be measured", which is not 0."""
    return max(0.0, 1 - len(trajectory.frames_seen) / full_at_frames)


REWARDS["saves_frames"] = saves_frames
PRESET = """
paper = "none: an example"
formula_from = "ours"

[[terms]]
name = "answer"

[[terms]]
name = "saves_frames"
weight = 0.2
when = { answer = 0.5 }           # paid only where the answer is right
settings = { full_at_frames = 4 } # the reward's own keyword arguments
"""


def look(count: int) -> str:
    arguments = f'{{"start": 0, "stop": 10, "count": {count}}}'
    return f'<tool_call>{{"name": "select_frames", "arguments": {arguments}}}</tool_call>'


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frugal.toml"  # `preset = "frugal.toml"` in a training file takes it like this
        path.write_text(PRESET, encoding="utf-8")
        preset = load_preset(path)
    example = Example(Question("none.mp4", "Which colour?", ("red", "blue")), "red")
    right, wrong = "<answer>A</answer>", "<answer>B</answer>"
    runs_G = [run_script(example, r) for r in ([look(1), right], [look(4), right], [look(1), wrong], [wrong])]  # noqa: N816
    rewards = preset.group(example, runs_G)
    pushes = preset.advantages(rewards.totals_G, np.random.default_rng(0))
    for components, total, push in zip(rewards.components_G, rewards.totals_G, pushes, strict=True):
        print(components, f"total {total}, advantage {push:+.2f}")
