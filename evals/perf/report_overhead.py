"""Goal: a hundred thousand stored trajectories are scored and reported in under a minute.

    python -m evals.perf.report_overhead

Four runs are made, one of them under a control and one of a model, by varying trajectories of `lite` on the bundled
clip: ids, words, options, times, confidences and costs differ from line to line. Then the command itself is timed, page
and gallery included; the making is not.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.ending import Parser, end_process
from agent.loop.ask import ask
from agent.policies.registry import open_policy
from agent.policy import PolicyOptions
from agent.trajectory import Answer, Limits, Question, Step, Trajectory, Usage, to_json
from evals.datasets.registry import open_set
from evals.example import Example
from evals.runner.manifest import RunManifest, hash_files, make_terms, write_manifest
from evals.runner.run_file import TRAJECTORIES
from tools.toolbox import open_toolbox

TRAJECTORIES_IN_ALL = 100_000
"""Number of trajectories over all runs, as the goal says."""
QUESTIONS_A_VIDEO = 5
"""Questions about each video, which form the clusters of intervals."""
GOAL_SECONDS = 60.0
"""Goal for the time of the report."""

_CLIP = Path(__file__).parent.parent / "agent" / "demo" / "clip.mp4"
_ASKED = (
    Question("", "What colour is the bunny?", ("grey", "white", "red", "blue")),
    Question("", "What happens last?", ("it sleeps", "it runs", "it eats", "it jumps", "nothing")),
    Question("", "How does the caption describe the bunny?"),
)
_NEEDS = ("read_text", "zoom", "temporal_order", "exact_moment", "global")


@dataclass(frozen=True)
class PlannedRun:
    """Options of one stored run to make."""

    name: str
    policy: str
    share_right: float
    control: str | None = None
    is_model: bool = False


RUNS = (
    PlannedRun("lite", "lite", 0.7),
    PlannedRun("blind", "lite", 0.3, "blind"),
    PlannedRun("no-zoom", "lite", 0.6, "no-zoom"),
    PlannedRun("model", "http:model", 0.75, None, True),
)


@dataclass(frozen=True)
class ReportCost:
    """Time, memory and sizes of a report."""

    trajectories: int
    stored_bytes: int
    seconds: float
    """Wall-clock time from the start of Python to its end."""
    cpu_seconds: float
    peak_bytes: int | None
    """Peak memory in bytes; None where the system does not say."""
    page_bytes: int


def measure(count: int = TRAJECTORIES_IN_ALL) -> ReportCost:
    """Makes `count` trajectories and measures the report on them."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        played = play()
        write_questions(folder / "questions.jsonl", count // len(RUNS), played)
        for made in RUNS:
            write_run(folder, made, played)
        page = folder / "report.html"
        command = [sys.executable, "-m", "evals.report", *(str(folder / made.name) for made in RUNS)]
        before, started = os.times(), time.perf_counter()
        peak = _run([*command, "--html", str(page)])
        seconds, after = time.perf_counter() - started, os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        stored = sum((folder / made.name / TRAJECTORIES).stat().st_size for made in RUNS)
        return ReportCost(count // len(RUNS) * len(RUNS), stored, seconds, cpu, peak, page.stat().st_size)


def _run(command: Sequence[str]) -> int | None:
    """Runs a command to its end; gives its peak memory in bytes, None where the system does not say."""
    peak = None
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            # the peak so far; `resource` counts the memory of the parent as the child's
            if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
                peak = int(found[1]) * 1024
            time.sleep(0.1)
    if process.returncode:
        raise RuntimeError(f"the report failed with exit status {process.returncode}")
    return peak


def play() -> tuple[Trajectory, ...]:
    """Runs `lite` on the bundled clip; gives the trajectories."""
    policy = open_policy("lite")
    with open_toolbox(_CLIP) as toolbox:
        toolbox.index.wait_tiled()
        asked = (replace(question, video=str(_CLIP)) for question in _ASKED)
        return tuple(ask(question, toolbox, policy, Limits()) for question in asked)


def write_questions(path: Path, count: int, played: Sequence[Trajectory]) -> None:
    """Writes questions in the format of `clips`, about videos that don't exist.

    Args:
        path: the file.
        count: number of questions.
        played: trajectories whose questions are varied.
    """
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            question = played[number % len(played)].question
            row = {
                "video": f"clip-{number // QUESTIONS_A_VIDEO:05d}.mp4",
                "question": f"{question.text[:-1]} in part {number}?",
                "options": list(question.options) or None,
                "answer": draw.choice(question.options) if question.options else f"grey {draw.randrange(50)}",
                "evidence_seconds": [start := draw.uniform(0, 8), start + 2],
                "needs": draw.sample(_NEEDS, 2),
            }
            file.write(json.dumps(row) + "\n")


def write_run(folder: Path, made: PlannedRun, played: Sequence[Trajectory]) -> None:
    """Writes a run's folder, as `evals.run` leaves it.

    Args:
        folder: folder with the questions, to which the run is added.
        made: options of the run.
        played: trajectories that are varied.
    """
    questions = open_set("clips", str(folder))
    entries, examples = questions.asking.entries, questions.examples()
    out, draw = folder / made.name, random.Random(made.name)
    out.mkdir()
    with (out / TRAJECTORIES).open("w", encoding="utf-8") as file:
        for number, entry in enumerate(entries):
            trajectory = _vary_trajectory(played[number % len(played)], examples[entry.id], made, draw)
            file.write(to_json(trajectory) + "\n")
    under = make_terms(questions.name, entries, made.policy, PolicyOptions(), Limits())
    under = replace(under, control=made.control)
    write_manifest(out, RunManifest(under, str(folder), None, hash_files(questions.files), len(entries), 1, None))


def _vary_trajectory(played: Trajectory, example: Example, made: PlannedRun, draw: random.Random) -> Trajectory:
    *before, last = played.steps
    answer = _vary_answer(played.answer or Answer(""), example, made.share_right, draw)
    steps = tuple(_vary_cost(step, made, draw) for step in before)
    end = replace(last, turn=replace(last.turn, move=answer))
    facts = replace(played.facts, duration_seconds=draw.uniform(5, 4000))
    return replace(
        played, question=example.question, policy=made.policy, facts=facts, steps=(*steps, _vary_cost(end, made, draw))
    )


def _vary_answer(answer: Answer, example: Example, share_right: float, draw: random.Random) -> Answer:
    is_right, options = draw.random() < share_right, example.question.options
    shift = draw.uniform(-2, 2)
    evidence = tuple(
        replace(e, start_seconds=max(0.0, e.start_seconds + shift), stop_seconds=max(0.0, e.stop_seconds + shift))
        for e in answer.evidence
    )
    right = example.option if example.option is not None else 0
    option = (right if is_right else draw.randrange(len(options))) if options else None
    text = options[option] if option is not None else f"grey {draw.randrange(50)}"
    said = text if option is not None or not is_right else example.answer or ""
    confidence = round(draw.uniform(0.4 if is_right else 0.2, 1.0), 3)
    return replace(
        answer, text=said, option=option, confidence=confidence, evidence=evidence, not_shown=draw.random() < 0.03
    )


def _vary_cost(step: Step, made: PlannedRun, draw: random.Random) -> Step:
    seconds = draw.expovariate(1.0)
    usage = Usage(seconds)
    if made.is_model:
        usage = Usage(seconds, draw.randrange(2000, 30000), draw.randrange(50, 900), draw.uniform(0.001, 0.03))
    return replace(step, turn=replace(step.turn, usage=usage))


def main() -> None:
    """Prints the cost beside the goal."""
    cost = measure()
    print("| report of stored trajectories | measured | goal |\n|---|---|---|")
    print(f"| trajectories | {cost.trajectories:,} | 100,000 |")
    print(f"| bytes of each, mean | {cost.stored_bytes / cost.trajectories:,.0f} | |")
    print(f"| seconds, page and gallery included | {cost.seconds:.1f} | < {GOAL_SECONDS:g} |")
    print(f"| CPU seconds | {cost.cpu_seconds:.1f} | |")
    print(f"| peak memory, MB | {'not measured' if cost.peak_bytes is None else f'{cost.peak_bytes / 1e6:.0f}'} | |")
    print(f"| page, MB | {cost.page_bytes / 1e6:.2f} | |")


def _command_line() -> None:
    Parser("python -m evals.perf.report_overhead", description=(__doc__ or "").partition("\n")[0]).parse_args()
    main()


if __name__ == "__main__":
    end_process("evals.perf.report_overhead", _command_line)
