"""Still pictures and recordings of sound as videos: a picture lasts one second, a recording shows one grey picture."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.demux.container import PacketReader, open_container
from tools.demux.file_kind import holds_video, is_still_picture
from tools.demux.header import SoundAloneError
from tools.limits import VideoError, check_length, check_picture_size
from tools.video.clip import VideoClip
from tools.video.frame_folder import USUAL_RATE, FrameFolder, is_frame_folder
from tools.video.generated import GeneratedVideo
from tools.video.source import VideoSource
from tools.video.still import decode_still, read_still_size
from tools.video.video import Video, hash_content
from tools.video.window import VideoWindow

STILL_SECONDS = 1.0
"""Length of the video that stands for a still picture."""
_GREY = np.full((64, 64, 3), 128, np.uint8)
"""The picture of a recording of sound alone, (H, W, 3)."""


def open_video(
    path: str | Path,
    until: float | None = None,
    stream: int | None = None,
    start: float | None = None,
    fps: float | None = None,
) -> VideoSource:
    """Opens a file as a video, also where it is a still picture, a folder of pictures, or has sound alone.

    Args:
        path: the file.
        until: the video ends at that second; None for the whole.
        stream: number of the stream of moving pictures, from 1; None takes the main one.
        start: the video begins at that second, and keeps its times; None for its own beginning.
        fps: pictures a second of a folder of them; None is 1.

    Raises:
        VideoError: it is none of these, or as `Video` says.
    """
    # a folder with videos in it is one of pictures only for somebody who gives their rate
    if is_frame_folder(Path(path)) and (fps is not None or not holds_video(Path(path))):
        whole: VideoSource = _open_folder(Path(path), until, fps)
    elif fps is not None:
        raise VideoError(f"{path} is no folder of pictures: a rate of {fps:g} a second can be chosen for one only")
    else:
        whole = _open_from_beginning(path, until, stream)
    if start is None:
        return whole
    try:
        return VideoWindow(whole, start)
    except VideoError:
        whole.close()
        raise


def _open_from_beginning(path: str | Path, until: float | None, stream: int | None) -> VideoSource:
    try:
        return Video(path, until, stream)
    except SoundAloneError:
        if stream is not None:
            raise
        return SoundAlone(Path(path), until)
    except VideoError:
        if stream is not None or not (Path(path).is_file() and is_still_picture(Path(path))):
            raise
        return _open_still(Path(path))


def _open_folder(folder: Path, until: float | None, fps: float | None) -> VideoSource:
    whole = FrameFolder(folder, USUAL_RATE if fps is None else fps)
    return whole if until is None or until >= whole.info.duration_seconds else VideoClip(whole, 0.0, until)


def _open_still(path: Path) -> GeneratedVideo:
    size = read_still_size(path)
    if size is not None:
        check_picture_size(path, *size)
    pixels = None if size is None else decode_still(path.read_bytes())
    if pixels is None:
        raise VideoError(f"{path} is a picture that can't be read")
    made = GeneratedVideo(
        lambda _: pixels, name=str(path), content_hash=hash_content(path, "still"), seconds=STILL_SECONDS, fps=1
    )
    made.info = replace(made.info, codec="still", notes=("A still picture: it stands for a video of one second.",))
    return made


class SoundAlone(GeneratedVideo):
    """A recording without pictures: tools that look have nothing to look at, and what is said has its times."""

    def __init__(self, path: Path, until: float | None = None) -> None:
        """Opens a recording, or only what comes before second `until` of it.

        Raises:
            VideoError: there is no sound either, or it is too long.
        """
        whole = _measure_sound_seconds(path)
        check_length(path, whole)
        is_cut = until is not None and until < whole
        name = "sound" if not is_cut else f"sound until {until!r}"
        seconds = whole if not is_cut or until is None else until
        super().__init__(lambda _: _GREY, name=str(path), content_hash=hash_content(path, name), seconds=1, fps=1)
        self.until_seconds = until if is_cut else None
        self.info = replace(
            self.info,
            duration_seconds=seconds,
            average_fps=1 / seconds,
            codec="none",
            has_audio=True,
            has_pictures=False,
            gaps=("The file has sound and no pictures.",),
        )

    @cached_property
    def timestamps(self) -> NDArray[np.float64]:
        """Time of the one grey picture that stands for all of the recording, (1,) float64."""
        return np.zeros(1)


def _measure_sound_seconds(path: Path) -> float:
    """End of the last packet of the first sound stream, in seconds: a header may promise anything."""
    with open_container(path) as container:
        stream = container.streams.audio[0]
        ends = (
            float((packet.pts + (packet.duration or 0)) * packet.time_base)
            for packet in PacketReader(container, stream)
            if packet.pts is not None and packet.time_base is not None
        )
        return max(ends, default=0.0)
