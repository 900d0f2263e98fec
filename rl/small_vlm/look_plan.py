"""The schema of a plan for `python -m rl.small_vlm.look_run`, checked as a whole before the first stage."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from agent.policies.local.connectors import ConnectorShape
from agent.policy import PolicyOptions
from rl.finetune.sft_config import SftConfig
from rl.grpo.config import Training
from rl.options.toml_config import TomlConfig
from rl.small_vlm.look_align import AlignSettings

Count = Annotated[int, Field(ge=1)]


class Connector(TomlConfig):
    """Dimensions of the connector, as in `agent.policies.local.connectors.ConnectorShape`."""

    kind: Literal["fusion", "linear"] = ConnectorShape.kind
    width: Count = ConnectorShape.width
    layers: Count = ConnectorShape.layers

    def shape(self) -> ConnectorShape:
        """The dimensions as the builder takes them."""
        return ConnectorShape(**self.model_dump())


class Videos(TomlConfig):
    """Number of videos of each set."""

    lessons: Count = 400
    """Videos of the instructions."""
    expert: Count = 400
    """Videos of the expert's runs."""
    train: Count = 600
    """Videos that are trained on by reward."""
    evaluate: Count = 300
    """Held-out videos, with shapes and clips that were never trained on."""


class Rewarded(TomlConfig):
    """The rounds of rejection sampling between the cold start and the training by reward."""

    rounds: Count = 2
    samples: Count = 1
    """Runs, by the model of the round before, on each video that is trained on by reward."""
    expert: Annotated[int, Field(ge=0)] = 50
    """Runs of the expert at most that are imitated beside those of a round: with its zooms, in the last one without."""
    sft: dict[str, Any] = Field(default_factory=dict)
    """Options of `rl.sft`, except those that the plan sets."""


class LookPlan(TomlConfig):
    """Options of all stages, in the order in which they are done."""

    out: Path
    """Folder with one subfolder for each stage, and `report.md`."""
    language_model: str = "smollm2"
    """`smollm2`, or the folder of a Llama."""
    text_layers: Count | None = None
    """Number of layers of the language model that are kept, the first and the last, which makes it as much cheaper, and
    which it then has to learn to do with; None keeps all."""
    seed: int = 0
    """Seed of the weights and of the training by reward; the videos are the same for all seeds."""
    stages: Path | None = None
    """Folder of another run whose stages before the training by reward are taken, `instructed`, `sft` and `rewarded-*`;
    None makes them here."""
    zoom_share: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Share of the expert's runs on colours that zoom."""
    max_turns: Count = 3
    max_reply_tokens: Count = 96
    """A call with its thought has 72."""
    concurrency: Count = 48
    connector: Connector = Connector()
    videos: Videos = Videos()
    align: AlignSettings = AlignSettings()
    sft: dict[str, Any] = Field(default_factory=dict)
    """Options of `rl.sft`, except those that the plan sets."""
    rewarded: Rewarded = Rewarded()
    train: dict[str, Any] = Field(default_factory=dict)
    """Options of `rl.train`, except those that the plan sets."""
    controls: tuple[str, ...] = ("blind", "no-zoom", "oracle-crop", "wrong-video")
    """Controls that are run beside the unchanged task; pictures of another video are what shuffled features are."""

    @model_validator(mode="after")
    def _hangs_together(self) -> "LookPlan":
        self.imitation()
        self.round_imitation(1)
        self.training()
        return self

    @property
    def before(self) -> Path:
        """Folder of the stages before the training by reward."""
        return self.stages or self.out

    @property
    def instructed(self) -> Path:
        """Folder of the model after its instructions, without the adapter that they have trained."""
        return self.before / "instructed"

    @property
    def instructed_adapter(self) -> Path:
        """Folder of the adapter of the instructions."""
        return self.before / "instructed-adapter"

    @property
    def cold_start(self) -> Path:
        """Folder of the adapter of the cold start."""
        return self.before / "sft"

    def videos_of(self, name: str) -> Path:
        """Folder of a set."""
        return self.out / "videos" / name

    def imitation(self) -> SftConfig:
        """Options of the cold start, which goes on with the adapter of the instructions."""
        return self._imitate(self.sft, self.instructed_adapter, self.before / "expert", self.cold_start)

    def round_imitation(self, number: int) -> SftConfig:
        """Options of the imitation of a round, from 1, which goes on with the adapter of the one before."""
        data = self.before / f"chosen-{number}"
        return self._imitate(self.rewarded.sft, self.round_adapter(number - 1), data, self.round_adapter(number))

    def round_adapter(self, number: int) -> Path:
        """Folder of the adapter of a round, from 1; 0 is the cold start."""
        return self.before / f"rewarded-{number}" if number else self.cold_start

    @property
    def start(self) -> Path:
        """Folder of the adapter that the training by reward begins with."""
        return self.round_adapter(self.rewarded.rounds)

    def _imitate(self, options: dict[str, Any], start: Path, data: Path, out: Path) -> SftConfig:
        told = {"model": str(self.instructed), "start": str(start), "out": out, "data": [data], "tools": ()}
        return SftConfig.model_validate({"train_eyes": False, "precision": "float32"} | options | told)

    def training(self) -> Training:
        """Options of the training by reward, which goes on with the adapter of the last round."""
        play = {
            "max_turns": self.max_turns,
            "max_reply_tokens": self.max_reply_tokens,
            "max_frames": 16,
            "max_malformed": 1,
            "tools": ["overview", "zoom"],
            "concurrency": self.concurrency,
            "encoder": "hashing",
        }
        told = {
            "model": str(self.instructed),
            "out": self.out / "grpo",
            "data": str(self.videos_of("train")),
            "seed": self.seed,
            "lora": {"start": str(self.start)},
        }
        return Training.model_validate(self.train | told | {"play": self.train.get("play", {}) | play})

    def options(self, adapter: Path) -> PolicyOptions:
        """Sampling options of an evaluation: greedy decoding."""
        return PolicyOptions(max_reply_tokens=self.max_reply_tokens, concurrency=self.concurrency, adapter=str(adapter))
