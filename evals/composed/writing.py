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
from evals.composed.sound_tracks import RATE, ComposedSound, HeardQuestion, Sound

QUESTIONS, KNOWN = "questions.jsonl", "known.jsonl"
_BLOCK = 1024
"""Samples that are encoded at once."""


def write_mp4(path: Path, picture: Callable[[float], Pixels], seconds: float, sound: Sound | None = None) -> None:
    """Writes H.264 in MP4, with frame n at exactly n / FPS seconds, and its sound as AAC.

    Args:
        path: the file.
        picture: gives the picture at a time, (H, W, 3) uint8 RGB.
        seconds: length of the video.
        sound: (S,) float32 in -1..1, `RATE` samples a second; None for a video without sound.
    """
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.height, stream.width = picture(0.0).shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast", "g": str(2 * FPS), "threads": "1"}
        audio = None if sound is None else container.add_stream("aac", rate=RATE, layout="mono")
        for number in range(round(seconds * FPS)):
            frame = av.VideoFrame.from_ndarray(picture(number / FPS), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None and sound is not None:
            for first in range(0, len(sound), _BLOCK):
                block = av.AudioFrame.from_ndarray(sound[None, first : first + _BLOCK], format="fltp", layout="mono")
                block.sample_rate, block.pts, block.time_base = RATE, first, Fraction(1, RATE)
                container.mux(audio.encode(block))
            container.mux(audio.encode(None))


def write_episode(folder: Path, episode: Episode, track: ComposedSound | None = None) -> None:
    """Writes the video, and appends the lines of all questions to both files.

    Args:
        folder: folder of the set.
        episode: the video with its questions.
        track: its sound track with more questions; None for a video without sound.
    """
    video = f"{episode.name}.mp4"
    heard = () if track is None else track.questions
    sound = None if track is None else track.sound
    write_mp4(folder / video, episode.painter.picture, episode.plan.recipe.seconds, sound)
    everything: tuple[Composed | HeardQuestion, ...] = (*episode.questions, *heard)
    _append_rows(folder / QUESTIONS, (_row(video, asked) for asked in everything))
    _append_rows(folder / KNOWN, (_known_row(video, episode, asked) for asked in everything))


def _row(video: str, asked: Composed | HeardQuestion) -> dict[str, Any]:
    return {
        "video": video,
        "question": asked.text,
        "options": asked.options or None,
        "answer": asked.answer,
        "evidence_seconds": asked.evidence_seconds,
        "needs": asked.needs,
    }


def _known_row(video: str, episode: Episode, asked: Composed | HeardQuestion) -> dict[str, Any]:
    return {
        "video": video,
        "family": asked.family,
        "level": episode.plan.level,
        "split": episode.plan.split,
        "evidence": [_placement_row(placement) for placement in _seen_evidence(asked)],
        "on_screen": [_placement_row(placement) for placement in episode.plan.recipe.placements],
    }


def _seen_evidence(asked: Composed | HeardQuestion) -> tuple[Placement, ...]:
    """The appearances on which an answer rests: none for what is heard."""
    return asked.evidence if isinstance(asked, Composed) else ()


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
