"""Generated clips whose every frame carries its number in its pixels, in any container that a test asks for.

The number is 16 blocks, black or white, in the upper row of blocks, and their complement in the row below, so that a
picture that is damaged or shifted reads as None and not as another number.
"""

import os
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


def picture(number: int, width: int = WIDTH, height: int = HEIGHT, noise: int = 0) -> NDArray[np.uint8]:
    """(height, width, 3) RGB: `number` in blocks above a background that moves, so that no frame equals another.

    `noise` up to 50 makes packets as large as those of real footage.
    """
    block = width // BITS
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack(
        [
            (columns * 2 + number * 3) % 200 + 20,
            (rows * 3 + number * 5) % 200 + 20,
            (rows + columns + number * 7) % 200,
        ],
        axis=-1,
    )
    if noise:
        pixels = pixels + np.random.default_rng(number).integers(0, noise, (height, width, 1))
    pixels = pixels.astype(np.uint8)
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
    first: int = 0,
    codec: str = "libx264",
    fps: int = 30,
    keyframe_every: int = 50,
    codec_options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    times: Sequence[int] | None = None,
    with_sound: bool = False,
    sound_seconds: float | None = None,
    title: str = "",
    noise: int = 0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Path:
    """Write a clip of pictures numbered from `first` on.

    `times` are presentation times in 1/1000 s, one a frame; without them `fps` says it.
    """
    options = dict(codec_options or {})
    if codec == "libx264":
        options = {**X264, "x264-params": f"keyint={keyframe_every}:min-keyint={keyframe_every}:{B_FRAMES}", **options}
    with av.open(str(path), "w", container_options=dict(container_options or {})) as container:
        container.metadata.update({"title": title} if title else {})
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p" if codec not in ("mjpeg",) else "yuvj420p"
        stream.gop_size = keyframe_every
        time_base = Fraction(1, 1000) if times is not None else Fraction(1, fps)
        stream.codec_context.time_base = time_base
        sound = container.add_stream("aac", rate=44100, layout="mono") if with_sound else None
        for packet in _encode(stream, frames, time_base, times, size, noise, first):
            container.mux(packet)
        if sound is not None:
            container.mux(silence(sound, sound_seconds or frames / fps))
    if hasattr(os, "sched_setscheduler"):  # SVT-AV1, run by root, makes the thread it is called in a real-time one
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path


def _encode(
    stream: "av.VideoStream",
    frames: int,
    time_base: Fraction,
    times: Sequence[int] | None,
    size: tuple[int, int],
    noise: int,
    first: int = 0,
) -> Iterator["av.Packet"]:
    for number in range(frames):
        frame = av.VideoFrame.from_ndarray(picture(first + number, *size, noise), format="rgb24")
        frame.pts = number if times is None else times[number]
        frame.time_base = time_base
        yield from stream.encode(frame)
    yield from stream.encode(None)


def silence(stream: "av.AudioStream", seconds: float) -> list["av.Packet"]:
    packets = []
    for start in range(0, int(seconds * 44100), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def write_with_cover(path: Path, frames: int) -> Path:
    """An MP4 file with a cover picture as its first video stream, sound, and `frames` frames of video behind them."""
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        sound = container.add_stream("aac", rate=44100, layout="mono")
        video = container.add_stream("libx264", rate=30, options=X264) if frames else None
        if video is not None:
            video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            video.codec_context.time_base = Fraction(1, 30)
        container.mux(cover.encode(av.VideoFrame.from_ndarray(picture(9999), format="rgb24")) + cover.encode(None))
        container.mux(silence(sound, 1.0))
        if video is not None:
            container.mux(list(_encode(video, frames, Fraction(1, 30), None, (WIDTH, HEIGHT), 0)))
    return path


def rewrite(source: Path, target: Path, change: Callable[["av.Packet"], list["av.Packet"]]) -> Path:
    """Copy the video packets of one file into another, of any container; `change` says what becomes of each."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            for changed in change(packet) if packet.size else []:
                changed.stream = stream
                new.mux(changed)
    return target


def hide_copies_of_keyframes(packet: "av.Packet") -> list["av.Packet"]:
    """For VP8: after each keyframe the same again, 5 ms later, never shown; encoders hide reference pictures so."""
    if not packet.is_keyframe:
        return [packet]
    data = bytearray(bytes(packet))
    data[0] &= ~0x10  # show_frame
    hidden = av.Packet(bytes(data))
    hidden.pts, hidden.dts, hidden.time_base = packet.pts + 5, packet.dts + 5, packet.time_base
    return [packet, hidden]


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


def flip_bytes_of_pictures(path: Path, count: int, seed: int) -> None:
    """Change random bytes inside video packets: damage of storage or transport, with the file's index left whole."""
    random = np.random.default_rng(seed)
    spans = _packet_spans(path)
    data = bytearray(path.read_bytes())
    places = np.concatenate([np.arange(start, start + size) for start, size, _ in spans])
    for place in random.choice(places[places < len(data)], count).tolist():
        data[place] ^= int(random.integers(1, 256))
    path.write_bytes(bytes(data))


def wipe_picture(path: Path, position: int, must_be_unreferenced: bool = False) -> None:
    """Overwrite the slice data of the H.264 packet at this place of the decode order.

    With `must_be_unreferenced`, of the next one that no other refers to; without, of the next one that others need.
    """
    spans = _packet_spans(path)[position:]
    data = bytearray(path.read_bytes())
    start, size, _ = next(s for s in spans if s[2] == must_be_unreferenced)
    data[start + 12 : start + size] = np.random.default_rng(position).bytes(size - 12)
    path.write_bytes(bytes(data))


def _packet_spans(path: Path) -> list[tuple[int, int, bool]]:
    """(place in the file, size, nobody refers to it) of every video packet; the last is for H.264 in MP4 only."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size, not bytes(p)[4] & 0x60) for p in container.demux(video=0) if p.size]


def png(pixels: NDArray[np.uint8]) -> bytes:
    """The picture as a PNG file."""
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = pixels.shape[1], pixels.shape[0], "rgb24"
    encoder.time_base = Fraction(1, 1)
    return bytes(encoder.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24"))[0])


def trim_by_edit_list(source: Path, target: Path, hidden_frames: int) -> Path:
    """Copy an MP4 file with an edit list that starts the show after `hidden_frames`, as phones trim."""
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        first = min(p.pts for p in container.demux(stream) if p.pts is not None)
        start = first + round(hidden_frames / 30 / stream.time_base)
    data = bytearray(source.read_bytes())
    elst = data.index(b"elst") + 4 + 4 + 4  # version and flags, entry count; then duration, media time, rate
    duration, media_time = struct.unpack(">Ii", data[elst : elst + 8])
    # The media time counts from the first decode time, which is where the present list's own media time lies.
    data[elst : elst + 8] = struct.pack(">Ii", duration, media_time + start)
    target.write_bytes(bytes(data))
    return target
