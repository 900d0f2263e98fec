"""VLMEvalKit asks `lite` two questions of Video-MME: `in_vlmevalkit.py`, in its environment, the project importable.

Its packages import every model and benchmark that they have, which takes dozens of libraries.
Its own code is run here all the same, each part from its file: the base of its models, its loop over a video benchmark,
and Video-MME with prompt and scorer. What is left out is the tables by which it finds both, its `run.py`, and the
download of the videos.
"""

import csv
import os
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

from evals.bridges.harness import HarnessAgent
from tests.drawn import write_drawn
from tools.runtime.model_libraries import prepare_model_libraries

SHOWN = "drawn"
ROWS = (
    ("Which text is shown?", ["A. EXIT", "B. GATE 12 OPEN", "C. CLOSED", "D. ENTRANCE"], "B"),
    ("What colour is the frame at 3 seconds?", ["A. red", "B. blue", "C. green", "D. white"], "C"),
)
GROUPS = {"duration": "short", "domain": "Knowledge", "sub_category": "Technology", "task_type": "OCR Problems"}


def main(folder: Path) -> None:
    (folder / "video").mkdir()
    video = str(write_drawn(folder / "video" / f"{SHOWN}.mp4"))
    write_table(folder / "questions.tsv")
    os.environ |= {"LMUData": str(folder), "PRED_FORMAT": "tsv", "HF_HUB_OFFLINE": "1"}
    prepare_model_libraries()
    leave_out_tables()

    from vlmeval.dataset.videomme import VideoMME  # type: ignore[import-not-found]
    from vlmeval.inference_video import infer_data_job_video  # type: ignore[import-not-found]

    from evals.bridges.vlmevalkit_model import VlmEvalKitModel

    class DrawnVideoMme(VideoMME):  # type: ignore[misc]  # VLMEvalKit is untyped
        def prepare_dataset(self, _name: str) -> dict[str, str]:
            return {"root": str(folder), "data_file": str(folder / "questions.tsv")}

    benchmark = DrawnVideoMme()
    infer_data_job_video(VlmEvalKitModel("lite"), str(folder), "videosleuth", benchmark)
    results = folder / f"videosleuth_{benchmark.dataset_name}.tsv"
    with results.open(encoding="utf-8", newline="") as file:
        said = [row["prediction"] for row in csv.DictReader(file, delimiter="\t")]
    agent = HarnessAgent("lite")
    prompts = [[part["value"] for part in benchmark.build_prompt(n, True) if part["type"] == "text"] for n in (0, 1)]
    assert said == [agent.answer("\n".join(prompt), video) for prompt in prompts], said
    right = sum(letter == answer for letter, (*_, answer) in zip(said, ROWS, strict=True))
    found = benchmark.evaluate(str(results), model="exact_matching")["overall"]["overall"]
    assert float(found) == right / len(ROWS), found
    print(f"VLMEvalKit {version('ms-vlmeval')}: {right} of {len(ROWS)} right")


def write_table(path: Path) -> None:
    """Writes the questions as the table that Video-MME is turned into."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow(["index", "video", "question", "candidates", "answer", *GROUPS])
        for number, (question, options, answer) in enumerate(ROWS):
            table.writerow([number, SHOWN, question, options, answer, *GROUPS.values()])


def leave_out_tables() -> None:
    """Makes the packages that import everything empty, with the two names that the rest asks of them."""
    found = find_spec("vlmeval")
    assert found is not None
    assert found.submodule_search_locations is not None
    (root,) = found.submodule_search_locations
    for name in ("vlmeval", "vlmeval.vlm", "vlmeval.dataset"):
        package = ModuleType(name)
        package.__path__ = [str(Path(root, *name.split(".")[1:]))]
        sys.modules[name] = package
    vars(sys.modules["vlmeval.dataset"])["DATASET_TYPE"] = lambda _: "Video-MCQ"
    sys.modules["vlmeval.config"] = SimpleNamespace(supported_VLM={})  # type: ignore[assignment]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch))
