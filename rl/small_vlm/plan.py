"""The schema of a plan for `python -m rl.small_vlm.run`, checked as a whole before the first stage."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from agent.policy import PolicyOptions
from agent.trajectory import Limits
from evals.controls.catalogue import CONTROLS
from rl import collect
from rl.finetune.sft_config import SftConfig
from rl.grpo.config import Training
from rl.options.toml_config import TomlConfig, read_toml
from rl.small_vlm.build import Shape
from rl.small_vlm.pretrain_config import PretrainConfig

Count = Annotated[int, Field(ge=1)]


class Build(TomlConfig):
    """Dimensions of the model, as in `rl.small_vlm.build.Shape`."""

    eye_width: Count = Shape.eye_width
    eye_depth: Count = Shape.eye_depth
    eye_heads: Count = Shape.eye_heads
    patch_pixels: Count = Shape.patch_pixels
    text_layers: Count | None = None

    def shape(self) -> Shape:
        """The dimensions as the builder takes them."""
        return Shape(**self.model_dump())


class Naming(TomlConfig):
    """Options of the naming test (`rl.small_vlm.naming`)."""

    scenes: Count = 500


class ExpertSettings(TomlConfig):
    """Options of the expert's runs, which are imitated."""

    questions: Count = 4000
    level: Annotated[int, Field(ge=1, le=5)] = 1
    seed: int = 0
    concurrency: Count = 4


class Evaluation(TomlConfig):
    """Options of the evaluation after each training."""

    data: str = "drawn,level=1,count=100,seed=11,split=heldout"
    controls: tuple[str, ...] = ("blind", "no-zoom", "oracle-crop")
    """Controls that are run beside the unchanged task."""

    @field_validator("controls")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(names) - set(CONTROLS):
            raise ValueError(f"no controls {', '.join(sorted(unknown))}: there are {', '.join(CONTROLS)}")
        return names


class StagePlan(TomlConfig):
    """Options of all stages, in the order in which they are done."""

    out: Path
    """Folder with one subfolder for each stage, and `report.md`."""
    max_frame_pixels: Count = 224 * 126
    """Pixels of the largest picture in every stage: print on a tag is then 4 pixels high on a whole frame and 13 in a
    zoom."""
    crop_pixels: Count = 384 * 288
    """Pixels of the largest oracle crop, which shows needle and tag together and is never shown by a tool."""
    max_turns: Count = 6
    max_reply_tokens: Count = 256
    concurrency: Count = 16
    """Runs at the same time."""
    build: Build = Build()
    pretrain: dict[str, Any] = Field(default_factory=dict)
    """Options of `rl.small_vlm.pretrain`, except those that the plan sets."""
    naming: Naming = Naming()
    expert: ExpertSettings = ExpertSettings()
    sft: dict[str, Any] = Field(default_factory=dict)
    """Options of `rl.sft`, except those that the plan sets."""
    train: dict[str, Any] = Field(default_factory=dict)
    """Options of `rl.train`, except those that the plan sets."""
    evaluate: Evaluation = Evaluation()

    @model_validator(mode="after")
    def _hangs_together(self) -> "StagePlan":
        for made in (self.pretraining, self.imitation, self.training):
            made()
        return self

    @property
    def built(self) -> Path:
        """Folder of the model before any training."""
        return self.out / "built"

    @property
    def expert_run(self) -> Path:
        """Folder of the runs that are imitated."""
        return self.out / "expert"

    def pretraining(self) -> PretrainConfig:
        """Options of the vision encoder's pretraining."""
        told: dict[str, Any] = {"model": str(self.built), "out": self.out / "eyes"}
        told |= {"max_frame_pixels": self.max_frame_pixels, "crop_pixels": self.crop_pixels}
        return PretrainConfig.model_validate(self.pretrain | told)

    def collecting(self) -> collect.CollectConfig:
        """Options of collecting the expert's runs, with the limits of training and evaluation, initial looks
        included."""
        expert = self.expert
        return collect.CollectConfig(
            self.expert_run,
            questions=expert.questions,
            seed=expert.seed,
            level=expert.level,
            view="pictures",
            opening=True,
            concurrency=expert.concurrency,
            max_turns=self.max_turns,
        )

    def imitation(self) -> SftConfig:
        """Options of the cold start: SFT of all weights, vision and text."""
        told = {
            "model": str(self.pretraining().out),
            "out": self.out / "sft",
            "data": [self.expert_run],
            "tools": (),
            "lora_rank": 0,
            "max_frame_pixels": self.max_frame_pixels,
        }
        return SftConfig.model_validate({"max_tokens": 8192} | self.sft | told)

    def training(self) -> Training:
        """Options of the GRPO training, which follows the cold start."""
        play = {
            "max_turns": self.max_turns,
            "max_reply_tokens": self.max_reply_tokens,
            "max_frame_pixels": self.max_frame_pixels,
            "concurrency": self.concurrency,
            "encoder": "hashing",
        }
        told = {"model": str(self.imitation().out), "out": self.out / "grpo"}
        return Training.model_validate(self.train | told | {"play": self.train.get("play", {}) | play})

    def limits(self) -> Limits:
        """The limits at which a run ends."""
        return self.training().play.limits()

    def options(self, adapter: str, max_frame_pixels: int) -> PolicyOptions:
        """Sampling options of an evaluation: greedy decoding."""
        return PolicyOptions(
            max_reply_tokens=self.max_reply_tokens,
            max_frame_pixels=max_frame_pixels,
            concurrency=self.concurrency,
            adapter=adapter,
        )


def read_plan(path: Path) -> StagePlan:
    """Reads and checks a plan (TOML); paths in it are relative to the working directory.

    Raises:
        ValueError: the file can't be read, or its values contradict each other; says why.
        FileNotFoundError: there is no such file.
    """
    return read_toml(path, StagePlan)
