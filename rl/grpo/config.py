"""The schema of a training file, checked before anything is loaded: unknown keys are refused.

`rl/configs/smoke.toml` is an example. The defaults are those of small runs, not of any paper:
`rl.rewards.preset` knows what each preset was published with.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from agent.ending import suggest_nearest
from agent.loop.modes import Mode
from agent.policies.captioner import check_captioner
from agent.policy import Policy, PolicyOptions
from agent.trajectory import Limits, Trajectory
from evals.runner.runner import RunSettings
from rl.data.game import Game
from rl.monitor.alarms import Alarms
from rl.objective import algorithms
from rl.objective.algorithms import ALGORITHMS, Algorithm
from rl.options.toml_config import TomlConfig, read_toml
from rl.rewards.groups import Credit, check_preset
from rl.rewards.preset import Preset
from rl.rewards.preset_file import Turns
from tools.toolbox import TOOL_NAMES

Tracker = Literal["wandb", "tensorboard", "trackio"]
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class PlayOptions(PolicyOptions):
    """Sampling options of the policy in training, with seeds that the rollouts of a question may share at first."""

    shared_turns: int = 0
    """Number of first turns that have one seed for all rollouts of a question."""

    def seed_of(self, trajectory: Trajectory) -> int:
        """The seed of the next request of a rollout: one for all rollouts of the question in their shared turns."""
        return super().seed_of(trajectory) if trajectory.turns >= self.shared_turns else self.seed


class Play(TomlConfig):
    """How rollouts are sampled, by the words that the options of `evals.run` have."""

    max_turns: Positive = 8
    max_frames: Positive | None = 128
    max_malformed: Positive = 3
    tools: tuple[str, ...] = ()
    """Tools that are offered, as ["overview", "zoom"]; all where none is named."""
    uniform_frames: Positive | None = None
    """Evenly spread frames that are shown before the first turn, with no tools after them: the game of recipes without
    tools. None leaves the tools."""
    mode: Mode | None = None
    verify: bool = False
    """Whether the evidence is looked at again after each answer, for rewards that read it; never trained on."""
    encoder: str | None = None
    """Encoder of the frame index; None takes the default one."""
    temperature: Annotated[float, Field(gt=0, le=2)] = 1.0
    max_reply_tokens: Positive = 512
    max_seconds: Share | None = None
    """Seconds of a rollout, its tools included, after which it ends without an answer; so that one video that hangs
    does not hold up all processes. None is no limit."""
    max_frame_pixels: Positive = 640 * 360
    is_half: bool = False
    """Whether a copy of the policy in bfloat16 samples: twice as fast on a CPU with avx512_bf16; the loss is corrected
    for its rounding as for an engine's, by `engine.correction`."""
    shared_turns: Annotated[int, Field(ge=0)] = 0
    """Number of first turns sampled once for all rollouts of a question: they cost what one rollout costs and have no
    advantage. For a policy that is sure of how it begins."""
    concurrency: Positive = 8
    """Rollouts at the same time, and requests in one batch of the model."""

    def options(self, seed: int) -> PlayOptions:
        """The sampling options of the policy, with this seed."""
        return PlayOptions(
            temperature=self.temperature,
            seed=seed,
            max_reply_tokens=self.max_reply_tokens,
            max_frame_pixels=self.max_frame_pixels,
            concurrency=self.concurrency,
            shared_turns=self.shared_turns,
        )

    @property
    def game(self) -> Game:
        """What a rollout is given of its video."""
        return Game(self.uniform_frames, self.tools)

    @property
    def most_frames(self) -> int | None:
        """The most frames that a rollout is shown; None where only the model's context limits them."""
        return self.max_frames if self.uniform_frames is None else self.uniform_frames

    @model_validator(mode="after")
    def _plays_one_game(self) -> "Play":
        if unknown := [name for name in self.tools if name not in TOOL_NAMES]:
            known = ", ".join(TOOL_NAMES)
            raise ValueError(
                f"there is no tool {unknown[0]!r}{suggest_nearest(unknown[0], TOOL_NAMES)}: known are {known}"
            )
        check_captioner(None, self.mode, Limits())
        if self.uniform_frames is None:
            return self
        if self.tools or self.mode is not None:
            raise ValueError("uniform_frames are shown without tools and by no mode: leave tools and mode out")
        if self.max_frames is not None and self.uniform_frames > self.max_frames:
            raise ValueError(f"uniform_frames = {self.uniform_frames} are more than max_frames = {self.max_frames}")
        return self

    def limits(self) -> Limits:
        """The limits at which a rollout ends."""
        return Limits(
            max_turns=self.max_turns,
            max_frames=self.max_frames,
            max_seconds=self.max_seconds,
            max_malformed=self.max_malformed,
        )


class UpdateConfig(TomlConfig):
    """How the weights of the policy are updated: algorithm, loss and optimiser."""

    algorithm: algorithms.Name = "dapo"
    clip_low: Share | None = None
    clip_high: Share | None = None
    """Upper clip of the probability ratio, above 1; None takes the algorithm's own, as for `clip_low`."""
    turns: Turns | None = None
    """How turns share the advantage of a rollout: `alike`, `taura`, `steps`; None as the preset says."""
    easy_weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Weight of a group that answers right throughout; one that is wrong throughout weighs 1, between is linear."""
    kl: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Weight of the KL divergence from the initial model; above 0 a second copy is held, except with LoRA."""
    precision: Literal["float32", "bfloat16"] | None = None
    """Precision of matrix products; None is bfloat16 on CUDA. bfloat16 is several times as fast on a CPU with
    avx512_bf16 too."""
    learning_rate: Share = 1e-6
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    frozen: tuple[str, ...] = ()
    """Modules that are not trained where all weights are, by a part of their name, as ["visual"] for Qwen-VL's eyes."""
    passes: Positive = 1
    """How often the same rollouts are gone through."""
    minibatches: Positive = 1
    """Updates of one pass: each is made from as large a part of the rollouts, and the ratio of a row is to the
    probabilities that it had before the first of them."""
    max_grad_norm: Share = 1.0
    max_tokens: Positive | None = None
    """Tokens of a rollout, prompt included; a longer one is not trained on. None trains on all that the model can
    read."""
    mask_cut: bool = True
    """Whether a rollout whose last reply was cut off is left out of the loss."""
    gradient_checkpointing: bool = False
    """Whether activations are computed again in the backward pass: less memory, a third more time."""

    def rule(self, loss: Literal["clipped", "regression"] = "clipped") -> Algorithm:
        """The algorithm with the clips of the file; Reg-GRPO's where the loss of the preset is a regression."""
        named = ALGORITHMS["reg_grpo" if loss == "regression" else self.algorithm]
        low = named.clip_low if self.clip_low is None else self.clip_low
        high = named.clip_high if self.clip_high is None else self.clip_high
        return Algorithm(named.loss, named.ratio, low, high)

    def credit(self, preset: Preset) -> Credit:
        """How the rewards of rollouts become advantages of turns."""
        return Credit(self.turns or preset.recipe.group.turns, self.easy_weight)


class Sampling(TomlConfig):
    """What replaces a group with zero reward variance, which has no gradient: other questions, or earlier groups."""

    oversampled: Positive | None = None
    """Questions that are sampled for a step; the `questions` whose rewards differ most are trained on, as in
    PyVision-RL. None samples no more than are trained on."""
    tries: Annotated[int, Field(ge=0)] = 0
    """How often groups with zero variance are replaced by other questions, as in DAPO; a try samples as many groups."""
    replay_groups: Annotated[int, Field(ge=0)] = 0
    """Earlier groups kept, with their pictures, to replace groups with zero variance, as in TimeSearch-R."""
    replay_steps: Positive = 8
    """Age in steps after which a group is not replayed."""
    shuffled_runs: Positive | None = None
    """Rollouts of each question on shuffled frames, for a preset that compares with them; None takes as many as were
    published, or half a group."""


class Lora(TomlConfig):
    """A LoRA adapter that is trained in place of all weights."""

    rank: Positive = 16
    alpha: Share = 32.0
    start: str = ""
    """Folder of an adapter to continue from, as `rl.sft` writes it; rank, alpha and targets are then its own."""
    targets: list[str] | Literal["all-linear"] = "all-linear"


class EngineConfig(TomlConfig):
    """The engine that generates the tokens of a rollout."""

    name: Literal["transformers", "vllm", "vllm-server"] = "transformers"
    """The model in training itself; vLLM beside it on the same GPU; or a vLLM server, on any machine."""
    url: str | tuple[str, ...] = ""
    """Address of the vLLM server, as in http://127.0.0.1:8000; `rl.sampling.vllm_server` says how it is started. A list
    of several shares the rollouts among them, and each stays with its server."""
    ray: str = ""
    """Address of a Ray cluster whose actors play the rollouts, as `ray.init` takes it; `local` starts one here. Its
    machines see the files and the cache under the same paths, and the vLLM servers under theirs."""
    ray_workers: Positive = 2
    """Actors of the cluster, each with one video open and `play.concurrency` rollouts at the same time."""
    one_step_off_policy: bool = False
    """Whether the rollouts of the next step are sampled while this step is trained on, by weights that are one step
    older; `correction` weighs them. Twice the throughput at most, where sampling takes as long as training."""
    memory_share: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """Share of the GPU's memory that vLLM takes where it is beside the model in training."""
    sleeps: bool = False
    """Whether vLLM beside the model in training gives its GPU memory back during the update (vLLM's sleep mode: its
    weights go to the host's memory, caches are emptied), so that `memory_share` may be large. Needs CUDA."""
    correction: Literal["sequence_mask", "sequence_truncate", "token_mask", "token_truncate"] = "token_truncate"
    """Importance-sampling correction of the loss, by the ratio of the model's probability of a rollout, or a token, to
    that of the engine that sampled it: a ratio above the limit does not count (`mask`), or counts as the limit
    (`truncate`); the words are TRL's. The ratio of a whole rollout falls with its length: 0.001 nats a token make 0.22
    of 1,500 tokens."""
    correction_limit: Share = 3.0

    @model_validator(mode="after")
    def _has_a_server(self) -> "EngineConfig":
        if (self.name == "vllm-server") != bool(self.urls) or not all(self.urls):
            raise ValueError("a vllm-server has a url, and no other engine has one")
        if self.ray and not self.urls:
            raise ValueError("ray plays rollouts on machines without weights: take a vllm-server")
        if self.one_step_off_policy and self.name == "transformers":
            raise ValueError("one_step_off_policy samples while the model trains: take an engine of its own")
        if self.sleeps and (self.name != "vllm" or self.one_step_off_policy):
            raise ValueError('sleeps is of name = "vllm", beside a model that waits while it samples: leave it out')
        return self

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses of all servers."""
        return self.url if isinstance(self.url, tuple) else (self.url,) if self.url else ()


class JudgeConfig(TomlConfig):
    """The judge that some rewards ask: another model, asked without a video. Verdicts are kept by what was asked."""

    policy: Annotated[str, Field(min_length=1)]
    """Specification of the judge, in the form that `--policy` takes: `http:MODEL@URL`, `transformers:FOLDER`."""
    max_reply_tokens: Positive = 512
    concurrency: Positive = 8
    """Verdicts asked for at the same time, by each process."""


class EvaluationConfig(TomlConfig):
    """Held-out questions that are played while the training goes on, with the settings of its rollouts."""

    data: Annotated[str, Field(min_length=1)]
    """The questions, in the form of the training's own `data`; none of them may be trained on."""
    every: Positive = 50
    """Steps between two evaluations; there is always one after the last step."""
    count: Positive = 64
    """Questions at most, the first ones."""


class Training(TomlConfig):
    """A training file: model, reward, questions, and how rollouts are sampled and trained on."""

    model: Annotated[str, Field(min_length=1)]
    """Model in training: a folder, a hub id, or `smollm2`."""
    out: Path
    """Folder of the training: checkpoints, and `log.jsonl` with a line a step."""
    preset: str = "sleuth"
    """The reward: a name of `rl.rewards.preset`, or a TOML file of your own."""
    data: str = "drawn,level=1,count=64"
    """Questions to train on: composed videos, a JSONL file of your own, or a published set; see `rl.data.questions`."""
    skip_unplayable: bool = False
    """Whether questions whose video is missing or can't be opened are left out; else they end the training before it
    begins."""
    steps: Positive = 100
    generations: Annotated[int, Field(ge=2)] = 8
    """Rollouts of each question: the size of a group."""
    questions: Positive = 1
    """Questions a step, over all processes."""
    rows_at_once: Positive = 1
    """Rows in one forward and backward pass of a process."""
    seed: Annotated[int, Field(ge=0)] = 0
    save_every: Positive = 50
    """Steps between two checkpoints; there is always one at the end."""
    keep: Positive | None = 2
    """Number of latest checkpoints that are kept; None keeps all."""
    keep_runs: bool = False
    """Whether all rollouts are written too, to `runs-0/trajectories.jsonl` of the folder, as `rl.verify` reads them."""
    play: Play = Play()
    update: UpdateConfig = UpdateConfig()
    sampling: Sampling = Sampling()
    lora: Lora | None = None
    engine: EngineConfig = EngineConfig()
    alarms: Alarms = Alarms()
    judge: JudgeConfig | None = None
    evaluation: EvaluationConfig | None = None
    trackers: tuple[Tracker, ...] | None = None
    """Where curves are sent beside the training's own log: `wandb`, `tensorboard`, `trackio`. None takes tensorboard,
    which writes files into the folder, if it is installed; an empty list takes none."""

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
        if self.update.frozen and self.lora is not None:
            raise ValueError("frozen names modules of a training of all weights; an adapter has `targets`")
        if self.play.is_half and self.engine.name != "transformers":
            raise ValueError(f"is_half is of the model in training, and {self.engine.name} plays: leave it out")
        if self.play.uniform_frames and self.data.startswith("composed") and "view=pictures" not in self.data:
            raise ValueError(f"{self.data!r} shows words alone, and uniform_frames are pictures: add view=pictures")
        if self.questions * self.generations // self.rows_at_once % self.update.minibatches:
            raise ValueError(
                f"{self.questions} questions x {self.generations} generations, {self.rows_at_once} at once, can't be "
                f"shared by {self.update.minibatches} minibatches: make them a divisor"
            )
        if self.sampling.oversampled is not None and self.sampling.oversampled <= self.questions:
            raise ValueError(
                f"oversampled = {self.sampling.oversampled} is no more than the questions = {self.questions} that are "
                "trained on"
            )
        if self.save_every % self.updates_a_batch:
            raise ValueError(
                f"save_every = {self.save_every} cuts through the {_name_updates(self.update)} over the same runs, "
                "which are not in a checkpoint: make it a multiple of them"
            )
        return self

    def check(self, preset: Preset) -> None:
        """Refuses a preset that can't be trained so.

        Raises:
            ValueError: the preset's loss does not fit the algorithm, or how turns share the advantage.
        """
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
        if update.rule(preset.recipe.group.loss).loss == "regression" and update.minibatches > 1:
            raise ValueError("reg_grpo predicts the advantages of whole groups at once: leave minibatches out")
        if update.rule(preset.recipe.group.loss).loss == "regression" and (self.play.is_half or self.is_by_engine):
            raise ValueError(
                "reg_grpo is not corrected for the probabilities of another sampler: generate by transformers, without "
                "is_half"
            )

    @property
    def asked_questions(self) -> int:
        """Number of questions of the whole training; further updates on the same rollouts ask none."""
        return math.ceil(self.steps / self.updates_a_batch) * self.questions

    @property
    def updates_a_batch(self) -> int:
        """Number of updates, each a step, that are made from the same rollouts."""
        return self.update.passes * self.update.minibatches

    @property
    def is_by_engine(self) -> bool:
        """Whether another program than the model in training samples."""
        return self.engine.name != "transformers"

    @property
    def max_sampled_tokens(self) -> int:
        """The most tokens that a rollout can sample."""
        return self.play.max_turns * self.play.max_reply_tokens

    def run_settings(self, policy: Policy) -> RunSettings:
        """The run settings by which `evals.run` would ask this policy."""
        play = self.play
        control = play.game.under()
        return RunSettings(policy, play.limits(), control, mode=play.mode, verify=play.verify, encoder=play.encoder)


def _name_updates(update: UpdateConfig) -> str:
    passes = f"{update.passes} passes"
    return passes if update.minibatches == 1 else f"{passes} of {update.minibatches} minibatches"


def read_training(path: Path) -> Training:
    """Reads and checks a training file (TOML).

    Raises:
        ValueError: the file is not TOML, has an unknown key, or its values contradict each other; says where.
        FileNotFoundError: there is no such file.
    """
    return read_toml(path, Training)
