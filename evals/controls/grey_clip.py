"""A file in which nothing is shown, for what takes only files."""

from pathlib import Path

import numpy as np

from evals.controls.blind import BLIND_SECONDS

_GREY = 128
_HEIGHT, _WIDTH = 180, 320


def write_grey_clip(path: Path) -> None:
    """A clip of one even grey and no sound: a video in which nothing is shown."""
    import av

    pixels = np.full((_HEIGHT, _WIDTH, 3), _GREY, np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        for _ in range(5 * BLIND_SECONDS):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
