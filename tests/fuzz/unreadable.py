"""How many of the frames that are handed out of damaged files are not what they say: `python -m tests.fuzz.unreadable`.

Each seed shows a number in every frame, in blocks that read as one number and its complement only if they are whole.
Bytes of its pictures are changed, headers left alone; a frame that comes out and shows no number, or that of another
moment, was handed out as good and is not. One line a seed and one for all.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import av

from tests import clips
from tools.video.video import Video, VideoError

FPS, FRAMES = 30, 90
FAST_X265 = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:keyint=20"}
FAST_VPX = {"deadline": "realtime", "cpu-used": "-8"}
"""Above 0, the speed is chosen by the clock and no two files are alike."""
SEEDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    **{f"h264.{ending}": ("libx264", {}) for ending in ("mp4", "mkv", "ts", "flv")},
    **{f"hevc.{ending}": ("libx265", FAST_X265) for ending in ("mp4", "ts")},
    "vp9.webm": ("libvpx-vp9", FAST_VPX),
    "vp8.webm": ("libvpx", FAST_VPX),
    "av1.mp4": ("libsvtav1", {"preset": "12"}),
    **{f"mpeg2.{ending}": ("mpeg2video", {}) for ending in ("ts", "mpg")},
    "mpeg4.avi": ("mpeg4", {}),
    **{f"mjpeg.{ending}": ("mjpeg", {}) for ending in ("avi", "mov")},
    "wmv2.asf": ("wmv2", {}),
    "ffv1.mkv": ("ffv1", {}),
}


@dataclass
class Tally:
    """Frames handed out of the mutants of one seed."""

    given: int = 0
    unreadable: int = 0
    """No number can be read."""
    misplaced: int = 0
    """The number of another frame."""
    refused: int = 0
    """Files in which nothing can be decoded, said in a sentence."""

    def add(self, other: "Tally") -> None:
        self.given += other.given
        self.unreadable += other.unreadable
        self.misplaced += other.misplaced
        self.refused += other.refused

    def __str__(self) -> str:
        share = self.unreadable / max(1, self.given)
        counts = f"{self.unreadable:5d} of {self.given:6d} = {share:.2%} unreadable"
        return f"{counts}, {self.misplaced} misplaced, {self.refused} refused"


def picture_bytes(path: Path) -> list[int]:
    """Places in the file of the bytes of pictures; headers, tables and the first picture are left out.

    A transport or program stream cuts pictures into packets of its own, whose headers are told by their places alone.
    """
    data, places, start = path.read_bytes(), list[int](), 0
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            found = data.find(bytes(packet), start) if packet.size else -1
            if found >= 0:
                places += range(found, found + packet.size) if start else ()
                start = found + packet.size
    if path.suffix in (".ts", ".mpg"):
        unit, head = (188, 30) if path.suffix == ".ts" else (2048, 40)
        return [place for place in range(len(data) // 10, len(data) * 19 // 20) if place % unit >= head]
    return places


def damage(data: bytes, places: Sequence[int], random: Random) -> bytes:
    """Some bytes at the given places changed, or a stretch of them wiped."""
    changed = bytearray(data)
    if random.random() < 0.7:
        for _ in range(random.choice((1, 3, 10, 50))):
            changed[random.choice(places)] = random.randrange(256)
    else:
        first = random.randrange(len(places))
        for place in places[first : first + random.choice((4, 64, 1000))]:
            changed[place] = 0
    return bytes(changed)


def read_mutant(path: Path) -> Tally:
    """What comes out of one file."""
    try:
        with Video(path) as video:
            tally = Tally()
            for frame in video.read(video.timestamps.tolist()):
                number = clips.counter(frame.pixels)
                tally.given += 1
                tally.unreadable += number is None
                tally.misplaced += number is not None and abs(number - frame.seconds * FPS) > 1.5
            return tally
    except VideoError:
        return Tally(refused=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="mutants of each seed")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    total = Tally()
    with tempfile.TemporaryDirectory() as folder:
        for name, (codec, codec_options) in SEEDS.items():
            seed = clips.write_clip(
                Path(folder) / name, frames=FRAMES, codec=codec, keyframe_every=20, codec_options=codec_options
            )
            data, places, tally = seed.read_bytes(), picture_bytes(seed), Tally()
            for number in range(options.count):
                mutant = seed.with_stem(f"{seed.stem}-{number}")
                mutant.write_bytes(damage(data, places, Random(f"{options.seed} {name} {number}")))
                tally.add(read_mutant(mutant))
                mutant.unlink()
            print(f"{name:10s} {tally}", flush=True)
            total.add(tally)
    print(f"{'all':10s} {total}")


if __name__ == "__main__":
    main()
