"""Asks the natural questions and counts what was right, honestly not known, and claimed falsely.

    python -m evals.natural.run --clips FOLDER --split development --out answers.jsonl

`--clips` holds the files that the questions name; questions of files that are not there are left out and counted. The
drawn clips need nothing.
"""

import argparse
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from agent.ending import Parser, end_process
from agent.loop.ask import ask
from agent.policies.registry import open_policy
from agent.terminal import format_json
from agent.trajectory import Answer, Question
from evals.natural.clips import open_clip
from evals.runner.patience import PolicyPatience
from evals.statistics.tables import render_table
from tools.plain_data import loads_json, read_plain_lines
from tools.toolbox import Toolbox, make_toolbox, open_toolbox

DRAWN = "own:"
SURE = 0.5
"""Confidence above which a wrong answer counts as a false claim."""

Verdict = Literal["right", "can't tell", "false claim", "wrong, unsure", "no answer"]
VERDICTS: tuple[Verdict, ...] = ("right", "can't tell", "false claim", "wrong, unsure", "no answer")


@dataclass(frozen=True)
class NaturalQuestion:
    """A natural question with the patterns of correct answers."""

    id: str
    clip: str
    language: str
    kind: str
    needs: Literal["text", "speech", "picture", "sound", "facts"]
    question: str
    right: tuple[str, ...]
    absent: bool


def read_questions(split: str) -> list[NaturalQuestion]:
    """Reads the questions of a split, `development` or `heldout`, those of one clip together."""
    rows = read_plain_lines(Path(__file__).with_name(f"{split}.jsonl"))
    return [TypeAdapter(NaturalQuestion).validate_python(loads_json(row)) for _, row in rows]


def judge(question: NaturalQuestion, answer: Answer | None, confidence: float | None) -> Verdict:
    """Judges the answer to a question.

    Args:
        question: the question with its patterns.
        answer: the answer; None for none.
        confidence: confidence of the answer, 0..1; None counts as 0.
    """
    if answer is None:
        return "no answer"
    if answer.cannot_tell:
        return "can't tell"
    if answer.not_shown:
        return "right" if question.absent else "false claim"
    if any(re.search(pattern, answer.text, re.IGNORECASE) for pattern in question.right):
        return "right"
    return "false claim" if (confidence or 0.0) > SURE else "wrong, unsure"


@contextmanager
def open_tools(clip: str, folder: Path | None, work: Path) -> Iterator[Toolbox | None]:
    """Opens the tools of a clip; None where its file is not in the folder.

    Args:
        clip: name of the file, or `own:NAME` of a drawn clip.
        folder: folder of the files; None for none.
        work: folder for written subtitles.
    """
    if clip.startswith(DRAWN):
        video, subtitles = open_clip(clip.removeprefix(DRAWN), work)
        with make_toolbox(video, subtitles=subtitles) as toolbox:
            yield toolbox
    elif folder is not None and (folder / clip).is_file():
        with open_toolbox(folder / clip) as toolbox:
            yield toolbox
    else:
        yield None


def main(arguments: list[str] | None = None) -> None:
    """Runs the policy, prints a table by language and by sense, and writes a row an answer."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=None, metavar="FOLDER")
    parser.add_argument("--split", choices=("development", "heldout"), default="development")
    parser.add_argument("--policy", default="lite", metavar="SPEC")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl")
    options = parser.parse_args(arguments)
    asked_of = read_questions(options.split)
    policy, counts, left_out = open_policy(options.policy), Counter[tuple[str, Verdict]](), 0
    patience = PolicyPatience(len(asked_of))
    with options.out.open("w", encoding="utf-8") as out, tempfile.TemporaryDirectory() as work:
        for clip, questions in groupby(asked_of, lambda question: question.clip):
            with open_tools(clip, options.clips, Path(work)) as toolbox:
                for asked in questions:
                    if toolbox is None:
                        left_out += 1
                        continue
                    run = ask(Question(str(toolbox.video.path), asked.question), toolbox, policy)
                    patience.check(run)
                    verdict = judge(asked, run.answer, run.confidence)
                    counts.update((group, verdict) for group in ("all", asked.language, asked.needs))
                    said = None if run.answer is None else run.answer.text
                    row = {"id": asked.id, "verdict": verdict, "answer": said, "confidence": run.confidence}
                    out.write(format_json(row) + "\n")
                    out.flush()
    groups = list(dict.fromkeys(group for group, _ in counts))
    print(render_table(("questions", *VERDICTS), [(g, *(str(counts[g, v]) for v in VERDICTS)) for g in groups]))
    print(f"{left_out} questions left out: their clips are not there" if left_out else "")


if __name__ == "__main__":
    end_process("evals.natural.run", main)
