"""Writes composed videos as MP4 files with a questions file, for `agent ask`, the runner and the demo.

Beside `questions.jsonl`, in the format of `evals.example`, is `known.jsonl` with what that format has no room for:
family, boxes and times of everything that an answer rests on, a line for each question in the same order.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from evals.composed.episode import Episode
from evals.composed.families import Composed
from evals.composed.material import Pixels
from evals.composed.recipe import FPS, Placement

QUESTIONS, KNOWN = "questions.jsonl", "known.jsonl"


def write_mp4(path: Path, picture: Callable[[float], Pixels], seconds: float) -> None:
    """Writes H.264 in MP4, with frame n at exactly n / FPS seconds.

    Args:
        path: the file.
        picture: gives the picture at a time, (H, W, 3) uint8 RGB.
        seconds: length of the video.
    """
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.height, stream.width = picture(0.0).shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast", "g": str(2 * FPS), "threads": "1"}
        for number in range(round(seconds * FPS)):
            frame = av.VideoFrame.from_ndarray(picture(number / FPS), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_episode(folder: Path, episode: Episode) -> None:
    """Writes the video, and appends its lines to both files."""
    video = f"{episode.name}.mp4"
    write_mp4(folder / video, episode.painter.picture, episode.plan.recipe.seconds)
    _append_rows(folder / QUESTIONS, (_row(video, asked) for asked in episode.questions))
    _append_rows(folder / KNOWN, (_known_row(video, episode, asked) for asked in episode.questions))


def _row(video: str, asked: Composed) -> dict[str, Any]:
    return {
        "video": video,
        "question": asked.text,
        "options": asked.options or None,
        "answer": asked.answer,
        "evidence_seconds": asked.evidence_seconds,
        "needs": asked.needs,
    }


def _known_row(video: str, episode: Episode, asked: Composed) -> dict[str, Any]:
    return {
        "video": video,
        "family": asked.family,
        "level": episode.plan.level,
        "split": episode.plan.split,
        "evidence": [_placement_row(placement) for placement in asked.evidence],
        "on_screen": [_placement_row(placement) for placement in episode.plan.recipe.placements],
    }


def _placement_row(placement: Placement) -> dict[str, Any]:
    needle = placement.needle
    return {
        "needle": needle.name,
        "colour": needle.colour,
        "tag": needle.tag,
        "start_seconds": placement.start_seconds,
        "stop_seconds": placement.stop_seconds,
        "box": _round_box(placement.box),
        "tag_box": _round_box(placement.tag_box),
    }


def _round_box(box: Sequence[float]) -> list[float]:
    return [round(part, 5) for part in box]


def _append_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
