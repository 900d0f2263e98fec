"""lmms-eval plays `lite` on a drawn video: `in_lmms_eval.py`, in its environment, with the project importable.

The same two questions go through `HarnessAgent` alone, and the harness must have been told the same.
"""

import json
import os
import runpy
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from evals.bridges.harness import HarnessAgent
from tests.doors.lmms_eval_task.utils import write_prompt
from tests.drawn import write_drawn
from tools.runtime.model_libraries import prepare_model_libraries

ROOT = Path(__file__).parents[2]
ROWS = (
    {"question": "Which text is shown?", "options": ["EXIT", "GATE 12 OPEN", "CLOSED"], "answer": "B"},
    {"question": "What colour is the frame at 3 seconds?", "options": ["red", "blue", "green"], "answer": "C"},
)


def main(folder: Path) -> None:
    video = str(write_drawn(folder / "drawn.mp4"))
    (folder / "questions.json").write_text(json.dumps([{"video": video, **row} for row in ROWS]), encoding="utf-8")
    options = {
        "--model": "videosleuth",
        "--model_args": "policy=lite",
        "--tasks": "videosleuth_drawn",
        "--include_path": str(ROOT / "tests/doors/lmms_eval_task"),
        "--batch_size": "1",
        "--output_path": "out",
    }
    os.environ |= {"HF_HOME": str(folder / "hub"), "HF_HUB_OFFLINE": "1"}
    sys.argv = ["lmms_eval", *(word for pair in options.items() for word in pair), "--log_samples"]
    os.chdir(folder)
    prepare_model_libraries()
    with suppress(SystemExit):
        runpy.run_module("lmms_eval", run_name="__main__", alter_sys=True)
    (samples,) = (folder / "out").rglob("*_samples_*.jsonl")
    told = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    said = {row["doc_id"]: row["filtered_resps"][0] for row in told}
    agent = HarnessAgent("lite")
    assert said == {n: agent.answer(write_prompt(row), video) for n, row in enumerate(ROWS)}, said
    right = sum(said[number] == row["answer"] for number, row in enumerate(ROWS))
    (results,) = (folder / "out").rglob("*_results.json")
    found = json.loads(results.read_text(encoding="utf-8"))["results"]["videosleuth_drawn"]["exact,none"]
    assert found == right / len(ROWS), found
    print(f"lmms-eval {version('lmms_eval')}: {right} of {len(ROWS)} right")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch))
