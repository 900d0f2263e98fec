"""What the commands have in common once a trajectory has ended: files, JSON, exit status."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from agent.trajectory import Stop, Trajectory, to_json
from tools.observation import FrameRef

EXIT_NO_ANSWER = 1
EXIT_BAD_INPUT = 2
EXIT_CANNOT_TELL = 3
EXIT_POLICY_FAILED = 69
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


def check_writable(path: str | None) -> None:
    """Fails before the work, not after it."""
    if path is not None and not Path(path).absolute().parent.is_dir():
        raise ValueError(f"can't write {path}: {Path(path).absolute().parent} is not a folder")


def write_files(
    options: argparse.Namespace, trajectory: Trajectory, picture: Callable[[FrameRef], bytes | None], progress: Console
) -> None:
    """Writes what `--save` and `--report` ask for."""
    from agent.report import write_report

    if options.save:
        Path(options.save).write_text(to_json(trajectory, indent=1) + "\n", encoding="utf-8")
    if options.report:
        write_report(trajectory, Path(options.report), picture)
        progress.print(f"the report is in {options.report}", style="dim", highlight=False, soft_wrap=True)


def exit_status(trajectory: Trajectory, progress: Console) -> int:
    """The exit status that a trajectory stands for, with what went wrong said on stderr."""
    if trajectory.stop is Stop.CRASHED:
        progress.print(trajectory.error, style="red", highlight=False, markup=False, soft_wrap=True)
        progress.print("agent: this is a bug of ours; the trajectory up to it is kept", style="red")
        return EXIT_BUG
    if trajectory.stop is Stop.POLICY_FAILED:
        progress.print(f"agent: {trajectory.error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return EXIT_POLICY_FAILED
    if trajectory.stop is Stop.INTERRUPTED:
        progress.print("agent: interrupted; go on with --resume", highlight=False)
        return EXIT_INTERRUPTED
    if trajectory.error:  # why a limit left no answer
        progress.print(f"agent: {trajectory.error}", style="red", highlight=False, markup=False, soft_wrap=True)
    if trajectory.answer is None:
        return EXIT_NO_ANSWER
    return EXIT_CANNOT_TELL if trajectory.answer.cannot_tell else 0


def summary_json(trajectory: Trajectory) -> str:
    """The answer as one JSON object: what `--json` prints."""
    from dataclasses import asdict

    from agent.coverage import coverage_of
    from agent.published import Spent

    answer = trajectory.answer
    covered = coverage_of(trajectory)
    summary = {
        "answer": answer.text if answer is not None else None,
        "option": answer.option if answer is not None else None,
        "not_shown": answer.not_shown if answer is not None else None,
        "cannot_tell": answer.cannot_tell if answer is not None else None,
        "gaps": trajectory.gaps,
        "confidence": trajectory.confidence,
        "evidence": [asdict(item) for item in answer.evidence] if answer is not None else [],
        "verification": asdict(trajectory.verification) if trajectory.verification is not None else None,
        "coverage": asdict(covered) | {"looked_share": covered.looked_share, "close_share": covered.close_share},
        "stop": trajectory.stop,
        "votes": trajectory.votes,
        "usage": asdict(Spent.of(trajectory)),
        "estimate": asdict(trajectory.estimate) if trajectory.estimate is not None else None,
        "limits": asdict(trajectory.limits),
        "policy": trajectory.policy,
        "setup": asdict(trajectory.setup) if trajectory.setup is not None else None,
        "video": asdict(trajectory.facts) | {"path": trajectory.question.video},
        "question": asdict(trajectory.question),
    }
    return json.dumps(summary, ensure_ascii=False)
