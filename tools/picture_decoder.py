"""The decoder of a picture stream. FFmpeg's own for VP8 and VP9 pass over transparency; where a file has any, libvpx's
decoders take their place.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

_SEEING_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def open_decoder(stream: "VideoStream") -> "VideoCodecContext":
    """A decoder of the stream that gives all of its picture."""
    from av.codec import Codec, CodecContext
    from av.video.codeccontext import VideoCodecContext

    context = stream.codec_context
    name = _SEEING_ALPHA.get(context.codec.canonical_name)
    if name is None or not carries_alpha(stream):
        return context
    try:
        codec = Codec(name, "r")
    except ValueError:  # FFmpeg was built without libvpx
        return context
    seeing = CodecContext.create(codec)
    assert isinstance(seeing, VideoCodecContext)
    seeing.extradata = context.extradata
    return seeing


def carries_alpha(stream: "VideoStream") -> bool:
    """True where a WebM file says that transparency lies beside its pictures (Matroska's AlphaMode)."""
    return any(key.casefold() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
