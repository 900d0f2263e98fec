"""Where a run has zoomed: whether a zoom showed the needle, and the counts of a whole evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.trajectory import Result, Trajectory
from evals.controls.subject import ControlSubject
from evals.datasets.clips import ExampleSet
from evals.example import Example
from evals.scoring.scoring import score
from evals.statistics.stats import wilson
from rl.small_vlm.look_set import LARGE, SMALL
from tools.observation import FrameRef

LARGEST = 0.13
"""Share of the picture that a zoom shows at most, about a part of it: larger views come near without being aimed."""


@dataclass(frozen=True)
class ZoomCounts:
    """Counts over the runs of needles of one size."""

    size: str
    runs: int
    right: int
    zoomed: int
    hit: int
    """Runs with a zoom that showed the needle."""


def list_known(asked_of: ExampleSet) -> tuple[dict[str, ControlSubject], Mapping[str, Example]]:
    """Evidence and answers of a set by the id of the question."""
    return {entry.id: entry.subject for entry in asked_of.asking.entries}, asked_of.examples()


def find_zooms(trajectory: Trajectory) -> list[Result]:
    """The results of zooms that worked."""
    zooms = {call.id for call in trajectory.calls if call.name == "zoom"}
    return [one for one in trajectory.results if one.call_id in zooms and not one.observation.is_error]


def is_hit(trajectory: Trajectory, subject: ControlSubject) -> bool:
    """Whether some zoom showed the middle of the evidence while it was on screen, and no more than about a part."""
    frames = [frame for result in find_zooms(trajectory) for frame in result.observation.frames]
    return any(_shows(frame, subject) for frame in frames)


def _shows(frame: FrameRef, subject: ControlSubject) -> bool:
    left, top, right, bottom = frame.box
    if (right - left) * (bottom - top) > LARGEST:
        return False
    for shown in subject.evidence or ():
        if shown.box is not None and shown.start_seconds <= frame.seconds < shown.stop_seconds:
            x, y = (shown.box[0] + shown.box[2]) / 2, (shown.box[1] + shown.box[3]) / 2
            if left <= x < right and top <= y < bottom:
                return True
    return False


def count_zooms(
    runs: Sequence[Trajectory], examples: Mapping[str, Example], subjects: Mapping[str, ControlSubject]
) -> list[ZoomCounts]:
    """Counts of runs by the size of the needle, small ones first, then of all.

    Args:
        runs: the trajectories.
        examples: answers and needs by the id of the question.
        subjects: evidence by the same.
    """
    counts = []
    for size, needs in ((SMALL, {SMALL}), (LARGE, {LARGE}), ("all", {SMALL, LARGE})):
        some = [run for run in runs if needs & set(examples[run.question.id].needs)]
        counts.append(
            ZoomCounts(
                size=size,
                runs=len(some),
                right=sum(score(examples[run.question.id], run).value == 1.0 for run in some),
                zoomed=sum(bool(find_zooms(run)) for run in some),
                hit=sum(is_hit(run, subjects[run.question.id]) for run in some),
            )
        )
    return counts


def render_zooms(rows: Sequence[tuple[str, str, Sequence[ZoomCounts]]]) -> str:
    """Markdown table of (model, control, counts), shares with Wilson's 95 % interval."""
    head = ("model", "control", "needles", "right", "zoomed", "zooms that hit")
    lines = [head, ("---",) * len(head)]
    for model, control, counts in rows:
        for one in counts:
            shares = ((one.right, one.runs), (one.zoomed, one.runs), (one.hit, one.zoomed))
            lines.append((model, control, one.size, *(_share(*share) for share in shares)))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _share(part: int, whole: int) -> str:
    if not whole:
        return "none"
    low, high = wilson(part, whole)
    return f"{part} of {whole} ({100 * part / whole:.0f} %, {100 * low:.0f}-{100 * high:.0f})"
