"""Chooses the decoder of a picture stream.

FFmpeg's own for VP8 and VP9 pass over transparency; where a file has any, libvpx's decoders take their place. FFmpeg's
own for VP9 also takes most damage for data, and libvpx's refuses nearly all of it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

_HDR = frozenset({16, 18})
"""AVCOL_TRC_SMPTE2084 and AVCOL_TRC_ARIB_STD_B67: what files say of their brightness, only FFmpeg's own passes on."""
_SEEING_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that give transparency, by codec."""


def open_decoder(stream: "VideoStream", is_wary: bool = True) -> "VideoCodecContext":
    """Opens a decoder that gives transparency where there is any, and with `is_wary` the one that finds most damage.

    The latter does not know what the container says of the picture, such as how it is turned.
    """
    from av.codec import Codec, CodecContext
    from av.video.codeccontext import VideoCodecContext

    context = stream.codec_context
    name = _SEEING_ALPHA.get(context.codec.canonical_name)
    prefers_wary = is_wary and name == "libvpx-vp9" and context.color_trc not in _HDR
    if name is None or not (carries_alpha(stream) or prefers_wary):
        return context
    try:
        codec = Codec(name, "r")
    except ValueError:  # FFmpeg was built without libvpx
        return context
    seeing = CodecContext.create(codec)
    assert isinstance(seeing, VideoCodecContext)
    seeing.extradata = context.extradata
    for colour in ("color_range", "color_primaries", "color_trc", "colorspace"):
        setattr(seeing, colour, getattr(context, colour))
    return seeing


def carries_alpha(stream: "VideoStream") -> bool:
    """True where a WebM file says that transparency lies beside its pictures (Matroska's AlphaMode)."""
    return any(key.casefold() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
