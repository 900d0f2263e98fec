"""Clips with sound tracks of any channels, languages and marks."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.drawn_clips import page

RATE = 16_000


@dataclass(frozen=True, eq=False)
class Track:
    """A sound track to write."""

    sound: NDArray[np.float32]  # (C, S) or (S,), -1..1
    layout: str = "mono"
    language: str = ""
    title: str = ""
    disposition: int = 0
    """Of `av.stream.Disposition`."""
    rate: int = RATE


def tone(seconds: float, hertz: float = 440.0, start: float = 0.0, rate: int = RATE) -> NDArray[np.float32]:
    """(S,) a tone that begins at `start`."""
    at = np.arange(round(seconds * rate)) / rate
    return np.where(at >= start, 0.5 * np.sin(2 * np.pi * hertz * at), 0).astype(np.float32)


def write_tracks(path: Path, tracks: Sequence[Track], seconds: float = 3.0) -> Path:
    """Writes a still page with these sound tracks, as PCM, into a Matroska file."""
    still = page(size=(64, 64))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10, options={"preset": "veryfast", "threads": "1"})
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        streams = []
        for track in tracks:
            stream = container.add_stream("pcm_f32le", rate=track.rate, layout=track.layout)
            stream.metadata.update({key: value for key, value in _tags(track).items() if value})
            stream.disposition = track.disposition
            streams.append(stream)
        for number in range(round(seconds * 10)):
            frame = av.VideoFrame.from_ndarray(still, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for track, stream in zip(tracks, streams, strict=True):
            sound = np.atleast_2d(track.sound)
            for first in range(0, sound.shape[1], 1024):
                samples = np.ascontiguousarray(sound[:, first : first + 1024].T.reshape(1, -1))
                block = av.AudioFrame.from_ndarray(samples, format="flt", layout=track.layout)
                block.sample_rate, block.pts, block.time_base = track.rate, first, Fraction(1, track.rate)
                container.mux(stream.encode(block))
            container.mux(stream.encode(None))
    return path


def _tags(track: Track) -> dict[str, str]:
    return {"language": track.language, "title": track.title}
