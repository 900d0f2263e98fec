"""Colours come out as a person would see them: matrix, range, HDR, wide gamut, transparency, combs."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.coloured import Patch, seen, write_patches
from tools.toolbox import open_toolbox
from tools.video.video import Video

Floats = NDArray[np.float64]

# luminance of red and of blue (ITU-R BT.601, BT.709, BT.2020, SMPTE 240M)
BT601, BT709, BT2020, SMPTE240 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593), (0.212, 0.087)
PATCHES = ((235, 128, 128), (90, 100, 180), (150, 60, 80), (60, 180, 120))
WHITE, RED, GREEN, GREY = (255, 255, 255), (192, 0, 0), (0, 160, 0), (128, 128, 128)
PQ, HLG = 16, 18

TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # BT.2087


def decoded(codes: tuple[Patch, ...], luminance: tuple[float, float], *, full: bool = False) -> Floats:
    """(N, 3) 8-bit RGB of 8-bit YCbCr, by the definition."""
    red, blue = luminance
    y, cb, cr = np.array(codes, float).T
    if full:
        y, cb, cr = y / 255, (cb - 128) / 255, (cr - 128) / 255
    else:
        y, cb, cr = (y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    g = (y - red * r - blue * b) / (1 - red - blue)
    made: Floats = np.clip(np.stack([r, g, b], axis=1), 0, 1) * 255
    return made


def ten_bit_codes(signal: Floats) -> tuple[Patch, ...]:
    """10-bit limited-range Y'CbCr codes of non-linear BT.2020 RGB 0..1 (BT.2020, table 4 and 5)."""
    y = signal @ np.array([0.2627, 0.6780, 0.0593])
    cb, cr = (signal[:, 2] - y) / 1.8814, (signal[:, 0] - y) / 1.4746
    codes = np.round(np.stack([64 + 876 * y, 512 + 896 * cb, 512 + 896 * cr], axis=1)).astype(int)
    return tuple((int(a), int(b), int(c)) for a, b, c in codes)


def linear(srgb: tuple[Patch, ...]) -> Floats:
    """Light 0..1 of sRGB codes (IEC 61966-2-1)."""
    value = np.array(srgb) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def pq(light: Floats) -> Floats:
    """Signal of light whose 1 is 203 nits (SMPTE ST 2084)."""
    y = (np.maximum(light, 0) * 203 / 10000) ** 0.1593017578125
    made: Floats = ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375
    return made


def hlg(light: Floats) -> Floats:
    """Signal of display light whose 1 is 203 nits, on a display of 1000 nits (BT.2100: inverse OOTF, OETF)."""
    nits = light * 203
    luminance = (nits @ np.array([0.2627, 0.6780, 0.0593]))[:, None]
    scene = nits / 1000 * np.maximum(luminance / 1000, 1e-9) ** (-0.2 / 1.2)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    log = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
    return np.where(scene <= 1 / 12, np.sqrt(3 * np.maximum(scene, 0)), log)


def four(codes: tuple[Patch, ...]) -> tuple[Patch, Patch, Patch, Patch]:
    first, second, third, fourth = codes
    return first, second, third, fourth


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("matrix", "luminance"), [(1, BT709), (5, BT601), (6, BT601), (7, SMPTE240), (9, BT2020), (10, BT2020)]
)
def test_the_matrix_and_the_range_that_a_picture_carries_are_taken(
    tmp_path: Path, matrix: int, luminance: tuple[float, float], full: bool
) -> None:
    clip = write_patches(tmp_path / "c.mkv", PATCHES, matrix=matrix, colour_range=2 if full else 1)
    with Video(clip) as video:
        colours = seen(video.read_frame(0).pixels)
    np.testing.assert_allclose(colours, decoded(PATCHES, luminance, full=full), atol=2.6)


@pytest.mark.parametrize(
    ("name", "codec", "size", "luminance"),
    [
        ("hd.mkv", "ffv1", (1280, 720), BT709),
        ("portrait.mkv", "ffv1", (720, 1280), BT709),
        ("sd.mkv", "ffv1", (720, 576), BT601),
        ("small_portrait.mkv", "ffv1", (360, 640), BT601),
        ("vp8.webm", "libvpx", (1280, 720), BT601),
    ],
)
def test_a_picture_that_carries_no_matrix_has_the_one_of_its_size_and_codec(
    tmp_path: Path, name: str, codec: str, size: tuple[int, int], luminance: tuple[float, float]
) -> None:
    pixel_format = "yuv444p" if codec == "ffv1" else "yuv420p"
    with Video(write_patches(tmp_path / name, PATCHES, codec=codec, size=size, pixel_format=pixel_format)) as video:
        colours = seen(video.read_frame(0).pixels)
    np.testing.assert_allclose(colours, decoded(PATCHES, luminance), atol=2.6 if codec == "ffv1" else 5)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [("c.mkv", "ffv1", "bgr0"), ("c.avi", "utvideo", "gbrp"), ("c.mov", "png", "rgb24")],
)
def test_rgb_has_no_matrix_at_any_size(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    path, picture = tmp_path / name, np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=5)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, pixel_format
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixel_format)))
        container.mux(stream.encode(None))
    with Video(path) as video:
        np.testing.assert_array_equal(video.read_frame(0).pixels, picture)


def test_ycgco_that_swscale_refuses_is_decoded(tmp_path: Path) -> None:
    # Y = (R + 2 G + B) / 4, Cg = (-R + 2 G - B) / 4, Co = (R - B) / 2, full range (ISO/IEC 23091-2)
    rgb = np.array([(255, 255, 255), (200, 40, 60), (20, 180, 90), (10, 60, 220)])
    r, g, b = rgb.T
    codes = np.round(np.stack([(r + 2 * g + b) / 4, (2 * g - r - b) / 4 + 128, (r - b) / 2 + 128], axis=1)).astype(int)
    clip = write_patches(
        tmp_path / "c.mkv", four(tuple((int(y), int(u), int(v)) for y, u, v in codes)), matrix=8, colour_range=2
    )
    with Video(clip) as video:
        np.testing.assert_allclose(seen(video.read_frame(0).pixels), rgb, atol=3)
        assert video.info.gaps == ()


def test_colours_that_no_one_here_can_decode_are_said(tmp_path: Path) -> None:
    with Video(write_patches(tmp_path / "c.mkv", PATCHES, matrix=14, colour_range=1)) as video:
        assert video.read_frame(0).pixels.shape == (48, 64, 3)
        assert "ICtCp" in video.info.gaps[0]


def test_grey_of_limited_range_is_stretched_to_black_and_white(tmp_path: Path) -> None:
    greys = ((16, 0, 0), (235, 0, 0), (126, 0, 0), (60, 0, 0))
    for colour_range, expected in ((1, (0, 255, 128, 51)), (2, (16, 235, 126, 60))):
        clip = write_patches(tmp_path / f"{colour_range}.mkv", greys, pixel_format="gray", colour_range=colour_range)
        with Video(clip) as video:
            np.testing.assert_allclose(seen(video.read_frame(0).pixels)[:, 0], expected, atol=1)


@pytest.mark.parametrize("pixel_format", ["yuv444p10le", "yuv420p10le"])
@pytest.mark.parametrize(("transfer", "curve"), [(PQ, pq), (HLG, hlg)])
def test_hdr_below_reference_white_has_the_colours_it_has_on_an_sdr_screen(
    tmp_path: Path, transfer: int, curve: Callable[[Floats], Floats], pixel_format: str
) -> None:
    colours = (WHITE, RED, GREEN, GREY)
    codes = ten_bit_codes(curve(linear(colours) @ TO_BT2020.T))
    clip = write_patches(
        tmp_path / "c.mkv",
        four(codes),
        pixel_format=pixel_format,
        matrix=9,
        primaries=9,
        transfer=transfer,
        colour_range=1,
    )
    with Video(clip) as video:
        assert "high dynamic range" in video.info.notes[0]
        # a step of 10-bit HLG is up to 8 codes of sRGB where a channel is nearly dark
        np.testing.assert_allclose(seen(video.read_frame(0).pixels), colours, atol=9)
        np.testing.assert_allclose(seen(video.read_frame(0).pixels)[[0, 3]], (WHITE, GREY), atol=2)
        np.testing.assert_allclose(seen(video.read_frame(0, max_height=24).pixels), colours, atol=9)


@pytest.mark.parametrize(("transfer", "curve"), [(PQ, pq), (HLG, hlg)])
def test_what_is_brighter_than_white_keeps_its_hue(
    tmp_path: Path, transfer: int, curve: Callable[[Floats], Floats]
) -> None:
    light = np.array([(4.0, 4.0, 4.0), (3.0, 0.3, 0.3), (2.0, 1.0, 0.2), (0.4, 0.8, 2.0)])
    codes = ten_bit_codes(curve(light @ TO_BT2020.T))
    expected = light / light.max(axis=1, keepdims=True)
    srgb = np.where(expected <= 0.0031308, expected * 12.92, 1.055 * expected ** (1 / 2.4) - 0.055) * 255
    clip = write_patches(
        tmp_path / "c.mkv",
        four(codes),
        pixel_format="yuv444p10le",
        matrix=9,
        primaries=9,
        transfer=transfer,
        colour_range=1,
    )
    with Video(clip) as video:
        np.testing.assert_allclose(seen(video.read_frame(0).pixels), srgb, atol=6)


def test_wide_gamut_without_hdr_is_brought_into_that_of_the_screen(tmp_path: Path) -> None:
    colours = (WHITE, RED, GREEN, GREY)
    light = linear(colours) @ TO_BT2020.T
    signal = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    clip = write_patches(
        tmp_path / "c.mkv",
        four(ten_bit_codes(signal)),
        pixel_format="yuv444p10le",
        matrix=9,
        primaries=9,
        transfer=14,
        colour_range=1,
    )
    with Video(clip) as video:
        np.testing.assert_allclose(seen(video.read_frame(0).pixels), colours, atol=6)


def test_the_captioner_names_hdr_red_red_and_hdr_white_white(tmp_path: Path) -> None:
    codes = ten_bit_codes(pq(linear((WHITE, RED, GREEN, GREY)) @ TO_BT2020.T))
    clip = write_patches(
        tmp_path / "c.mkv",
        four(codes),
        pixel_format="yuv420p10le",
        size=(320, 180),
        matrix=9,
        primaries=9,
        transfer=PQ,
        colour_range=1,
    )
    with open_toolbox(clip, encoder="hashing", cache=tmp_path / "cache") as toolbox:
        for box, colour in (((0, 0, 0.5, 0.5), "white"), ((0.5, 0, 1, 0.5), "red"), ((0, 0.5, 0.5, 1), "green")):
            assert colour in toolbox.call("caption", {"box": box}).text
