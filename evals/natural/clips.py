"""Drawn clips of the natural questions: cards with words, subtitles in place of a voice, a ball."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.video.generated import GeneratedVideo

_WIDTH, _HEIGHT, _FPS = 640, 360, 10

Card = tuple[float, float, tuple[str, ...]]
"""A page with words as (start, stop, rows), in seconds; between cards the picture is blank."""
Said = tuple[float, float, str]


@dataclass(frozen=True)
class NaturalClip:
    """One drawn clip with its subtitles."""

    seconds: float
    picture: Callable[[float], NDArray[np.uint8]]
    """Function from seconds to a picture, (360, 640, 3) uint8 RGB."""
    said: tuple[Said, ...] = ()


def _draw_page(rows: Sequence[str]) -> NDArray[np.uint8]:
    pixels = np.full((_HEIGHT, _WIDTH, 3), 240, np.uint8)
    for number, row in enumerate(rows):
        place = (_WIDTH // 12, _HEIGHT // 4 + 55 * number)
        cv2.putText(pixels, row, place, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (20, 20, 20), 2, cv2.LINE_AA)
    return pixels


def _make_cards(seconds: float, *cards: Card, said: tuple[Said, ...] = ()) -> NaturalClip:
    pages = [(start, stop, _draw_page(rows)) for start, stop, rows in cards]
    blank = _draw_page(())
    return NaturalClip(seconds, lambda t: next((page for start, stop, page in pages if start <= t < stop), blank), said)


def _draw_ball(seconds: float) -> NDArray[np.uint8]:
    pixels = np.full((_HEIGHT, _WIDTH, 3), 200, np.uint8)
    cv2.circle(pixels, (60 + int(seconds * 60), 180), 40, (220, 30, 30), -1)
    return pixels


CLIPS = {
    "menu": _make_cards(12, (0, 5, ("CAFE LUNA", "OPEN 9-17")), (5, 12, ("SOUP 4.50", "PASTA 9.20", "SALAD 6.80"))),
    "talk": _make_cards(
        14,
        (2, 6, ("Dr. Maria Santos", "Chief Engineer")),
        said=(
            (1, 4, "Good morning. My name is Maria Santos."),
            (5, 8, "The new bridge opens on the third of May."),
            (9, 12, "It cost forty million euros to build."),
        ),
    ),
    "error": _make_cards(10, (0, 4, ("Loading...",)), (4, 10, ("ERROR 404", "Page not found", "Retry in 10 s"))),
    "train": _make_cards(12, (0, 6, ("14:05 LEIPZIG", "PLATFORM 7")), (6, 12, ("14:05 LEIPZIG", "DELAYED 20 MIN"))),
    "cake": _make_cards(
        14,
        (0, 5, ("Apfelkuchen",)),
        (5, 10, ("200 g Zucker", "3 Eier")),
        said=(
            (1, 4, "Heute backen wir einen Apfelkuchen."),
            (5, 8, "Wir brauchen drei Eier und Zucker."),
            (10, 13, "Der Ofen hat 180 Grad, und er backt vierzig Minuten."),
        ),
    ),
    "ball": NaturalClip(8, _draw_ball),
}


def open_clip(name: str, folder: Path) -> tuple[GeneratedVideo, Path | None]:
    """Opens a clip as a video, and writes its subtitles to `folder`; None where nothing is said."""
    clip = CLIPS[name]
    video = GeneratedVideo(clip.picture, name=name, content_hash=f"natural-{name}", seconds=clip.seconds, fps=_FPS)
    if not clip.said:
        return video, None
    subtitles = folder / f"{name}.srt"
    cues = (
        f"{number}\n00:00:{start:06.3f} --> 00:00:{stop:06.3f}\n{text}\n".replace(".", ",", 2)
        for number, (start, stop, text) in enumerate(clip.said, 1)
    )
    subtitles.write_text("\n".join(cues), encoding="utf-8")
    return video, subtitles
