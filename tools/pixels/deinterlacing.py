"""Makes a progressive picture of an interlaced one, at the moment of its first field, which is the frame's time.

Only the picture itself is looked at, so that a frame got by a seek is the same as one got by playing. Lines are made
anew where they are combed, which is where something moved between the fields; a still part keeps all its lines.
"""

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_SMALLEST_SIDE = 3  # for less FFmpeg's filter has no neighbours to look at
_CLOCK = Fraction(1, 1000)  # the filter wants one; of a single picture no time is asked


def deinterlace(picture: "VideoFrame") -> "VideoFrame":
    """The picture without combs; the same one where it is too small to have any."""
    from av.filter import Graph
    from av.video.frame import VideoFrame

    if min(picture.width, picture.height) < _SMALLEST_SIDE:
        return picture
    # FFmpeg's yadif takes a picture that has no neighbours for its own neighbour: then its test of lines that do not
    # fit those above and below is all that is left. A graph of one picture, because a graph remembers the one before.
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base=_CLOCK)
    graph.link_nodes(source, graph.add("yadif", "mode=send_frame:deint=all"), graph.add("buffersink")).configure()
    graph.vpush(picture)
    graph.vpush(None)
    filtered = graph.vpull()
    assert isinstance(filtered, VideoFrame)
    return filtered
