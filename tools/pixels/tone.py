"""Tone mapping: pictures of high dynamic range or wide gamut as seen on an ordinary (sRGB, SDR) screen.

Reference white, 203 nits in HDR (ITU-R BT.2408), is the white of the screen, and everything below it keeps its colour
exactly. What is brighter keeps its hue at full brightness: the screen has nothing beyond.
"""

from enum import Enum
from functools import cache

import numpy as np
from numpy.typing import NDArray

WHITE_NITS = 203.0
"""HDR reference white (BT.2408, table 1)."""
HLG_PEAK_NITS, HLG_GAMMA = 1000.0, 1.2
"""Peak of HLG's reference display, and its system gamma (BT.2100, table 5)."""

_SIGNAL_WHITE = 255 * 256
"""Level of white that swscale gives in 16 bits."""
_STRIP_PIXELS = 2**18
"""Pixels converted at a time: float copies of a whole 4K picture would take 100 MB each."""
_OUTPUT_LEVELS = 2**14
"""Levels of light in the table of sRGB codes."""


class Transfer(Enum):
    """Transfer function of the signal."""

    SDR = "sdr"
    PQ = "pq"
    HLG = "hlg"


class Gamut(Enum):
    """Colour primaries of the signal."""

    BT709 = "bt709"
    BT2020 = "bt2020"
    P3_D65 = "p3"


_BT2020_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # BT.2020, table 4
_TO_BT709 = {
    Gamut.BT709: np.eye(3, dtype=np.float32),
    Gamut.BT2020: np.array(  # BT.2407, section 2
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
    ),
    Gamut.P3_D65: np.array(  # from the chromaticities of SMPTE EG 432-1 and BT.709, both with a white of D65
        [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]], np.float32
    ),
}


def tone_map(signal: NDArray[np.uint16], transfer: Transfer, gamut: Gamut) -> NDArray[np.uint8]:
    """Maps a picture to sRGB (H, W, 3) uint8.

    Args:
        signal: non-linear RGB (H, W, 3) uint16 from swscale, whose white is 65280 and not 65535.
        transfer: its transfer function.
        gamut: its primaries.
    """
    shown = np.empty(signal.shape, np.uint8)
    rows = max(1, _STRIP_PIXELS // max(1, signal.shape[1]))
    for top in range(0, len(signal), rows):
        shown[top : top + rows] = _tone_map_strip(signal[top : top + rows], transfer, gamut)
    return shown


def _tone_map_strip(signal: NDArray[np.uint16], transfer: Transfer, gamut: Gamut) -> NDArray[np.uint8]:
    import cv2

    light = np.take(_tabulate_light(transfer), signal)  # 1 is the white of the screen; before its system gamma for HLG
    if transfer is Transfer.HLG:
        luminance = light @ _BT2020_LUMINANCE
        light *= (np.maximum(luminance, 1e-6) ** (HLG_GAMMA - 1) * (HLG_PEAK_NITS / WHITE_NITS))[..., None]
    light = np.asarray(cv2.transform(light, _TO_BT709[gamut]), np.float32)
    brightest = np.maximum(np.maximum(light[..., 0], light[..., 1]), light[..., 2])
    light /= np.maximum(brightest, 1.0)[..., None]
    levels = np.maximum(light, 0.0) * (_OUTPUT_LEVELS - 1) + 0.5
    encoded: NDArray[np.uint8] = _tabulate_srgb()[levels.astype(np.uint16)]
    return encoded


@cache
def _tabulate_light(transfer: Transfer) -> NDArray[np.float32]:
    """Light of each level of the signal, (65536,) float32; 1 is the white of the screen."""
    signal = np.minimum(np.arange(2**16) / _SIGNAL_WHITE, 1.0)
    if transfer is Transfer.PQ:
        light = _decode_pq(signal) / WHITE_NITS
    elif transfer is Transfer.HLG:
        light = _decode_hlg(signal)
    else:
        light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def _decode_pq(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The EOTF of SMPTE ST 2084 (BT.2100, table 4)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = signal ** (1 / m2)
    nits: NDArray[np.float64] = 10_000 * (np.maximum(root - c1, 0.0) / (c2 - c3 * root)) ** (1 / m1)
    return nits


def _decode_hlg(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse OETF of ARIB STD-B67, 0..1 (BT.2100, table 5)."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    scene: NDArray[np.float64] = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return scene


@cache
def _tabulate_srgb() -> NDArray[np.uint8]:
    """Table of the sRGB code of each level of light, (16384,) uint8 (IEC 61966-2-1)."""
    light = np.linspace(0.0, 1.0, _OUTPUT_LEVELS)
    code = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(code * 255).astype(np.uint8)
