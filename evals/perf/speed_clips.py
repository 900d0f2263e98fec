"""Generates the videos of the speed measurements: footage-like pictures whose every frame carries its number.

A textured scene pans, two patches move through it and the sensor adds noise: about the packet sizes of real footage.
The number, 16 blocks of black or white above their complement, shows which frame a reader gave.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av

BITS = 16
"""Bits of a frame's number."""
FPS = 30
"""Frames a second of all videos."""


@dataclass(frozen=True)
class ClipSpec:
    """Options of one video to make."""

    name: str
    width: int
    height: int
    frames: int
    codec: str
    options: dict[str, str]
    copies: int = 1
    """Number of copies of the encoded video one after the other: frame numbers then count modulo `frames`."""

    @property
    def duration_seconds(self) -> float:
        """Length of the whole video."""
        return self.frames * self.copies / FPS

    def make(self, folder: Path) -> Path:
        """The path of the video in `folder`, after encoding it if need be."""
        path = folder / f"{self.name}.mp4"
        if not path.exists():
            unfinished = folder / f"unfinished-{self.name}.mp4"
            _encode(self, unfinished)
            unfinished.rename(path)
        return path


def specs(quick: bool) -> dict[str, ClipSpec]:
    """The videos by name; the quick ones only show that everything runs."""
    part, copies, width, height = (60, 2, 320, 180) if quick else (3600, 5, 1280, 720)
    hevc = (60, 320, 180) if quick else (900, 1920, 1080)

    def h264(name: str, b_frames: int, copies: int, part: int = part, is_small: bool = False) -> ClipSpec:
        x264 = f"keyint=250:min-keyint=25:bframes={b_frames}:b-adapt=0:scenecut=0"
        options = {"preset": "veryfast", "crf": "22", "x264-params": x264}
        size = (640, 360) if is_small and not quick else (width, height)
        return ClipSpec(name, *size, part, "libx264", options, copies)

    minute, minutes = (60, 2) if quick else (60 * FPS, 60)

    x265 = "log-level=none:keyint=250:bframes=4"
    return {
        "long": h264("h264_10_minutes", 3, copies),
        "long_no_b": h264("h264_10_minutes_no_b", 0, copies),
        "short": h264("h264_2_minutes", 3, 1),
        "hour": h264("h264_60_minutes", 3, minutes, minute),
        "two_hours": h264("h264_120_minutes", 3, 2 * minutes, minute),
        "small": h264("h264_8_minutes_360p", 3, minutes * 8 // 60 or 1, minute, is_small=True),
        "hevc": ClipSpec(
            "hevc_30_seconds", hevc[1], hevc[2], hevc[0], "libx265", {"preset": "superfast", "x265-params": x265}
        ),
    }


def read_frame_number(pixels: NDArray[np.uint8]) -> int | None:
    """The frame's number in a picture of any size; None where the blocks are no number with its complement."""
    block = pixels.shape[1] / BITS
    columns = ((np.arange(BITS) + 0.5) * block).astype(int)
    upper = pixels[int(block * 0.25), columns].mean(axis=-1) > 128
    lower = pixels[int(block * 0.75), columns].mean(axis=-1) > 128
    if not (upper ^ lower).all():
        return None
    return int((upper.astype(int) << np.arange(BITS)).sum())


class _TexturePan:
    """Generates pictures cheaply, as YUV planes: windows of one large texture."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height

    @cached_property
    def _texture(self) -> NDArray[np.uint8]:
        """Texture, (3, H + 512, W + 512) uint8: noise at several scales, as in foliage and walls."""
        import cv2

        random = np.random.default_rng(0)
        size = (self._width + 512, self._height + 512)
        layers = np.zeros((3, size[1], size[0]), np.float32)
        for scale, strength in ((4, 12), (16, 25), (64, 45)):
            small = random.normal(0, strength, (3, size[1] // scale + 1, size[0] // scale + 1)).astype(np.float32)
            for plane, grain in zip(layers, small, strict=True):
                plane += cv2.resize(grain, size, interpolation=cv2.INTER_CUBIC)
        layers[1:] *= 0.4
        return np.clip(layers + 128, 16, 235).astype(np.uint8)

    @cached_property
    def _noise(self) -> NDArray[np.int16]:
        return np.random.default_rng(1).normal(0, 2.5, (self._height + 64, self._width)).astype(np.int16)

    def planes(self, number: int) -> list[NDArray[np.uint8]]:
        """Planes Y, U and V of frame `number`, uint8; U and V at half the size."""
        left, top = (int(256 + 250 * np.sin(number / period)) for period in (97, 61))
        window = self._texture[:, top : top + self._height, left : left + self._width].copy()
        size = self._height // 4
        for patch in range(2):
            x = number * (3 + patch) % (self._width - size)
            y = self._height // 2 + patch * self._height // 4 - size // 4
            window[:, y : y + size, x : x + size] = self._texture[::-1, patch * 300 : patch * 300 + size, :size]
        luma = window[0] + self._noise[number * 7 % 64 :][: self._height]
        luma = np.clip(luma, 16, 235).astype(np.uint8)
        self._write_number(luma, window, number)
        return [luma, window[1, ::2, ::2], window[2, ::2, ::2]]

    def _write_number(self, luma: NDArray[np.uint8], window: NDArray[np.uint8], number: int) -> None:
        block = self._width // BITS
        bits = np.repeat((number >> np.arange(BITS)) & 1, block) == 1
        luma[: block // 2, : len(bits)] = np.where(bits, 235, 16)
        luma[block // 2 : block, : len(bits)] = np.where(bits, 16, 235)
        window[1:, :block] = 128


def _encode(spec: ClipSpec, path: Path) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(spec.codec, rate=FPS, options=spec.options)
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        kept: list[tuple[bytes, int, int, bool]] = []
        for packet in _encode_packets(spec, stream):
            kept.append((bytes(packet), packet.pts or 0, packet.dts or 0, packet.is_keyframe))
            container.mux(packet)
        for copy in range(1, spec.copies):
            for data, pts, dts, is_keyframe in kept:
                container.mux(_shift_packet(data, pts, dts, is_keyframe, copy * spec.frames, stream))


def _encode_packets(spec: ClipSpec, stream: Any) -> "Iterator[av.Packet[Any]]":
    import av

    scene = _TexturePan(spec.width, spec.height)
    for number in range(spec.frames):
        frame = av.VideoFrame(spec.width, spec.height, "yuv420p")
        for plane, values in zip(frame.planes, scene.planes(number), strict=True):
            padded = np.zeros((values.shape[0], plane.line_size), np.uint8)
            padded[:, : values.shape[1]] = values
            plane.update(padded.tobytes())
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _shift_packet(data: bytes, pts: int, dts: int, is_keyframe: bool, frames: int, stream: Any) -> "av.Packet[Any]":
    import av

    packet: av.Packet[Any] = av.Packet(data)
    packet.stream, packet.time_base = stream, Fraction(1, FPS)
    packet.pts, packet.dts, packet.is_keyframe = pts + frames, dts + frames, is_keyframe
    return packet
