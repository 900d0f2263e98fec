"""The sound of a video in blocks that recognition can take, on the clock of its pictures.

Seconds count from the first frame shown, so sound from before it has negative ones. Memory does not grow with the
length of the video. Of a video that was opened up to a time, the sound ends there too.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tools.container import open_container

if TYPE_CHECKING:
    from av.packet import Packet

    from tools.footage import Footage

SAMPLE_RATE = 16_000
BLOCK_SECONDS = 300.0
_CUT_SECONDS = 20.0
"""A block ends where it is quietest in its last seconds, so that no word is cut in two."""
_CLOCK_SLACK_SECONDS = 0.1
"""Containers round their clocks; only a larger hole is silence that must be put back."""
_LONGEST_FILL_SECONDS = 30.0


def audio_blocks(video: "Footage", block_seconds: float = BLOCK_SECONDS) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """(seconds of the first sample, (S,) mono sound at 16 kHz in -1..1) in time order; nothing without sound."""
    pieces: list[NDArray[np.float32]] = []
    start_seconds, length = 0.0, 0
    for seconds, piece in _resampled(video):
        hole = seconds - (start_seconds + length / SAMPLE_RATE)
        if not pieces or hole > _LONGEST_FILL_SECONDS:
            if pieces:
                yield start_seconds, np.concatenate(pieces)
            pieces, start_seconds, length = [], seconds, 0
        elif hole > _CLOCK_SLACK_SECONDS:
            pieces.append(np.zeros(round(hole * SAMPLE_RATE), np.float32))
            length += len(pieces[-1])
        pieces.append(piece)
        length += len(piece)
        if length >= block_seconds * SAMPLE_RATE:
            held = np.concatenate(pieces)
            end = _quiet_cut(held)
            yield start_seconds, held[:end]
            pieces, start_seconds, length = [held[end:]], start_seconds + end / SAMPLE_RATE, len(held) - end
    if length:
        yield start_seconds, np.concatenate(pieces)


def _quiet_cut(sound: NDArray[np.float32]) -> int:
    tail = min(len(sound) // 2, round(_CUT_SECONDS * SAMPLE_RATE))
    return len(sound) - tail + quietest(sound[len(sound) - tail :])


def quietest(sound: NDArray[np.float32], width: int = SAMPLE_RATE // 4) -> int:
    """Index of the middle of the quietest quarter of a second."""
    if len(sound) <= width:
        return len(sound) // 2
    energy = np.cumsum(np.concatenate([[0.0], np.square(sound, dtype=np.float64)]))
    return int(np.argmin(energy[width:] - energy[:-width])) + width // 2


def _resampled(video: "Footage") -> Iterator[tuple[float, NDArray[np.float32]]]:
    """(seconds, sound at 16 kHz) for each audio frame that decodes, up to where the video was made to end."""
    import av

    until = math.inf if video.until_seconds is None else video.until_seconds
    with open_container(video.path) as container:
        stream = container.streams.best("audio")
        if stream is None:
            return
        resampler, kind, seconds = None, None, 0.0
        for frame in _frames(video.clock.packets(container, stream)):
            if resampler is None or kind != (frame.format.name, frame.layout.name, frame.sample_rate):
                kind = (frame.format.name, frame.layout.name, frame.sample_rate)
                resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
            if frame.time is not None:
                seconds = frame.time
            frame.pts = None  # with a clock the resampler refuses what is not in unbroken order
            if seconds >= until:
                return
            for piece in resampler.resample(frame):
                stop_seconds = seconds + piece.samples / SAMPLE_RATE
                sound = piece.to_ndarray()[0]
                yield seconds, sound if stop_seconds <= until else sound[: max(0, int((until - seconds) * SAMPLE_RATE))]
                seconds = stop_seconds


def _frames(packets: "Iterator[Packet[Any]]") -> Iterator[Any]:
    """Audio frames in order; a damaged packet is left out, as a player does, and a torn end ends the sound."""
    import av

    for packet in packets:
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue
