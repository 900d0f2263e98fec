"""The videos of a saved run, found and opened again as the run had them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from agent.paths import unescape_path
from agent.trajectory import Trajectory

if TYPE_CHECKING:
    from tools.index.video_index import IndexProgress
    from tools.toolbox import Toolbox


def list_recorded_videos(recorded: Trajectory, given: Sequence[str] | None, subtitles: str | None) -> list[str]:
    """Paths of a run's videos, in their order.

    Args:
        recorded: the run.
        given: where they are now; None if they have not moved.
        subtitles: path of the subtitles that go with the one video; None without.

    Raises:
        ValueError: they are not as many as the run has, or one of the files can't be read.
    """
    from agent.loop.checks import check_inputs
    from agent.sessions.options import check_subtitles

    asked = recorded.question
    videos = list(given or map(unescape_path, asked.videos))
    if len(videos) != len(asked.videos):
        raise ValueError(f"need --video for each of the {len(asked.videos)} videos of the run, got {len(videos)}")
    check_subtitles(asked, subtitles)
    for video in videos:
        check_inputs(video, subtitles)
    return videos


@contextmanager
def open_recorded_videos(
    recorded: Trajectory,
    videos: Sequence[str],
    subtitles: str | None,
    encoder: str | None = None,
    on_progress: "Callable[[IndexProgress], None] | None" = None,
) -> "Iterator[list[Toolbox]]":
    """The tools of a run's videos.

    Args:
        recorded: the run.
        videos: paths of its videos, in their order.
        subtitles: path of the subtitles that go with the one video; None without.
        encoder: frame encoder; None is the default one.
        on_progress: is told how far the index of each video is.

    Raises:
        ValueError: a video is another one than the run had.
    """
    from agent.loop.replay import check_same_videos
    from tools.toolbox import open_toolbox

    asked = recorded.question
    with ExitStack() as stack:
        toolboxes = [
            stack.enter_context(
                open_toolbox(
                    video,
                    encoder=encoder,
                    subtitles=subtitles,
                    start=asked.from_seconds,
                    until=asked.until_seconds,
                    picture_stream=asked.picture_stream,
                    audio=asked.audio_track,
                    fps=asked.fps,
                    on_progress=on_progress,
                )
            )
            for video in videos
        ]
        check_same_videos(recorded, toolboxes)
        yield toolboxes
