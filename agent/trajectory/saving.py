"""Trajectories as JSON: what `--save` writes. A file is a stranger's: what is read is checked and bounded."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agent.trajectory.answer import MOST_FRAMES, Answer, collect_evidence
from agent.trajectory.trajectory import Trajectory

_MOST_BYTES = 64 << 20
"""Size of a saved trajectory at most, 64 MiB: bounds the memory that a stranger's file takes."""


_ADAPTER: TypeAdapter[Trajectory] = TypeAdapter(Trajectory)


def to_json(trajectory: Trajectory, indent: int | None = None) -> str:
    """The trajectory as JSON; `from_json` gives it back equal."""
    return _ADAPTER.dump_json(trajectory, indent=indent).decode()


def from_json(text: str | bytes) -> Trajectory:
    """The trajectory that `to_json` wrote; its numbers are in their ranges, and it replays in a bounded time.

    Raises:
        ValueError: the text is no saved trajectory; says where.
    """
    try:
        return _check_parts(_ADAPTER.validate_json(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the top"
        raise ValueError(f"not a saved trajectory: at {where}: {first['msg']}") from error


def load(path: str | Path) -> Trajectory:
    """The trajectory saved in a file.

    Raises:
        ValueError: the file holds none, or is too large for one.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a file: need a saved trajectory")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} holds {path.stat().st_size >> 20} MB: too large for a saved trajectory")
    return from_json(path.read_bytes())


def _check_parts(trajectory: Trajectory) -> Trajectory:
    """The trajectory, unchanged, if its parts go together.

    Raises:
        ValueError: an initial look after a turn, an option or a video that the question does not have, or too many
            frames.
    """
    for run in trajectory.earlier:
        if run.earlier:
            raise ValueError("not a saved trajectory: an earlier question with earlier questions of its own")
        _check_parts(run)
    if len(trajectory.other_facts) != len(trajectory.question.other_videos):
        raise ValueError("not a saved trajectory: not as many videos as properties of videos")
    openings = [step.turn.is_opening for step in trajectory.steps]
    if openings != sorted(openings, reverse=True):
        raise ValueError("not a saved trajectory: an opening look that comes after a turn")
    answers = [step.turn.move for step in trajectory.steps if isinstance(step.turn.move, Answer)]
    answers += [sample.answer for sample in trajectory.samples if sample.answer is not None]
    count = len(trajectory.question.options)
    for answer in answers:
        # scripted turns may be for another question, whose options this one does not carry
        if answer.option is not None and count and not 0 <= answer.option < count:
            raise ValueError(f"not a saved trajectory: option {answer.option:.6g} of {count}")
        if len({frame for item in collect_evidence(answer) for frame in item.frames}) > MOST_FRAMES:
            raise ValueError(f"not a saved trajectory: more than {MOST_FRAMES} frames of evidence")
    evidence = [item for answer in answers for item in collect_evidence(answer)]
    frames = (*trajectory.frames_seen, *(frame for item in evidence for frame in item.frames))
    named = {result.observation.video for result in trajectory.results} | {item.video for item in evidence}
    if unknown := (named | {frame.video for frame in frames}) - {None, *trajectory.facts_by_number}:
        raise ValueError(f"not a saved trajectory: video {unknown.pop()}, which the question does not name")
    return trajectory
