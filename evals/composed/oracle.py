"""Controls: the same video with nothing in it but what the answer rests on, at its time.

What is wrong with `frame` is wrong with looking, what is wrong only without it is wrong with finding; the step from
`frame` to `crop` is what zooming would bring.
"""

import hashlib
from typing import Literal

import cv2
import numpy as np

from evals.composed.families import Composed
from evals.composed.material import Pixels
from evals.composed.painting import Painter
from evals.composed.recipe import FPS
from tools.made_video import MadeVideo
from tools.observation import Box
from tools.sampling import box_inside, crop, fit_within

Kind = Literal["frame", "crop"]

_GREY = 128
_AROUND: Box = (-0.1, -0.1, 1.1, 1.1)
"""Of the needle with its tag, so much is shown."""


class Oracle:
    """Grey, and the frames that the answer rests on; or of these only the needle and its tag, enlarged.

    Where the answer is a place the needle stays in its place. Threads may share it.
    """

    def __init__(self, painter: Painter, asked: Composed, kind: Kind) -> None:
        self._painter = painter
        self._asked = asked
        self._kind = kind

    def picture(self, seconds: float) -> Pixels:
        """(H, W, 3) RGB at a time."""
        recipe = self._painter.recipe
        grey = np.full((recipe.height, recipe.width, 3), _GREY, np.uint8)
        shown = next((p for p in self._asked.evidence if p.is_on_screen(seconds)), None)
        if shown is None:
            return grey
        pixels = self._painter.picture(seconds)
        if self._kind == "frame":
            return pixels
        left, top, right, bottom = (min(1.0, max(0.0, part)) for part in box_inside(_AROUND, shown.whole_box))
        part = crop(pixels, (left, top, right, bottom))
        if self._asked.family == "where":
            crop(grey, (left, top, right, bottom))[:] = part
            return grey
        return _enlarged(part, grey)

    def video(self) -> MadeVideo:
        """The control as a video."""
        whole = self._painter.video()
        what = f"{whole.content_hash} {self._kind} {self._asked.family} {self._asked.evidence!r}"
        content_hash = hashlib.blake2b(what.encode(), digest_size=16).hexdigest()
        return MadeVideo(
            self.picture,
            name=f"{whole.path}-{self._kind}",
            content_hash=content_hash,
            seconds=whole.info.duration_seconds,
            fps=FPS,
        )


def _enlarged(part: Pixels, grey: Pixels) -> Pixels:
    """The part as large as fits, in the middle."""
    height, width = grey.shape[:2]
    tall, wide = part.shape[:2]
    factor = 16  # far more than is needed: only the picture limits it
    size = fit_within(wide * factor, tall * factor, width, height)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    resized = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_CUBIC)
    grey[top : top + size[1], left : left + size[0]] = resized
    return grey
