"""VLMEvalKit plays `lite` on a drawn video: `in_vlmevalkit.py`, in its environment, with the project importable.

The same two questions go through `HarnessAgent` alone, and the harness must have been told the same.
"""

import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evals.bridges.harness import HarnessAgent
from tests.doors.in_lmms_eval import ROWS
from tests.doors.lmms_eval_task.utils import write_prompt
from tests.drawn import write_drawn
from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()

import pandas as pd  # noqa: E402
from vlmeval.config import supported_VLM  # noqa: E402
from vlmeval.dataset.video_base import VideoBaseDataset  # noqa: E402
from vlmeval.inference_video import infer_data_job_video  # noqa: E402

from evals.bridges.vlmevalkit_model import VlmEvalKitModel  # noqa: E402


class Drawn(VideoBaseDataset):
    """The questions as a set of VLMEvalKit that hands over the file itself."""

    TYPE = "Video-MCQ"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__("Drawn")

    def prepare_dataset(self, dataset: str) -> dict[str, str]:
        """Writes the table."""
        write_drawn(self._folder / "drawn.mp4")
        table = self._folder / "drawn.tsv"
        pd.DataFrame([{"video": "drawn", **row} for row in ROWS]).to_csv(table, sep="\t", index=False)
        return {"root": str(self._folder), "data_file": str(table)}

    def build_prompt(self, idx: int, video_llm: bool) -> list[dict[str, str]]:
        """The video, then each line of the prompt, as its own sets put them."""
        assert video_llm
        video = {"type": "video", "value": f"{self.data_root}/drawn.mp4"}
        return [video, *({"type": "text", "value": line} for line in write_prompt(ROWS[idx]).split("\n"))]

    def evaluate(self, eval_file: str, **judge: Any) -> None:
        """Nothing: what was said is compared here."""


def main(folder: Path) -> None:
    supported_VLM["videosleuth"] = partial(VlmEvalKitModel, policy="lite")
    infer_data_job_video(
        "videosleuth", str(folder), "videosleuth", Drawn(folder), result_file=str(folder / "said.tsv"), verbose=True
    )
    told = pd.read_csv(folder / "said.tsv", sep="\t", keep_default_na=False)
    agent = HarnessAgent("lite")
    assert list(told["prediction"]) == [agent.answer(write_prompt(row), folder / "drawn.mp4") for row in ROWS], told
    right = sum(said == row["answer"] for said, row in zip(told["prediction"], ROWS, strict=True))
    print(f"VLMEvalKit {version('ms-vlmeval')}: {right} of {len(ROWS)} right")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch))
