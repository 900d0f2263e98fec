"""The result of a run: the answer with its evidence, read off the trajectory."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agent.trajectory import Evidence, Stop, Trajectory, Usage, to_json
from tools.observation import FrameRef

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agent.coverage import Coverage
    from agent.report.images import PictureOf

Status = Literal["answered", "not_shown", "cannot_tell", "no_answer", "cancelled", "policy_failed", "crashed"]
_BROKEN: dict[Stop, Status] = {
    Stop.INTERRUPTED: "cancelled",
    Stop.POLICY_FAILED: "policy_failed",
    Stop.CRASHED: "crashed",
}
_PAGE_HEIGHT_PIXELS = 720
"""Height of the report in a notebook; it scrolls."""


@dataclass(frozen=True)
class RunResult:
    """The answer to a question, with the trajectory that led to it.

    `print` of a rich console shows it as the command line does, and a notebook shows the report.
    """

    trajectory: Trajectory
    """Trajectory of the run: what `agent ask --save` writes."""
    open_pictures: Callable[[], AbstractContextManager["PictureOf"]] = field(repr=False, compare=False)
    """Opens the pictures of the video, for as long as the context lasts."""

    @property
    def status(self) -> Status:
        """How the run ended.

        `answered`; `not_shown`, a claim about the video; `cannot_tell`, which claims nothing; `no_answer`, as when a
        limit was reached before there was one; `cancelled`; `policy_failed` or `crashed`, with the reason in `error`.
        """
        if self.trajectory.stop in _BROKEN:
            return _BROKEN[self.trajectory.stop]
        answer = self.trajectory.answer
        if answer is None:
            return "no_answer"
        return "not_shown" if answer.not_shown else "cannot_tell" if answer.cannot_tell else "answered"

    @property
    def text(self) -> str:
        """The answer in words, "not shown in this video" and "I can't tell" included; empty if there is none."""
        answer = self.trajectory.answer
        return answer.text if answer is not None else ""

    @property
    def option(self) -> int | None:
        """Index of the chosen option; None for an open question, or if none was chosen."""
        answer = self.trajectory.answer
        return answer.option if answer is not None else None

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Evidence of the answer: times, frames, boxes, quotes."""
        answer = self.trajectory.answer
        return answer.evidence if answer is not None else ()

    @property
    def confidence(self) -> float | None:
        """How likely the answer is right, 0..1; None where nothing tells."""
        return self.trajectory.confidence

    @property
    def coverage(self) -> "Coverage":
        """Coverage of the video: which seconds were seen, searched, read or heard.

        Raises:
            ValueError: the question is about several videos: see `coverages`.
        """
        from agent.coverage import compute_coverage

        return compute_coverage(self.trajectory)

    @property
    def coverages(self) -> "tuple[Coverage, ...]":
        """Coverage of each video of the question, in their order."""
        from agent.coverage import compute_coverages

        return tuple(compute_coverages(self.trajectory).values())

    @property
    def gaps(self) -> tuple[str, ...]:
        """Parts of the video that could not be looked at, read or heard, a sentence each."""
        return self.trajectory.gaps

    @property
    def usage(self) -> Usage:
        """Cost of the question in all: seconds, tokens, dollars."""
        return self.trajectory.spent

    @property
    def error(self) -> str:
        """Why there is no answer, in words; empty if nothing went wrong."""
        return self.trajectory.error

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference; None where it can't be had, as when the video has gone."""
        with self.open_pictures() as picture:
            return picture(ref)

    def as_data(self) -> dict[str, Any]:
        """The result as plain JSON: what `agent ask --json` prints, with its status and error."""
        from agent.report.json_output import build_output

        return {"status": self.status, "error": self.error} | build_output(self.trajectory)

    def html(self) -> str:
        """The report: one page with the answer, its evidence and every turn, pictures inside."""
        from agent.report.html import render

        with self.open_pictures() as picture:
            return render(self.trajectory, picture)

    def save(self, path: str | Path) -> None:
        """Writes the trajectory, for `agent replay` and `scripted:FILE`.

        Raises:
            OSError: the file can't be written.
        """
        from agent.outputs import write_output

        write_output(path, to_json(self.trajectory, indent=1) + "\n")

    def __str__(self) -> str:
        return self.text

    def __rich__(self) -> "RenderableType":
        from rich.console import Group

        from agent.report.console import format_answer_lines

        return Group(*format_answer_lines(self.trajectory))

    def _repr_html_(self) -> str:
        # an iframe keeps the page's style and script apart from the notebook's
        page = escape(self.html(), quote=True)
        style = f"width:100%;height:{_PAGE_HEIGHT_PIXELS}px;border:0"
        return f'<iframe srcdoc="{page}" sandbox="allow-scripts" style="{style}" title="Video Sleuth"></iframe>'
