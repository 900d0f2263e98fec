"""The findings of a trajectory, as cited findings and lines for the rules, and as evidence for answers."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.policies.lite_rules.lines import FoundLine
from agent.trajectory import Evidence, ToolCall, Trajectory
from tools.observation import UNREADABLE, Finding, FindingKind, FrameRef


@dataclass(frozen=True)
class CitedFinding:
    """A finding with the call that brought it and the frames shown with it."""

    finding: Finding
    call: ToolCall
    frames: tuple[FrameRef, ...]


def iterate_findings(
    trajectory: Trajectory, kind: FindingKind | None = None, tool: str | None = None
) -> Iterator[CitedFinding]:
    """The findings of a trajectory in order, repeated calls left out.

    Args:
        trajectory: the trajectory.
        kind: kind of finding; None for all.
        tool: tool that brought it; None for all.
    """
    calls = {call.id: call for call in trajectory.calls}
    for result in trajectory.results:
        call = calls[result.call_id]
        if result.repeat_of is not None or (tool is not None and call.name != tool):
            continue
        for finding in result.observation.findings:
            if kind is None or finding.kind == kind:
                yield CitedFinding(finding, call, result.observation.frames)


def list_moments(trajectory: Trajectory) -> list[float]:
    """The seconds at which the picture fits a search, the best first."""
    found = sorted(iterate_findings(trajectory, "moment"), key=lambda note: -(note.finding.score or 0.0))
    return [note.finding.start_seconds for note in found]


def is_called(trajectory: Trajectory, tool: str) -> bool:
    """Whether a tool has been called."""
    return any(call.name == tool for call in trajectory.calls)


def collect_text_lines(trajectory: Trajectory, tool: str | None = None, *, doubtful: bool = False) -> list[FoundLine]:
    """The lines of screen text in a trajectory, in time order.

    A line read again within a longer reading of it counts once, as the longer one.

    Args:
        trajectory: the trajectory.
        tool: tool that read the text; None for all.
        doubtful: whether lines that may be misread are given too.
    """
    found = iterate_findings(trajectory, "text", tool)
    lines = [_make_text_line(n) for n in found if not n.finding.doubt or (doubtful and n.finding.doubt != UNREADABLE)]
    lines.sort(key=lambda line: line.start_seconds - line.stop_seconds)
    kept: list[FoundLine] = []
    for line in lines:
        if not any(k.text == line.text and k.start_seconds <= line.start_seconds < k.stop_seconds for k in kept):
            kept.append(line)
    return sorted(kept, key=lambda line: line.start_seconds)


def _make_text_line(note: CitedFinding) -> FoundLine:
    finding = note.finding
    start, stop, score = finding.start_seconds, finding.stop_seconds, finding.score or 0.0
    return FoundLine(finding.text, start, stop, False, note.call.id, score, finding.box, bool(finding.doubt))


def collect_speech_lines(trajectory: Trajectory) -> list[FoundLine]:
    """The lines of speech in a trajectory that are not doubtful, in time order."""
    found: dict[tuple[str, float], FoundLine] = {}
    for note in iterate_findings(trajectory, "speech"):
        finding = note.finding
        if not finding.doubt:
            line = FoundLine(
                finding.text, finding.start_seconds, finding.stop_seconds, True, note.call.id, finding.score or 1.0
            )
            found.setdefault((line.text, round(line.start_seconds, 1)), line)
    return sorted(found.values(), key=lambda line: line.start_seconds)


def make_line_evidence(trajectory: Trajectory, line: FoundLine, remark: str = "") -> Evidence:
    """A quoted line as evidence.

    Args:
        trajectory: the trajectory, which has the frames.
        line: the line.
        remark: note of the evidence.
    """
    frames = () if line.spoken else _find_frames(trajectory, line.start_seconds, line.stop_seconds)
    return Evidence(
        line.start_seconds,
        line.stop_seconds,
        (line.call_id,),
        frames[:1],
        line.text,
        "speech" if line.spoken else "screen text",
        remark,
        line.box,
    )


def make_finding_evidence(note: CitedFinding, remark: str = "") -> Evidence:
    """A finding in the picture as evidence."""
    finding = note.finding
    frames = tuple(f for f in note.frames if finding.start_seconds <= f.seconds < finding.stop_seconds + 1e-6)
    return Evidence(
        finding.start_seconds, finding.stop_seconds, (note.call.id,), frames[:1], note=remark, box=finding.box
    )


def _find_frames(trajectory: Trajectory, start: float, stop: float) -> tuple[FrameRef, ...]:
    return tuple(frame for frame in trajectory.frames_seen if start <= frame.seconds <= stop)
