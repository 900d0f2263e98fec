"""Converts a decoded picture to the RGB that a person would see: true colours, no combs, transparency on grey.

swscale knows the matrix and the range that a picture carries, but takes every picture that carries none for one of
standard definition, refuses some matrices, knows nothing of HDR, and throws transparency away.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tools.pixels.deinterlacing import deinterlace
from tools.pixels.shape import StoredPicture, letterbox
from tools.pixels.tone import Gamut, Transfer, tone_map

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

BACKDROP = 128
"""Grey level 0..255 behind transparent parts: neither black nor white writing is lost on it."""

# values of ISO/IEC 23091-2, as FFmpeg gives them
_BT709, _UNSPECIFIED, _BT601, _YCGCO, _BT2020 = 1, 2, 5, 8, 9
_BT2020_CONSTANT, _BY_PRIMARIES = 10, (12, 13)
_AS_TOLD = frozenset({0, 1, 4, 5, 6, 7, 9})  # RGB, BT.709, FCC, BT.601 twice, SMPTE 240M, BT.2020
_TRANSFERS = {16: Transfer.PQ, 18: Transfer.HLG}
_GAMUTS = {9: Gamut.BT2020, 12: Gamut.P3_D65}
_UNKNOWN_TO_US = {11: "SMPTE ST 2085", 14: "ICtCp", 15: "IPT-C2", 16: "YCgCo-Re", 17: "YCgCo-Ro"}
_LIMITED_RANGE, _FULL_RANGE = 1, 2
_ALWAYS_BT601 = frozenset({"vp8", "theora"})
"""Codecs whose specification knows no other matrix (RFC 6386, 9.2; Theora, 4.2)."""


class RgbConverter:
    """Converts pictures of one video to RGB arrays; keeps its scaler, so it is for one thread at a time."""

    def __init__(self, shown: StoredPicture, codec: str) -> None:
        """Sets the shape of the arrays.

        Args:
            shown: picture whose shape all others are fitted into.
            codec: FFmpeg's name of the codec.
        """
        from av.video.reformatter import VideoReformatter

        self._shown = shown
        self._codec = codec
        self._reformatter = VideoReformatter()

    def convert(self, picture: "VideoFrame", stored: StoredPicture, max_height: int | None) -> NDArray[np.uint8]:
        """RGB (H, W, 3) uint8 of a picture as displayed, with one shape for every picture of the video.

        Args:
            picture: the decoded picture.
            stored: size, pixel shape and orientation of the picture.
            max_height: limit of H in pixels; None for the full height.
        """
        shown = self._shown
        scale = 1.0 if max_height is None else min(1.0, max_height / shown.shown_height)
        box = max(1, round(shown.shown_width * scale)), max(1, round(shown.shown_height * scale))
        width, height = box if stored == shown else stored.fit_shape(*box)
        if picture.interlaced_frame:
            picture = deinterlace(picture)
        turned = stored.orientation.transpose
        pixels = self._convert_unturned(picture, height if turned else width, width if turned else height)
        return letterbox(stored.orientation.apply(pixels), *box)

    def _convert_unturned(self, picture: "VideoFrame", width: int, height: int) -> NDArray[np.uint8]:
        """RGB (height, width, 3) uint8, not yet turned."""
        if has_alpha(picture.format.name):
            return self._lay_over_grey(picture, width, height)
        transfer = _TRANSFERS.get(picture.color_trc, Transfer.SDR)
        gamut = _GAMUTS.get(picture.color_primaries, Gamut.BT709)
        if transfer is not Transfer.SDR and gamut is Gamut.BT709:
            gamut = Gamut.BT2020  # BT.2100 has no other; what says BT.709 here says nothing that was meant
        if transfer is not Transfer.SDR or gamut is not Gamut.BT709:
            return tone_map(self._reformat(picture, width, height, "rgb48le"), transfer, gamut)
        if choose_matrix(picture, self._codec) == _YCGCO:
            return _convert_ycgco(self._reformat(picture, width, height, "yuv444p16le"))
        pixels = self._reformat(picture, width, height, "rgb24")
        if picture.color_range == _LIMITED_RANGE and len(picture.format.components) == 1:
            return _stretch_range(pixels)  # swscale takes grey for full range, whatever is told
        return pixels

    def _reformat(self, picture: "VideoFrame", width: int, height: int, to: str) -> NDArray[Any]:
        """Picture (height, width, 3) in the format `to`; of YCgCo, the planes as they are, over the full range."""
        coded = choose_matrix(picture, self._codec)
        # any matrix will do for YCgCo, if it is the same before and after: then nothing is done by it
        matrix = _BT709 if coded == _YCGCO else coded
        converted = self._reformatter.reformat(
            picture,
            width,
            height,
            format=to,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            dst_color_range=_FULL_RANGE if to == "yuv444p16le" else None,
            interpolation="AREA",
            threads=1,  # one picture at a time in each of two workers: more threads would wait for each other
        )
        return converted.to_ndarray(channel_last=True)

    def _lay_over_grey(self, picture: "VideoFrame", width: int, height: int) -> NDArray[np.uint8]:
        """Lays a picture over the backdrop, then scales it: the other way, hidden colours bleed into what is seen."""
        import cv2  # a third of a second, which a video without transparency need not wait

        rgba = self._reformat(picture, picture.width, picture.height, "rgba")
        pixels = blend_over_grey(rgba)
        if (width, height) != (picture.width, picture.height):
            pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return pixels


def describe_adaptations(picture: "VideoFrame", stored: StoredPicture) -> tuple[str, ...]:
    """What is done to pictures like this one so that they can be shown, a sentence each."""
    transfer = _TRANSFERS.get(picture.color_trc)
    notes = []
    if stored.pixel_aspect != 1:
        ratio = f"{stored.pixel_aspect.numerator}:{stored.pixel_aspect.denominator}"
        notes.append(f"pixels are not square ({ratio}), the picture is shown in its true shape")
    if transfer is not None:
        notes.append(f"high dynamic range ({transfer.name}), shown in the colours of an ordinary screen")
    if picture.interlaced_frame:
        notes.append("interlaced, shown as whole pictures at the moment of their first field")
    if _is_transparent(picture):
        notes.append("what is transparent is shown on mid-grey")
    return tuple(notes)


def describe_gaps(picture: "VideoFrame") -> tuple[str, ...]:
    """What can't be seen right in pictures like this one, a sentence each."""
    if picture.colorspace not in _UNKNOWN_TO_US:
        return ()
    return (
        f"colours are coded in a way that is not known here ({_UNKNOWN_TO_US[picture.colorspace]}), they look wrong",
    )


def _is_transparent(picture: "VideoFrame") -> bool:
    """True where the format has an alpha channel; a palette only where it's used, because most entries are opaque."""
    if not has_alpha(picture.format.name):
        return False
    if not picture.format.has_palette:
        return True
    return bool(picture.reformat(format="rgba").to_ndarray()[..., 3].min() < 255)


def choose_matrix(picture: "VideoFrame", codec: str) -> int:
    """Number of the matrix that leads back to RGB; without one, what players take for the codec and size."""
    matrix = picture.colorspace
    if matrix in _AS_TOLD or matrix == _YCGCO:
        return matrix
    if matrix == _BT2020_CONSTANT or (picture.color_primaries == 9 and matrix in (_UNSPECIFIED, *_BY_PRIMARIES)):
        return _BT2020
    if matrix in _BY_PRIMARIES:
        return _BT709 if picture.color_primaries == 1 else _BT601
    if picture.color_trc in _TRANSFERS:
        return _BT2020
    if codec in _ALWAYS_BT601:
        return _BT601
    is_high_definition = max(picture.width, picture.height) >= 1280 or min(picture.width, picture.height) > 576
    return _BT709 if is_high_definition else _BT601


@cache
def has_alpha(pixel_format: str) -> bool:
    """True for formats of pixels that may be transparent; the entries of a palette may."""
    from av.video.format import VideoFormat

    parsed = VideoFormat(pixel_format)
    return parsed.has_palette or any(component.is_alpha for component in parsed.components)


def blend_over_grey(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB (H, W, 3) uint8 before mid-grey, of RGBA (H, W, 4) with straight alpha."""
    colours, alpha = rgba[..., :3], rgba[..., 3:]
    if alpha.min() == 255:
        return np.ascontiguousarray(colours)
    weight = alpha.astype(np.uint16)
    mixed = (colours * weight + BACKDROP * (255 - weight) + 127) // 255
    return mixed.astype(np.uint8)


def _convert_ycgco(planes: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """RGB (H, W, 3) uint8 of Y, Cg, Co over the full range 0..65535 (ISO/IEC 23091-2, equations 51 to 54)."""
    luma, green, orange = (planes[..., n].astype(np.int32) for n in range(3))
    green, orange = green - 2**15, orange - 2**15
    rest = luma - green
    channels = np.stack([rest + orange, luma + green, rest - orange], axis=-1)
    return (np.clip(channels, 0, 65535) / 257 + 0.5).astype(np.uint8)


def _stretch_range(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Stretches grey levels 16..235 to 0..255."""
    levels = np.clip((np.arange(256) - 16) * (255 / 219), 0, 255).round().astype(np.uint8)
    stretched: NDArray[np.uint8] = levels[pixels]
    return stretched
