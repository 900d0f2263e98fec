"""Opens the tools of a video file or of a video that is open already."""

from collections.abc import Callable
from pathlib import Path

from tools.encoders.registry import Encoder, open_encoder
from tools.index.video_index import IndexProgress
from tools.resources import ToolResources
from tools.toolbox.toolbox import Toolbox
from tools.video.other_sources import open_video
from tools.video.source import VideoSource
from tools.vision.captioner import Captioner, CaptionModel


def open_toolbox(
    path: str | Path,
    *,
    encoder: str | Encoder | None = None,
    subtitles: str | Path | None = None,
    cache: Path | None = None,
    captioner: Captioner | CaptionModel | None = None,
    start: float | None = None,
    until: float | None = None,
    picture_stream: int | None = None,
    audio: int | None = None,
    fps: float | None = None,
    on_progress: Callable[[IndexProgress], None] | None = None,
) -> Toolbox:
    """The tools of a video file, its index built or being built in the background.

    Args:
        path: the video.
        encoder: frame encoder: a spec as `open_encoder` takes it, or one that is open already; None is `auto`.
        subtitles: a file with what is said.
        cache: root of the cache, the user's own if None.
        captioner: takes the place of the packaged one.
        start: the video begins at that second for every tool, and keeps its times.
        until: the video ends at that second for every tool: nothing from later is there, and nothing that was kept of
            the whole video is used.
        picture_stream: number of the stream of moving pictures, from 1; None takes the file's main one.
        audio: number of the sound track to hear, from 1; None finds the one with speech.
        fps: pictures a second, where the path is a folder of them; None is 1.
        on_progress: called with the progress of indexing, of reading text and of recognising speech.

    Raises:
        ValueError: no such file, not a video, nothing decodable, no such stream or sound track, nothing before
            `until`, an unknown encoder, unreadable subtitles.
    """
    return make_toolbox(
        open_video(path, until, picture_stream, start, fps),
        encoder=encoder,
        subtitles=subtitles,
        cache=cache,
        captioner=captioner,
        audio=audio,
        on_progress=on_progress,
    )


def make_toolbox(
    video: VideoSource,
    *,
    encoder: str | Encoder | None = None,
    subtitles: str | Path | None = None,
    cache: Path | None = None,
    captioner: Captioner | CaptionModel | None = None,
    audio: int | None = None,
    on_progress: Callable[[IndexProgress], None] | None = None,
) -> Toolbox:
    """The tools of an open video, which closes with them.

    Args:
        video: the video, closed when this fails.
        encoder: spec of the frame encoder; None is `auto`.
        subtitles: a file with what is said.
        cache: root of the cache, the user's own if None.
        captioner: takes the place of the packaged one.
        audio: number of the sound track to hear, from 1; None finds the one with speech.
        on_progress: called with the progress of indexing, of reading text and of recognising speech.
    """
    try:
        resources = ToolResources(
            video,
            open_encoder(encoder or "auto") if encoder is None or isinstance(encoder, str) else encoder,
            subtitles,
            cache,
            captioner,
            audio,
            on_progress=on_progress or (lambda _: None),
        )
    except BaseException:
        video.close()
        raise
    return Toolbox(resources)
