"""Text detection and recognition by the two PP-OCRv6 networks of the `rapidocr` wheel, run directly.

Only the weights come from the package. Its own pipeline keeps per-call state in shared objects, sets up a logger when
imported and can download; these functions keep nothing between calls, so threads may share one model. Pictures are RGB
at the door and BGR for the networks, which were trained that way.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tools import packaged_weights
from tools.observation import MissingPartError

_DETECTOR = ("models/PP-OCRv6_det_small.onnx", "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f")
_RECOGNISER = ("models/PP-OCRv6_rec_small.onnx", "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884")

# The networks' own post-processing values (PP-OCR's defaults).
_LETTER_THRESHOLD = 0.3
_BOX_THRESHOLD = 0.5
_UNCLIP_RATIO = 1.6
# Tried where those find nothing: one thin line on an otherwise empty screen stays below them.
_FAINT_LETTER_THRESHOLD = 0.15
_FAINT_BOX_THRESHOLD = 0.25
# The recogniser's input in pixels; shorter lines are filled up.
_LINE_HEIGHT = 48
_LINE_MIN_WIDTH = 320
_SPACE_THRESHOLD = 0.15
"""Peak of the space's probability from which a gap between two letters is a space, although `blank` wins there: the
recogniser otherwise glues words ("Anunlucky bird"). True gaps peaked at 0.17-0.44, gaps inside words below 0.1 (picked
by eye on ten lines)."""
_ADDED_SCRIPTS = {
    "arabic": "Arabic",
    "cyrillic": "Cyrillic",
    "devanagari": "Devanagari",
    "el": "Greek with its accents",
    "eslav": "Cyrillic of the East Slavic languages",
    "ka": "Kannada",
    "korean": "Korean",
    "ta": "Tamil",
    "te": "Telugu",
    "th": "Thai",
}
"""Scripts of the recognisers that `rapidocr` can be given, by the beginning of their names."""
_INK_SHARE, _INK_QUANTILE = 0.5, 0.75
"""A piece of a line has ink from this share of this quantile of the contrasts of all pieces on."""
_NO_SPACE_AFTER = frozenset("./\\-_~:,'(\"")
"""Narrow signs, which leave as much room as a space does in a fixed-width font."""


@dataclass(frozen=True)
class Quad:
    """A slanted rectangle round a piece of text: four corners in pixels, clockwise from the top left."""

    corners: NDArray[np.float32]  # (4, 2) x, y
    score: float
    is_faint: bool = False
    """True if found only by thresholds at which texture passes too: to be believed only if it reads well."""


@dataclass(frozen=True)
class LineReading:
    """Text that one recogniser reads in the crop of a line."""

    text: str
    score: float
    """Mean probability of the letters, 0..1."""
    unread: float = 0.0
    """Longest stretch of ink in which no letter was recognised, in line heights."""


class TextModel:
    """The text detector and the recognisers, loaded once. Calls are pure and may come from several threads."""

    def __init__(self, threads: int = 1) -> None:
        if not packaged_weights.is_installed("onnxruntime"):
            raise MissingPartError(
                f"onnxruntime is not installed: run `{packaged_weights.make_install_command('ocr')}`"
            )
        import onnxruntime  # type: ignore[import-untyped]

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        # Taking fresh memory from the system for every picture is a fifth of the time. A plan of the memory for each
        # size of picture would be kept beside it.
        _share_scratch_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.enable_mem_pattern = False

        def load(file: str, sha256: str) -> Any:
            path = packaged_weights.find_file("rapidocr", file, sha256, extra="ocr")
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

        self._detector = load(*_DETECTOR)
        self._detector_input = self._detector.get_inputs()[0].name
        self._recognisers = [LineRecogniser(load(*_RECOGNISER))]
        self._recognisers += [
            LineRecogniser(load(f"models/{name}", sha256)) for name, sha256 in find_added_models().items()
        ]

    @property
    def letters(self) -> frozenset[str]:
        """Characters that any of the recognisers knows."""
        return frozenset[str]().union(*(recogniser.letters for recogniser in self._recognisers))

    @property
    def recognisers(self) -> int:
        """Number of recognisers; the first is that for Latin letters, Chinese and Japanese."""
        return len(self._recognisers)

    def detect(self, pixels: NDArray[np.uint8], scale: float) -> list[Quad]:
        """Detects text in an RGB picture (H, W, 3), enlarged by `scale`; corners in the picture's own pixels."""
        height, width = pixels.shape[:2]
        rows = max(32, round(height * scale / 32) * 32)
        columns = max(32, round(width * scale / 32) * 32)
        probability = self._detector.run(None, {self._detector_input: _prepare_input(pixels, rows, columns)[None]})[0]
        back = np.array([width / columns, height / rows], np.float32)
        quads = find_quads(probability[0, 0]) or find_quads(probability[0, 0], is_faint=True)
        return [replace(quad, corners=quad.corners * back) for quad in quads]

    def recognise(self, pixels: NDArray[np.uint8], stretch: float = 1.0, recogniser: int = 0) -> LineReading:
        """Reads an upright crop of one line.

        Args:
            pixels: RGB (H, W, 3).
            stretch: factor by which the letters are widened before they are read.
            recogniser: number of the recogniser, from 0.
        """
        return self._recognisers[recogniser].read(pixels, stretch)


@cache
def _share_scratch_memory() -> None:
    """Has the networks use scratch memory again, one store for all of them that grows by what is asked for.

    The library's usual one grows by powers of two, once for each network.
    """
    import onnxruntime

    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    as_requested = 1
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg({"arena_extend_strategy": as_requested}))


class LineRecogniser:
    """One recognition network, with the characters that it knows."""

    def __init__(self, session: Any) -> None:
        self._session = session
        alphabet = session.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._alphabet = ["", *alphabet, " "]  # class 0 is CTC's blank, the last one the space
        self._input = session.get_inputs()[0].name

    @property
    def letters(self) -> frozenset[str]:
        """Characters that the network knows."""
        return frozenset("".join(self._alphabet))

    def read(self, pixels: NDArray[np.uint8], stretch: float) -> LineReading:
        """Reads an upright RGB crop (H, W, 3) of one line."""
        height, width = pixels.shape[:2]
        columns = max(8, round(_LINE_HEIGHT * width / height * stretch))
        line = np.zeros((3, _LINE_HEIGHT, max(_LINE_MIN_WIDTH, columns)), np.float32)
        line[:, :, :columns] = _prepare_input(pixels, _LINE_HEIGHT, columns)
        probability = self._session.run(None, {self._input: line[None]})[0][0]  # (T, classes)
        reading = decode_letters(probability, self._alphabet)
        steps = -(-columns * len(probability) // line.shape[2])  # those over the crop and not over what fills it up
        is_letter = probability[:steps].argmax(axis=1) % (len(self._alphabet) - 1) > 0  # neither blank nor space
        unread = measure_longest_unread(has_ink(line[:, :, :columns], steps), is_letter)
        return replace(reading, unread=unread * columns / steps / _LINE_HEIGHT)


def find_added_models() -> dict[str, str]:
    """File names and SHA-256 of recognisers for further scripts that were put beside those of the package.

    Taken are files whose name and hash `rapidocr` itself lists, where it would have put them; nothing is downloaded.
    """
    if not packaged_weights.is_installed("rapidocr"):
        return {}
    folder = packaged_weights.find_folder("rapidocr", extra="ocr")
    listed = (folder / "default_models.yaml").read_text(encoding="utf-8")
    # a line with where a model comes from, and one with its hash
    known = re.findall(r"/([\w.-]+)\s+SHA256: ([0-9a-f]{64})", listed)
    recognisers = {name: sha256 for name, sha256 in known if "_rec_" in name and name.endswith(".onnx")}
    is_here = {name for name in recognisers if _name_scripts(name) and (folder / "models" / name).is_file()}
    return {name: sha256 for name, sha256 in recognisers.items() if name in is_here}


def list_added_scripts() -> list[str]:
    """Scripts that the added recognisers read, besides Latin letters, Chinese and Japanese."""
    return sorted({_name_scripts(name) for name in find_added_models()})


def list_missing_scripts() -> list[str]:
    """Scripts for which `rapidocr` lists a recogniser that is not installed."""
    return sorted(set(_ADDED_SCRIPTS.values()) - set(list_added_scripts()))


def _name_scripts(model: str) -> str:
    """Scripts that a recogniser of the package adds, by its file name; empty for those that add none."""
    return _ADDED_SCRIPTS.get(model.split("_")[0], "")


def _prepare_input(pixels: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.float32]:
    """Input of a network, (3, rows, columns) float32 BGR in -1..1, of an RGB picture."""
    # Linear where it shrinks, aliasing and all: the networks were trained so, and large titles read worse averaged.
    shrinks = rows < pixels.shape[0]
    resized = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_LINEAR if shrinks else cv2.INTER_CUBIC)
    return np.ascontiguousarray(resized[:, :, ::-1].transpose(2, 0, 1)).astype(np.float32) / 127.5 - 1.0


def find_quads(probability: NDArray[np.float32], is_faint: bool = False) -> list[Quad]:
    """Rectangles round the connected regions of a text probability map (H, W), in the map's pixels."""
    letter_threshold = _FAINT_LETTER_THRESHOLD if is_faint else _LETTER_THRESHOLD
    box_threshold = _FAINT_BOX_THRESHOLD if is_faint else _BOX_THRESHOLD
    mask = cv2.dilate((probability > letter_threshold).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    quads = []
    for contour in contours:
        centre, (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < 3:
            continue
        score = _average_inside(probability, _compute_corners(centre, width, height, angle))
        if score < box_threshold:
            continue
        # The network marks the core of each line; growing a rectangle by a distance on every side is what clipping
        # its rounded outline and taking the smallest rectangle again comes to.
        grow = 2 * width * height * _UNCLIP_RATIO / (2 * (width + height))
        quads.append(
            Quad(_sort_clockwise(_compute_corners(centre, width + grow, height + grow, angle)), score, is_faint)
        )
    return quads


def _compute_corners(centre: Sequence[float], width: float, height: float, angle: float) -> NDArray[np.float32]:
    return np.asarray(cv2.boxPoints((centre, (width, height), angle)), np.float32)


def _average_inside(probability: NDArray[np.float32], corners: NDArray[np.float32]) -> float:
    rows, columns = probability.shape
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (columns - 1, rows - 1))
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, (columns - 1, rows - 1))
    inside = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(inside, [(corners - (left, top)).astype(np.int32)], (1,))
    return float(cv2.mean(probability[top : bottom + 1, left : right + 1], inside)[0])


def _sort_clockwise(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Orders corners (4, 2) from the top left on, so that the first edge runs along the reading direction."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = by_x[:2], by_x[2:]
    top_left, bottom_left = left[np.argsort(left[:, 1])]
    top_right, bottom_right = right[np.argsort(right[:, 1])]
    return np.stack([top_left, top_right, bottom_right, bottom_left]).astype(np.float32)


def decode_letters(probability: NDArray[np.float32], alphabet: list[str]) -> LineReading:
    """Greedy CTC decoding of probabilities (T, classes), with spaces put back where the network half saw one."""
    best = probability.argmax(axis=1)
    space = probability[:, -1]
    letters: list[str] = []
    scores: list[float] = []
    gap_peak, last = 0.0, 0
    for step, index in enumerate(best):
        if index == 0:
            gap_peak = max(gap_peak, float(space[step]))
        elif index != last:
            letter = alphabet[index]
            if gap_peak > _SPACE_THRESHOLD and _needs_space(letters, letter):
                letters.append(" ")
            letters.append(letter)
            scores.append(float(probability[step, index]))
            gap_peak = 0.0
        last = index
    return LineReading("".join(letters).strip(), float(np.mean(scores)) if scores else 0.0)


def has_ink(line: NDArray[np.float32], steps: int) -> NDArray[np.bool_]:
    """Whether anything is drawn in each of `steps` equal pieces along a line (3, rows, columns); (steps,) bool.

    Ink is where a piece has at least half the contrast of most pieces: the paper of a busy picture has some, too.
    """
    grey = line.mean(axis=0)
    contrast = np.array([float(np.ptp(piece)) for piece in np.array_split(grey, steps, axis=1) if piece.size])
    return np.asarray(contrast >= _INK_SHARE * np.quantile(contrast, _INK_QUANTILE), np.bool_)


def measure_longest_unread(ink: NDArray[np.bool_], is_letter: NDArray[np.bool_]) -> int:
    """Largest number of pieces with ink between two letters, or between a letter and an end of the line."""
    longest, here = 0, 0
    for inked, read in zip(ink, is_letter, strict=False):
        here = 0 if read else here + int(inked)
        longest = max(longest, here)
    return longest


def _needs_space(before: list[str], after: str) -> bool:
    return bool(before) and before[-1] != " " and after != " " and before[-1] not in _NO_SPACE_AFTER
