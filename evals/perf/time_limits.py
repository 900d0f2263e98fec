"""What time limits do to a question about a new video: `python -m evals.perf.time_limits VIDEO "QUESTION"`.

Every limit gets a process and an empty cache of its own. What was taken is the whole command, from the start of Python
to the end of the process, so that imports count as well.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from agent.ending import end_process
from tools.plain_data import loads_json

LIMITS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)


@dataclass(frozen=True)
class Taken:
    """Time and answer of one run under a limit."""

    limit_seconds: float
    seconds: float
    """Wall-clock time of the whole process."""
    inside_seconds: float | None
    """Time as the run itself counted it; None if it gave no result."""
    answer: str
    stop: str
    gaps: int
    """Number of sentences that say what was not looked at."""

    @property
    def line(self) -> str:
        """The row of the table as Markdown."""
        inside = "not known" if self.inside_seconds is None else f"{self.inside_seconds:.1f}"
        told = " ".join(self.answer.split()).replace("|", "\\|")
        return f"| {self.limit_seconds:g} | {self.seconds:.1f} | {inside} | {told} | {self.stop} | {self.gaps} |"


def measure_limit(video: str, question: str, limit_seconds: float, options: Sequence[str] = ()) -> Taken:
    """Asks once about a video, with an empty cache.

    Args:
        video: path of the video.
        question: the question.
        limit_seconds: time limit of the question.
        options: further options of `agent ask`.
    """
    command = [sys.executable, "-m", "agent.cli", "ask", video, question, "--json", *options]
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"VIDEOSLEUTH_CACHE": cache}
        begun = time.perf_counter()
        done = subprocess.run(
            [*command, "--max-seconds", str(limit_seconds)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - begun
    if not done.stdout.strip():
        last = done.stderr.strip().splitlines()[-1:] or [""]
        return Taken(limit_seconds, seconds, None, f"no result: {last[0]}", "", 0)
    summary = loads_json(done.stdout)
    answer = summary["answer"] if summary["answer"] is not None else "no answer"
    confidence = "" if summary["confidence"] is None else f" ({summary['confidence']:.2f})"
    return Taken(
        limit_seconds,
        seconds,
        summary["usage"]["seconds"],
        answer + confidence,
        summary["stop"],
        len(summary["gaps"]),
    )


def main(arguments: Sequence[str] | None = None) -> list[Taken]:
    """Measures and prints the table; unknown arguments go to `agent ask`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("question")
    parser.add_argument("--limits", default=",".join(f"{limit:g}" for limit in LIMITS), help="seconds, with commas")
    chosen, options = parser.parse_known_args(arguments)
    limits = [float(limit) for limit in chosen.limits.split(",")]
    print("| asked | taken | counted | answer | stopped by | gaps told |\n|---|---|---|---|---|---|", flush=True)
    rows = []
    for limit in limits:
        rows.append(measure_limit(chosen.video, chosen.question, limit, options))
        print(rows[-1].line, flush=True)
    return rows


def _command_line() -> None:
    main()


if __name__ == "__main__":
    end_process("evals.perf.time_limits", _command_line)
