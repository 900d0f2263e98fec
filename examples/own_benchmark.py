"""A benchmark of your own, read from its own file format and scored by your own rule.

python examples/own_benchmark.py

Questions in any format you like need none of this: `agent eval run clips --data FOLDER` takes a `questions.jsonl`.
"""

import tempfile
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.catalogue import BENCHMARKS
from evals.benchmarks.item import Item, find_video
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import read_csv_rows
from evals.run import RunConfig, main

CLIP = Path("agent/demo/clip.mp4")
QUESTIONS = """id,video,question,options,right
1,clip,How does the caption describe the bunny?,a slightly overweight bunny|an unlucky bird|a hungry fox,A
"""


def load(folder: Path) -> tuple[Item, ...]:
    items = []
    for row in read_csv_rows(folder / "questions.csv"):
        options = tuple(row.text("options").split("|"))
        right = row.letter("right", len(options))  # what is damaged is named by file, row and key
        items.append(
            Item(
                id=row.name("id"),
                kind="choice",
                video=find_video(folder, row.text("video"), row.place),
                cluster=row.text("video"),  # intervals are drawn by this: questions of one video stand or fall together
                text=row.text("question"),
                place=row.place,
                options=options,
                right=right,
                gold=options[right],
            )
        )
    return tuple(items)


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:
    return f"{item.text}\n{options_lines(item)}"


# Beside our strict rule, the one that its authors published: here, the first letter of the text.
score = make_choice_scorer(official=lambda item, said: said[:1])
BENCHMARKS["bunnies"] = Benchmark(load, prompt, spell_letter, score, score_metrics(score), ("strict", "official"))

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "questions.csv").write_text(QUESTIONS, encoding="utf-8")
        (folder / "clip.mp4").write_bytes(CLIP.read_bytes())
        print(main(RunConfig("bunnies", name, folder / "run", policy="lite", verify=False)))
