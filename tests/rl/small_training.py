"""A training small enough for a CPU: tiny random Qwen-VL models, composed videos, two runs in three dictated."""

from pathlib import Path

from agent.policy import PolicyOptions
from agent.rendering.messages import Text, render
from agent.trajectory import Question, Trajectory
from evals.datasets.composed import open_composed
from rl.grpo.config import Training
from rl.grpo.rollout import RolloutRunner
from tests.agent.painted import FACTS
from tests.rl.dictated import DictatedSampler, Script
from tests.tiny_models import TEXTS, Family, build
from tools.toolbox import make_toolbox

DATA = "drawn,level=1,count=2"
PLAY = {"encoder": "hashing", "max_reply_tokens": 64, "max_frame_pixels": 96 * 54, "max_turns": 4}
TWO_TOOLS = PLAY | {"tools": ["overview", "select_frames"]}
"""The tools of the scripts alone: prompts are a third as long, for tests that compare no prompts."""
LOOK = (
    "<think>\ncloser\n</think>\n<tool_call>\n"
    '{"name": "select_frames", "arguments": {"start": 3, "stop": 9, "count": 2, "size": "small"}}\n</tool_call>'
)
OVER = '<tool_call>\n{"name": "overview", "arguments": {"count": 3}}\n</tool_call>'


def say(answer: str) -> str:
    """A turn that answers."""
    return f"<think>\nseen\n</think>\n<answer>{answer}</answer>"


SCRIPTS: tuple[Script | None, ...] = ((LOOK, say("A")), (LOOK, OVER, say("B")), (say("C"),), None)
"""Of a group of four; the last one plays what comes to its mind."""


def built(family: Family, folder: Path, cache: Path) -> Path:
    """A tiny model whose tokenizer knows the words of our prompts, so that runs are short."""
    [first, *_] = open_composed(DATA).asking.entries
    with make_toolbox(first.source.open(cache).footage, encoder="hashing", cache=cache) as toolbox:
        told = render(Trajectory(Question("v", "What?"), FACTS), toolbox.specs, "text", PolicyOptions())
    texts = [block.text for message in told.messages for block in message.blocks if isinstance(block, Text)]
    return build(family, folder, [*TEXTS, *texts, LOOK, OVER], size=2400)


def training(folder: Path, out: Path, **changed: object) -> Training:
    """Three steps of a group of four, two rows at once."""
    told: dict[str, object] = {
        "model": str(folder),
        "out": out,
        "preset": "videokr",
        "data": DATA,
        "steps": 3,
        "generations": 4,
        "rows_at_once": 2,
        "play": PLAY,
        "update": {"learning_rate": 1e-3, "mask_cut": False},
    }
    return Training.model_validate(told | changed)


def rollouts_of(training: Training, scripts: tuple[Script | None, ...] = SCRIPTS) -> RolloutRunner:
    """Who plays it."""
    sampler = DictatedSampler(Path(training.model), training.play.options(training.seed), scripts)
    return RolloutRunner(open_composed(training.data), training.run_settings(sampler), sampler)
