"""What a training file may say, checked before anything is loaded: unknown keys are refused.

`rl/configs/smoke.toml` shows the shape of it. The defaults are those of small runs, not of any paper:
`rl.rewards.preset` knows what each preset was published with.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from agent.loop.modes import Mode
from agent.policy import Policy, PolicyOptions
from agent.trajectory import Limits, Trajectory
from evals.runner.runner import RunSettings
from rl.monitor.alarms import Alarms
from rl.objective import algorithms
from rl.objective.algorithms import ALGORITHMS, Algorithm
from rl.rewards.groups import Credit, check_preset
from rl.rewards.preset import Preset
from rl.rewards.preset_file import Turns
from rl.toml_config import TomlConfig, read_sheet

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class PlayOptions(PolicyOptions):
    """How the policy in training is asked."""

    shared_turns: int = 0
    """So many first turns have one seed for all runs of a question."""

    def seed_of(self, trajectory: Trajectory) -> int:
        """The seed of the next request of a run: that of all runs of the question, until they part."""
        return super().seed_of(trajectory) if trajectory.turns >= self.shared_turns else self.seed


class Play(TomlConfig):
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
    is_half: bool = False
    """A copy in bfloat16 plays: twice as fast on a CPU with avx512_bf16, and its rounding is not in the loss."""
    shared_turns: Annotated[int, Field(ge=0)] = 0
    """So many first turns are drawn once for all runs of a question, which part then: they cost what one run costs,
    and are worth the same to all. For a policy that is sure of how it begins."""
    concurrency: Positive = 8
    """Runs at the same time, and requests in one call of the model."""

    def options(self, seed: int) -> PlayOptions:
        """How the model is asked."""
        return PlayOptions(
            temperature=self.temperature,
            seed=seed,
            max_reply_tokens=self.max_reply_tokens,
            max_frame_pixels=self.max_frame_pixels,
            concurrency=self.concurrency,
            shared_turns=self.shared_turns,
        )

    def limits(self) -> Limits:
        """Where a run ends."""
        return Limits(max_turns=self.max_turns, max_frames=self.max_frames, max_malformed=self.max_malformed)


class UpdateConfig(TomlConfig):
    """How the policy changes."""

    algorithm: algorithms.Name = "dapo"
    clip_low: Share | None = None
    clip_high: Share | None = None
    """None takes the algorithm's own."""
    turns: Turns | None = None
    """How turns share the advantage of a run: `alike`, `taura`, `steps`; None as the preset says."""
    easy_weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Of a group that answers right throughout; one that is wrong throughout weighs 1, those between lie on a line."""
    kl: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Weight of the divergence from the model as it was; above 0 a second copy is held, but for LoRA."""
    precision: Literal["float32", "bfloat16"] | None = None
    """Of the products; None is bfloat16 on CUDA. On a CPU with avx512_bf16 it is several times as fast too."""
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

    def rule(self, loss: Literal["clipped", "regression"] = "clipped") -> Algorithm:
        """The algorithm, with the clips of the file; where a preset regresses, that of Reg-GRPO."""
        named = ALGORITHMS["reg_grpo" if loss == "regression" else self.algorithm]
        low = named.clip_low if self.clip_low is None else self.clip_low
        high = named.clip_high if self.clip_high is None else self.clip_high
        return Algorithm(named.loss, named.ratio, low, high)

    def credit(self, preset: Preset) -> Credit:
        """How the worth of runs becomes a push."""
        return Credit(self.turns or preset.recipe.group.turns, self.easy_weight)


class Sampling(TomlConfig):
    """What stands in for a group whose runs are all worth the same, which pushes nothing."""

    tries: Annotated[int, Field(ge=0)] = 0
    """How often other questions are asked in place of such groups, as DAPO does; each try plays as many groups anew."""
    replay_groups: Annotated[int, Field(ge=0)] = 0
    """Earlier groups that are kept, with their pictures, to come back in place of such groups, as in TimeSearch-R."""
    replay_steps: Positive = 8
    """A group that is older does not come back."""
    shuffled_runs: Positive | None = None
    """Of each question on shuffled frames, for a preset that compares with them; None takes as many as were published,
    or half a group."""


class Lora(TomlConfig):
    """An adapter in place of all weights."""

    rank: Positive = 16
    alpha: Share = 32.0
    start: str = ""
    """Folder of an adapter to go on with, as `rl.sft` writes it; rank, alpha and targets are then its own."""
    targets: list[str] | Literal["all-linear"] = "all-linear"


class EngineConfig(TomlConfig):
    """Who generates the tokens of a run."""

    name: Literal["transformers", "vllm", "vllm-server"] = "transformers"
    """The model in training itself; vLLM beside it on the same GPU; or a vLLM server, on any machine."""
    url: str = ""
    """Of the server, as in http://127.0.0.1:8000; `rl.sampling.vllm_server` says how it is started."""
    memory_share: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """Of the GPU that vLLM takes where it is beside the model in training."""
    correction: Literal["sequence_mask", "sequence_truncate", "token_mask", "token_truncate"] = "sequence_mask"
    """Of the loss, by how much likelier a run, or a token, is for the model than for the engine that drew it: what is
    likelier than the limit does not count (`mask`), or counts as the limit (`truncate`); the words are TRL's."""
    correction_limit: Share = 3.0

    @model_validator(mode="after")
    def _has_a_server(self) -> "EngineConfig":
        if (self.name == "vllm-server") != bool(self.url):
            raise ValueError("a vllm-server has a url, and no other engine has one")
        return self


class Training(TomlConfig):
    """A whole training file."""

    model: Annotated[str, Field(min_length=1)]
    """A folder, a hub id, or `smollm2`."""
    out: Path
    """Folder of the run: checkpoints, and `log.jsonl` with a line a step."""
    preset: str = "sleuth"
    """The reward: a name of `rl.rewards.preset`, or a TOML file of your own."""
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
    keep_runs: bool = False
    """Whether all runs are written too, to `runs-0/trajectories.jsonl` of the folder, as `rl.verify` reads them."""
    play: Play = Play()
    update: UpdateConfig = UpdateConfig()
    sampling: Sampling = Sampling()
    lora: Lora | None = None
    engine: EngineConfig = EngineConfig()
    alarms: Alarms = Alarms()

    @model_validator(mode="after")
    def _hangs_together(self) -> "Training":
        if (self.questions * self.generations) % self.rows_at_once:
            raise ValueError(
                f"questions x generations = {self.questions * self.generations} rows a step can't be put through the "
                f"model {self.rows_at_once} at once: rows_at_once must divide them"
            )
        if self.play.shared_turns >= self.play.max_turns:
            raise ValueError(
                f"shared_turns = {self.play.shared_turns} of max_turns = {self.play.max_turns}: the runs would "
                "never part"
            )
        if self.play.is_half and self.engine.name != "transformers":
            raise ValueError(f"is_half is of the model in training, and {self.engine.name} plays: leave it out")
        if self.save_every % self.update.passes:
            raise ValueError(
                f"save_every = {self.save_every} cuts through the {self.update.passes} passes over the same runs, "
                "which are not in a checkpoint: make it a multiple of them"
            )
        return self

    def check(self, preset: Preset) -> None:
        """ValueError where this preset can't be trained so."""
        credit, update = self.update.credit(preset), self.update
        check_preset(preset, credit)
        regresses = preset.recipe.group.loss == "regression"
        if regresses and "algorithm" in update.model_fields_set and update.algorithm != "reg_grpo":
            raise ValueError(
                f"{preset.name} predicts advantages where {update.algorithm} clips: leave `algorithm` out, or make a "
                "preset of your own that says nothing of a loss"
            )
        if update.rule(preset.recipe.group.loss).loss == "regression" and credit.turns != "alike":
            raise ValueError(f'reg_grpo predicts one advantage for each run, so turns = "{credit.turns}" does not fit')

    def game(self, policy: Policy) -> RunSettings:
        """How `evals.run` would play it."""
        play = self.play
        return RunSettings(policy, play.limits(), mode=play.mode, verify=play.verify, encoder=play.encoder)


def read_training(path: Path) -> Training:
    """The training in a TOML file.

    Raises:
        ValueError: it is not TOML, has an unknown key or does not hang together; says where.
        FileNotFoundError: there is no such file.
    """
    return read_sheet(path, Training)
