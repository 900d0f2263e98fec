"""What a file for `python -m rl.small_vlm.pretrain` may say. Unknown keys are refused."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rl.toml_config import TomlConfig

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]


class PretrainSettings(TomlConfig):
    """How the eyes are trained, wherever the model lies."""

    steps: Count = 4000
    pictures_a_step: Count = 256
    pictures_at_once: Count = 64
    """As many of them as memory allows; the step is the same."""
    max_frame_pixels: Count = 224 * 126
    """The largest picture: what the model will be shown when it plays."""
    crop_pixels: Count = 384 * 288
    """The same for needle and tag together, as an oracle's crop shows them: print is then as fine as in the video."""
    learning_rate: Rate = 5e-4
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    max_norm: Rate = 1.0
    text_lora_rank: Annotated[int, Field(ge=0)] = 0
    """Of an adapter on the text side, which is merged at the end; 0 leaves the text side as it is."""
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """Of the products; weights and sums stay in float32."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that draw scenes; 0 draws them in between. A scene takes some milliseconds of a core."""
    save_every: Count = 200
    """Steps between two states from which a training that was stopped goes on."""
    seed: int = 0
    """Of the scenes."""


class PretrainConfig(PretrainSettings):
    """One training."""

    model: str
    """A folder, as `rl.small_vlm.build` wrote it."""
    out: Path
    """Folder for the model, `log.jsonl`, and while it is trained its state."""
