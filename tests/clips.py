"""Generated clips whose every frame carries its number in its pixels, in any container that a test asks for.

The number is 16 blocks, black or white, in the upper row of blocks, and their complement in the row below, so that a
picture that is damaged or shifted reads as None and not as another number.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 160, 96
BITS = 16
BLOCK = 10  # pixels a side; 16 of them fill the width
BLACK, WHITE = 16, 235  # inside the limited range, so that they come back nearly the same


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """(height, width, 3) RGB: `number` in blocks above a background that moves, so that no frame equals another."""
    block = width // BITS
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack(
        [(columns * 2 + number * 3) % 200 + 20, (rows * 3 + number * 5) % 200 + 20, (rows + columns + number * 7) % 200],
        axis=-1,
    ).astype(np.uint8)
    bits = np.array([(number >> n) & 1 for n in range(BITS)], bool)
    for top, row in ((0, bits), (block, ~bits)):
        pixels[top : top + block, : block * BITS] = np.where(np.repeat(row, block), WHITE, BLACK)[None, :, None]
    return pixels


def counter(pixels: NDArray[np.uint8]) -> int | None:
    """The number in a picture of any size; None where the blocks do not read as one number and its complement."""
    block = pixels.shape[1] / BITS
    centres = ((np.arange(BITS) + 0.5) * block).astype(int)
    upper = pixels[int(block * 0.5)].mean(axis=-1)[centres] > 128
    lower = pixels[int(block * 1.5)].mean(axis=-1)[centres] > 128
    if not (upper ^ lower).all():
        return None
    return int((upper.astype(int) << np.arange(BITS)).sum())


X264 = {"preset": "veryfast", "threads": "1"}
B_FRAMES = "bframes=3:b-adapt=0:scenecut=0"


def write_clip(
    path: Path,
    *,
    frames: int = 120,
    codec: str = "libx264",
    fps: int = 30,
    keyframe_every: int = 50,
    codec_options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    times: Sequence[int] | None = None,
    with_sound: bool = False,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    keep: Callable[["av.Packet"], "av.Packet | None"] = lambda packet: packet,
) -> Path:
    """Write a clip. `times` are presentation times in 1/1000 s, one a frame; without them `fps` says it.

    `keep` sees each video packet before it is written, and may change it or leave it out by giving back None.
    """
    options = dict(codec_options or {})
    if codec == "libx264":
        options = {**X264, "x264-params": f"keyint={keyframe_every}:min-keyint={keyframe_every}:{B_FRAMES}", **options}
    with av.open(str(path), "w", container_options=dict(container_options or {})) as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p" if codec not in ("mjpeg",) else "yuvj420p"
        stream.gop_size = keyframe_every
        time_base = Fraction(1, 1000) if times is not None else Fraction(1, fps)
        stream.codec_context.time_base = time_base
        sound = container.add_stream("aac", rate=44100, layout="mono") if with_sound else None
        for packet in _encode(stream, frames, time_base, times, size):
            kept = keep(packet)
            if kept is not None:
                container.mux(kept)
        if sound is not None:
            container.mux(_silence(sound, frames / fps))
    return path


def _encode(
    stream: "av.VideoStream", frames: int, time_base: Fraction, times: Sequence[int] | None, size: tuple[int, int]
) -> Iterator["av.Packet"]:
    for number in range(frames):
        frame = av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24")
        frame.pts = number if times is None else times[number]
        frame.time_base = time_base
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _silence(stream: "av.AudioStream", seconds: float) -> list["av.Packet"]:
    packets = []
    for start in range(0, int(seconds * 44100), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def remux(source: Path, target: Path, keep: Callable[["av.Packet"], "av.Packet | None"] = lambda packet: packet,
          container_options: Mapping[str, str] | None = None) -> Path:
    """Copy the video packets of one file into another, of any container, without encoding again."""
    with av.open(str(source)) as old, av.open(str(target), "w", container_options=dict(container_options or {})) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is None:
                continue
            kept = keep(packet)
            if kept is not None:
                kept.stream = stream
                new.mux(kept)
    return target


def turn(path: Path, clockwise_degrees: int, mirror: bool = False) -> Path:
    """Write a display matrix into an MP4 file's track header, as phones do."""
    a, b, c, d = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[clockwise_degrees]
    if mirror:
        a, c = -a, -c  # x' = a x + c y
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # version 0: flags, times, id, durations, layer, group, volume
    data[matrix : matrix + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(bytes(data))
    return path


def cut_off(path: Path, share: float) -> Path:
    """Keep only the first `share` of the file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def flip_bytes(path: Path, count: int, seed: int, start: float = 0.0, stop: float = 1.0) -> Path:
    """Overwrite `count` random bytes between two shares of the file."""
    random = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for place in random.integers(int(len(data) * start), int(len(data) * stop), count):
        data[place] ^= int(random.integers(1, 256))
    path.write_bytes(bytes(data))
    return path
