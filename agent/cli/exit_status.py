"""Output files, JSON and exit status of a finished trajectory, for all commands."""

import argparse
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from agent.ending import BUG, EXIT_BUG, EXIT_CANNOT_TELL, EXIT_INTERRUPTED, EXIT_NO_ANSWER, EXIT_POLICY_FAILED
from agent.outputs import write_output
from agent.terminal import json_text
from agent.trajectory import Stop, Trajectory, Verification, to_json
from tools.observation import FrameRef


def write_files(
    options: argparse.Namespace, trajectory: Trajectory, picture: Callable[[FrameRef], bytes | None], progress: Console
) -> None:
    """Writes the trajectory that `--save` and the page that `--report` asks for.

    Args:
        options: the parsed `save` and `report`.
        trajectory: the finished trajectory.
        picture: gives the JPEG behind a reference; None where there is none.
        progress: console for the place of the report.
    """
    from agent.report.html import write_report

    if options.save:
        write_output(options.save, to_json(trajectory, indent=1) + "\n")
    if options.report:
        write_report(trajectory, Path(options.report), picture)
        progress.print(escape(f"the report is in {options.report}"), style="dim", highlight=False, soft_wrap=True)


def exit_status(trajectory: Trajectory, progress: Console) -> int:
    """The exit status that a trajectory stands for; what went wrong is printed."""
    if trajectory.stop is Stop.CRASHED:
        progress.print(trajectory.error, style="red", highlight=False, markup=False, soft_wrap=True)
        progress.print(f"agent: {BUG}", style="red", highlight=False, soft_wrap=True)
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
    """The answer of a trajectory as one JSON object: what `--json` prints."""
    from agent.coverage import coverage_of
    from agent.report.json_output import Spent

    answer = trajectory.answer
    summary = {
        "answer": answer.text if answer is not None else None,
        "option": answer.option if answer is not None else None,
        "not_shown": answer.not_shown if answer is not None else None,
        "cannot_tell": answer.cannot_tell if answer is not None else None,
        "gaps": trajectory.gaps,
        "confidence": trajectory.confidence,
        "evidence": [asdict(item) for item in answer.evidence] if answer is not None else [],
        "claims": [asdict(claim) for claim in answer.claims] if answer is not None else [],
        "verification": _look_data(trajectory.verification),
        "doubted": _look_data(trajectory.doubted),
        "coverage": coverage_of(trajectory).as_data(),
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
    return json_text(summary)


def _look_data(look: Verification | None) -> dict[str, Any] | None:
    """A verification as plain data, without its turns, which are in the saved trajectory."""
    return asdict(replace(look, steps=())) if look is not None else None
