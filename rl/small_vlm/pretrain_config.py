"""The schema of a training file for `python -m rl.small_vlm.pretrain`. Unknown keys are refused."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rl.options.toml_config import TomlConfig

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]


class PretrainSettings(TomlConfig):
    """Options of the vision encoder's pretraining, apart from its folders."""

    steps: Count = 4000
    pictures_a_step: Count = 256
    pictures_at_once: Count = 64
    """Pictures in one batch, as many as memory allows; the step is the same."""
    max_frame_pixels: Count = 224 * 126
    """Pixels of the largest picture, as the model will be shown in runs."""
    crop_pixels: Count = 384 * 288
    """Pixels of the largest crop with needle and tag, as an oracle shows it: print is then as fine as in the video."""
    learning_rate: Rate = 5e-4
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    max_norm: Rate = 1.0
    text_lora_rank: Annotated[int, Field(ge=0)] = 0
    """Rank of an adapter on the text layers, which is merged at the end; 0 leaves them as they are."""
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """Precision of matrix products; weights and sums stay in float32."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that draw scenes; 0 draws them in the training process. A scene takes some milliseconds of a core."""
    save_every: Count = 200
    """Steps between two saved states from which a training resumes."""
    seed: int = 0
    """Seed of the scenes."""


class PretrainConfig(PretrainSettings):
    """Options of the pretraining, with its folders."""

    model: str
    """Folder of the model that `rl.small_vlm.build` wrote."""
    out: Path
    """Folder for the model, `log.jsonl`, and the saved state while it trains."""
