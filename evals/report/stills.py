"""Decodes the pictures of a gallery again from the footage, since stored trajectories have none.

Only for questions that were asked about their own video as it is; under a control something else may have been shown.
"""

import io
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

import numpy as np
from PIL import Image

from agent.report.images import PictureOf
from evals.datasets.sources import Source
from tools.observation import FrameRef
from tools.sampling import crop
from tools.video.source import VideoSource
from tools.video.video import VideoError

QUALITY = 80
"""Quality of a thumbnail's JPEG."""


class Stills(AbstractContextManager["Stills"]):
    """Frames of one video, opened at the first request; no frames where the video is not at hand."""

    problem = ""
    """Reason why there are no frames; empty where nothing is wrong."""

    def __init__(self, source: Source | None, scratch: Path) -> None:
        """Opens nothing yet; `source` is None where no picture may be shown."""
        self._source = source
        self._scratch = scratch
        self._footage: VideoSource | None = None

    @property
    def picture(self) -> PictureOf:
        """Function from a reference to its JPEG; None where it can't be had."""
        return self._picture

    def _picture(self, ref: FrameRef) -> bytes | None:
        if self._footage is None and self._source is not None:
            source, self._source = self._source, None  # tried once
            self._footage = self._open_source(source)
        if self._footage is None:
            return None
        frame = next(self._footage.read([ref.seconds]), None)
        if frame is None:
            return None
        part = Image.fromarray(np.ascontiguousarray(crop(frame.pixels, ref.box)))
        coded = io.BytesIO()
        part.resize((ref.width, ref.height)).save(coded, "JPEG", quality=QUALITY)
        return coded.getvalue()

    def _open_source(self, source: Source) -> VideoSource | None:
        """Opens the video; None where it is missing, which is no error, since the figures don't need it."""
        try:
            if (problem := source.problem()) is None:
                return source.open(self._scratch).footage
        except (VideoError, ValueError) as error:
            problem = str(error)
        self.problem = problem
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._footage is not None:
            self._footage.close()
