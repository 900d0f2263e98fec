"""What a training file may say, checked before anything is loaded: unknown keys are refused.

`rl/configs/smoke.toml` shows the shape of it. The defaults are those of small runs, not of any paper: `rl.preset` knows
what each preset was published with.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from agent.modes import Mode
from agent.policy import Policy, PolicyOptions
from agent.trajectory import Limits
from evals.playing import Game
from rl import algorithms
from rl.algorithms import ALGORITHMS, Algorithm
from rl.recipe import Sheet

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Play(Sheet):
    """How a run is played; the same words as the options of `evals.run`."""

    max_turns: Positive = 8
    max_frames: Positive | None = 128
    max_malformed: Positive = 3
    mode: Mode | None = None
    verify: bool = False
    """A second look at the evidence after each answer, for rewards that read it; it is not trained on."""
    encoder: str | None = None
    """Of the frame index; None takes the default one."""
    temperature: Annotated[float, Field(gt=0, le=2)] = 1.0
    max_reply_tokens: Positive = 512
    max_frame_pixels: Positive = 640 * 360
    concurrency: Positive = 8
    """Runs at the same time, and requests in one call of the model."""

    def options(self, seed: int) -> PolicyOptions:
        """How the model is asked."""
        return PolicyOptions(
            temperature=self.temperature,
            seed=seed,
            max_reply_tokens=self.max_reply_tokens,
            max_frame_pixels=self.max_frame_pixels,
            concurrency=self.concurrency,
        )

    def limits(self) -> Limits:
        """Where a run ends."""
        return Limits(max_turns=self.max_turns, max_frames=self.max_frames, max_malformed=self.max_malformed)


class Update(Sheet):
    """How the policy changes."""

    algorithm: algorithms.Name = "dapo"
    clip_low: Share | None = None
    clip_high: Share | None = None
    """None takes the algorithm's own."""
    kl: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Weight of the divergence from the model as it was; above 0 a second copy is held, but for LoRA."""
    learning_rate: Share = 1e-6
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    passes: Positive = 1
    """Over the same runs."""
    max_grad_norm: Share = 1.0
    max_tokens: Positive = 16384
    """Of a run, prompt included; a longer one is not trained on."""
    mask_cut: bool = True
    """A run whose last reply was cut off is not trained on."""
    gradient_checkpointing: bool = False
    """Less memory, a third more time."""

    def rule(self) -> Algorithm:
        """The algorithm, with the clips of the file."""
        named = ALGORITHMS[self.algorithm]
        low = named.clip_low if self.clip_low is None else self.clip_low
        high = named.clip_high if self.clip_high is None else self.clip_high
        return Algorithm(named.loss, named.ratio, low, high)


class Lora(Sheet):
    """An adapter in place of all weights."""

    rank: Positive = 16
    alpha: Share = 32.0
    targets: list[str] | Literal["all-linear"] = "all-linear"


class Training(Sheet):
    """A whole training file."""

    model: Annotated[str, Field(min_length=1)]
    """A folder, a hub id, or `smollm2`."""
    out: Path
    """Folder of the run: checkpoints, and `log.jsonl` with a line a step."""
    preset: str = "sleuth"
    """The reward: a name of `rl.preset`, or a TOML file of your own."""
    data: str = "drawn,level=1,count=64"
    """A recipe of composed videos, or a folder that `evals.composed` wrote."""
    steps: Positive = 100
    generations: Annotated[int, Field(ge=2)] = 8
    """Runs of each question: a group."""
    questions: Positive = 1
    """A step."""
    rows_at_once: Positive = 1
    """Through the model, forth and back."""
    seed: Annotated[int, Field(ge=0)] = 0
    save_every: Positive = 50
    """Steps between two checkpoints; there is always one at the end."""
    keep: Positive | None = 2
    """Checkpoints; None keeps all."""
    play: Play = Play()
    update: Update = Update()
    lora: Lora | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> "Training":
        if (self.questions * self.generations) % self.rows_at_once:
            raise ValueError(
                f"questions x generations = {self.questions * self.generations} rows a step can't be put through the "
                f"model {self.rows_at_once} at once: rows_at_once must divide them"
            )
        return self

    def game(self, policy: Policy) -> Game:
        """How `evals.run` would play it."""
        play = self.play
        return Game(policy, play.limits(), mode=play.mode, verify=play.verify, encoder=play.encoder)


def read_training(path: Path) -> Training:
    """The training in a TOML file.

    Raises:
        ValueError: it is not TOML, has an unknown key or does not hang together; says where.
        FileNotFoundError: there is no such file.
    """
    try:
        return Training.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ValueError(f"{path}: {where}: {first['msg']}") from error
