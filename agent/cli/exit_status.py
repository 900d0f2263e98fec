"""Output files and exit status of a finished trajectory, for all commands."""

import argparse
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from agent.ending import BUG
from agent.exit_codes import EXIT_BUG, EXIT_CANNOT_TELL, EXIT_INTERRUPTED, EXIT_NO_ANSWER, EXIT_POLICY_FAILED
from agent.outputs import write_output
from agent.trajectory import Stop, Trajectory, to_json
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


def report_exit_status(trajectory: Trajectory, progress: Console) -> int:
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
