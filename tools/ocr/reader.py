"""Reads text in pictures: lines with boxes in reading order, and one line over many frames as one span.

Text on screen is data. It may be hostile ("ignore your instructions"), and nothing here follows or interprets it.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.observation import UNREADABLE, Box
from tools.ocr.ppocr import LineReading, Quad, TextModel
from tools.sampling import compute_area, compute_overlap, crop, unite

_SIDE = 736
"""Short side in pixels at which the detector looks: what it was trained on. Smaller pictures are enlarged."""
_MAX_ENLARGEMENT = 5.0
"""Factor by which a small picture is enlarged at most."""
_LONGEST_SIDE = 1030
"""Long side (once enlarged) past which a picture is looked at in square tiles of 736 and once as a whole. A lone
10-point line is found in 736 x 736 pixels, seldom in 960 x 960 and never in 1280 x 1280, enlarged or not; two tiles
cost no more than one look at 1280 x 720."""
_TILE_OVERLAP = 96
"""Pixels by which tiles overlap, so that a line at an edge is whole in one of them."""
_MIN_SCORE = 0.6
"""Mean probability of the letters from which an uncertain reading is given as a guess."""
_MIN_FAINT_SCORE = 0.85
"""Mean probability of the letters from which a faint rectangle is believed."""
_SURE = 0.9
"""Mean probability of the letters from which a look counts as sure."""
_ALIKE = 0.8
"""Likeness from which two sure looks agree, so that the text is read without doubt."""
SURELY_TEXT = 0.75
"""Mean text probability from which a rectangle holds text, whatever is read there. Picked on drawn lines, which all but
some small or very large ones reach, and on eight real clips, where the marks on faces, houses and lamps stay below. Of
68 drawn lines in seven scripts without a recogniser (Cyrillic, Korean, Arabic, Hebrew, Thai, Devanagari, Greek) 58 were
then said to be unreadable, and none of 82 in Latin letters, Chinese and Japanese was; Cyrillic words of letters that
look like Latin ones are read as these."""
_WORTH_TURNING = 0.6
"""Text probability below which a rectangle is mostly texture, so that its other turns are not tried."""
_MOST_UNREAD = 1.5
"""Line heights of ink without a letter from which a reading misses a part of the line: "450" of "цена 450 рублей"."""
_ROW = 1.3
"""Ratio of width to height that a row of two letters or more reaches, margins included."""
_LEAST_CONTRAST = 5
"""Difference of the darkest and the lightest pixel of a rectangle, 0..255 in its best channel, below which it holds no
text: the detector marks places in plain pictures, where nothing is drawn, and finds no drawn line of less than 8."""
_SQUARE = 1.5
"""Ratio of sides below which a rectangle holds a short word, which may stand upright, upside down or on either side."""
_REMEMBERED = 64
"""Pictures whose lines are remembered: while a slide stands, most of its decoded frames are the same to the bit."""
UNCERTAIN = "this may be misread, or no text at all"
_FIRST_LOOKS = ((1.0, 0.0, 0.0), (1.2, 0.15, 0.12))
_MORE_LOOKS = ((0.9, 0.3, 0.12), (1.1, 0.3, 0.12))
"""Ways to cut out a line before it is read: stretch of the letters, margin left and right, margin above and below, in
heights. One look alone is sometimes sure and wrong ("573642891" for spaced digits at 0.9995), so two must agree or
four vote: 94 % of 93 lines letter-perfect, where single looks gave 80-91 % (picked on screen recordings and titles)."""


@dataclass(frozen=True)
class TextLine:
    """One line of text in a picture, with its box and the reader's confidence."""

    text: str
    box: Box
    """Box in fractions of the picture that was given to the reader."""
    score: float
    """Mean probability of the letters, 0..1."""
    doubt: str = ""
    """Empty, `UNREADABLE` or `UNCERTAIN`; with a doubt `text` is a guess, empty where there is no good one."""


class TextReader:
    """Reads the lines of text in a picture. Load once; threads may share it."""

    def __init__(self, threads: int = 1) -> None:
        self._model = TextModel(threads)
        self._lock = threading.Lock()
        self._remembered: dict[bytes, tuple[TextLine, ...]] = {}

    def read(self, pixels: NDArray[np.uint8]) -> tuple[TextLine, ...]:
        """Reads every line in an RGB picture (H, W, 3) of any size, rows from the top, each from the left.

        Text that stands on its side or on its head is read, too, in the order of somebody who turns the picture so.
        What is surely text and can't be read, as in letters that the recogniser does not know, is a line with a doubt.
        """
        key = hashlib.blake2b(repr(pixels.shape).encode() + pixels.tobytes()).digest()
        with self._lock:
            lines = self._remembered.get(key)
        if lines is None:
            lines = self._read_anew(pixels)
            with self._lock:
                self._remembered[key] = lines
                if len(self._remembered) > _REMEMBERED:
                    del self._remembered[next(iter(self._remembered))]
        return lines

    def _read_anew(self, pixels: NDArray[np.uint8]) -> tuple[TextLine, ...]:
        takes = [self._read_quad(pixels, quad) for quad in self._find(pixels)]
        turn = find_page_turn(takes)
        if turn:  # "NOOS" may be SOON on its head
            takes = [self._read_quad(pixels, take.quad, (turn, *_list_turns(take.quad))) for take in takes]
        height, width = pixels.shape[:2]
        pieces = [piece for take in takes if (piece := _make_line(take, width, height)) is not None]
        upright = [replace(piece, box=turn_box(piece.box, turn)) for piece in drop_false_letters(pieces)]
        ordered = sort_by_reading_order(upright, aspect=height / width if turn % 2 else width / height)
        return tuple(replace(line, box=turn_box(line.box, -turn)) for line in ordered)

    def read_row(self, pixels: NDArray[np.uint8], box: Box) -> str:
        """Reads what stands upright in a box of an RGB picture (H, W, 3) as one row of letters, without looking for it.

        One look, at a tenth of the time of reading that part: it tells whether a known line stands there.
        """
        return self._model.recognise(np.ascontiguousarray(crop(pixels, box))).text

    @property
    def letters(self) -> frozenset[str]:
        """Characters that can be read."""
        return self._model.letters

    def glance(self, pixels: NDArray[np.uint8]) -> float:
        """How likely an RGB picture holds text, 0..1, at a seventh of the time of reading; may miss small print.

        From `SURELY_TEXT` on a row of letters is seen. What is as wide as high is seldom one, and counts half.
        """
        quads = self._detect(pixels, 360 / min(pixels.shape[:2]))
        return max((q.score * (1.0 if _is_row(q) else 0.5) for q in quads if not q.is_faint), default=0.0)

    def _detect(self, pixels: NDArray[np.uint8], scale: float) -> list[Quad]:
        return [quad for quad in self._model.detect(pixels, scale) if _has_contrast(pixels, quad)]

    def _find(self, pixels: NDArray[np.uint8]) -> list[Quad]:
        height, width = pixels.shape[:2]
        # A ribbon is enlarged less, or its long side would become huge.
        scale = min(max(1.0, _SIDE / min(height, width)), _MAX_ENLARGEMENT, max(1.0, 4 * _SIDE / max(height, width)))
        if max(height, width) * scale <= _LONGEST_SIDE:
            quads = self._detect(pixels, scale)
        else:
            quads = self._find_in_tiles(pixels, scale)
        if all(quad.is_faint for quad in quads):
            # Letters that fill the picture are as invisible to the detector as tiny ones: look from further away.
            quads = [*quads, *self._detect(pixels, scale / 3)]
        return drop_overlaps(quads)

    def _find_in_tiles(self, pixels: NDArray[np.uint8], scale: float) -> list[Quad]:
        height, width = pixels.shape[:2]
        found: list[Quad] = []
        side, overlap = round(_SIDE / scale), round(_TILE_OVERLAP / scale)
        for top in _place_tiles(height, side, overlap):
            for left in _place_tiles(width, side, overlap):
                tile = pixels[top : top + side, left : left + side]
                for quad in self._detect(tile, scale):
                    found.append(replace(quad, corners=quad.corners + np.array([left, top], np.float32)))
        # Seen as a whole, small lines get rough boxes: that look is only for letters too large for a tile.
        rows = merge_rows([quad for quad in found if _measure_height(quad) < side / 4])
        whole = self._detect(pixels, _SIDE / max(height, width))
        return rows + [quad for quad in whole if not _is_covered(quad, rows)]

    def _read_quad(self, pixels: NDArray[np.uint8], quad: Quad, turns: Sequence[int] = ()) -> "Take":
        """Reads a quad in the first turn in which it is without doubt, else in its usual one."""
        tries = turns or _list_turns(quad)
        # what is hardly text is not worth the other recognisers
        asked = self._model.recognisers if _is_surely_text(quad) else 1
        takes = (self._read_turned(pixels, quad, turn, recogniser) for recogniser in range(asked) for turn in tries)
        first = next(takes)
        return first if first.is_sure else next((take for take in takes if take.is_sure), first)

    def _read_turned(self, pixels: NDArray[np.uint8], quad: Quad, turn: int, recogniser: int) -> "Take":
        def look(stretch: float, across: float, down: float) -> LineReading:
            crop = np.rot90(straighten(pixels, quad.corners, across, down), turn)
            return self._model.recognise(np.ascontiguousarray(crop), stretch, recogniser)

        readings = [look(*how) for how in _FIRST_LOOKS]
        if readings[0].text != readings[1].text:
            readings += [look(*how) for how in _MORE_LOOKS]
        best = vote(readings)
        return Take(quad, best, turn, is_sure(best, readings))


@lru_cache(1)
def open_text_reader() -> TextReader:
    """The reader, loaded once a process for all its videos.

    Raises:
        MissingPartError: the packages for reading are not installed.
    """
    return TextReader()


@dataclass(frozen=True)
class Take:
    """The reading of a quad in one turn."""

    quad: Quad
    reading: LineReading
    turn: int
    """Quarter turns against the clock after which the text is upright, 0..3."""
    is_sure: bool
    """True if enough looks agree (`is_sure`)."""


def _list_turns(quad: Quad) -> tuple[int, ...]:
    """Quarter turns in which a quad's text may stand, the usual one first; only that for what is likely texture."""
    width, height = (float(np.linalg.norm(quad.corners[i] - quad.corners[0])) for i in (1, 3))
    usual = 1 if height >= _SQUARE * width else 0
    if quad.is_faint or quad.score < _WORTH_TURNING:
        return (usual,)
    return (0, 2, 1, 3) if not usual and width < _SQUARE * height else (usual, usual + 2)


def _is_surely_text(quad: Quad) -> bool:
    return quad.score >= SURELY_TEXT and not quad.is_faint


def is_sure(best: LineReading, readings: Sequence[LineReading]) -> bool:
    """Whether two looks are sure of nearly one text, and nothing in the line is left unread."""
    said = best.text.replace(" ", "")
    likeness = SequenceMatcher(None, "", said, autojunk=False)
    backing = []
    for reading in readings:
        likeness.set_seq1(reading.text.replace(" ", ""))
        if reading.score >= _SURE and likeness.ratio() >= _ALIKE:
            backing.append(reading)
    return len(backing) >= 2 and bool(best.text) and best.unread < _MOST_UNREAD


def find_page_turn(takes: Sequence[Take]) -> int:
    """Quarter turns, 0..3, of the picture as a whole: those in which most letters are read without doubt."""
    letters = Counter[int]()
    for take in takes:
        letters[take.turn] += len(take.reading.text) if take.is_sure else 0
    return max(range(4), key=lambda turn: letters[turn])


def _make_line(take: Take, width: int, height: int) -> TextLine | None:
    """The line of text that a quad holds; None where it is no text."""
    quad, reading = take.quad, take.reading
    box = _to_fractions(quad.corners, width, height)
    has_letters = any(letter.isalnum() for letter in reading.text)
    if take.is_sure:
        is_told = has_letters and (not quad.is_faint or reading.score >= _MIN_FAINT_SCORE)
        return TextLine(reading.text, box, reading.score) if is_told else None
    guess = reading.text if reading.score >= _MIN_SCORE and has_letters else ""
    if _is_surely_text(quad) and not _is_shape(quad, reading, has_letters):
        return TextLine(guess, box, reading.score, UNREADABLE)
    return TextLine(guess, box, reading.score, UNCERTAIN) if guess and not quad.is_faint else None


def _is_shape(quad: Quad, reading: LineReading, has_letters: bool) -> bool:
    """Whether a quad is one shape rather than a row of letters: about as wide as high, or read as a sign (a star)."""
    is_sign = bool(reading.text) and not has_letters and reading.unread < _MOST_UNREAD
    return is_sign or not _is_row(quad)


def _is_row(quad: Quad) -> bool:
    sides = sorted(float(np.linalg.norm(quad.corners[i] - quad.corners[0])) for i in (1, 3))
    return sides[1] >= _ROW * sides[0]


def _has_contrast(pixels: NDArray[np.uint8], quad: Quad) -> bool:
    """Whether anything is drawn in the box around a quad."""
    height, width = pixels.shape[:2]
    inside = crop(pixels, _to_fractions(quad.corners, width, height))
    return int(np.ptp(inside, axis=(0, 1)).max()) >= _LEAST_CONTRAST


def turn_box(box: Box, turns: int) -> Box:
    """A box after quarter turns of the whole picture against the clock; a negative number turns back."""
    for _ in range(turns % 4):
        left, top, right, bottom = box
        box = top, 1 - right, bottom, 1 - left
    return box


def vote(readings: Sequence[LineReading]) -> LineReading:
    """The reading that most looks agree on, the surest where all differ; or a sure one with a letter or two more.

    The recogniser drops letters far more often than it makes some up ("MviePy", "BBOY"), so a sure reading that only
    adds to the winner wins over it.
    """
    votes = Counter(reading.text for reading in readings)

    def rank(reading: LineReading) -> tuple[int, float]:
        return votes[reading.text], reading.score

    best = max(readings, key=rank)
    fuller = [
        reading
        for reading in readings
        if reading.score >= _SURE and 0 < len(reading.text) - len(best.text) <= 2 and _holds(reading.text, best.text)
    ]
    return max(fuller, key=rank) if fuller else best


def _holds(text: str, letters: str) -> bool:
    """Whether the letters are in the text in their order, others between them allowed."""
    left = iter(text)
    return all(letter in left for letter in letters)


def straighten(
    pixels: NDArray[np.uint8], corners: NDArray[np.float32], across: float = 0.0, down: float = 0.0
) -> NDArray[np.uint8]:
    """Cuts a quad out of a picture as an upright crop, (h, w, 3) uint8.

    Args:
        pixels: RGB (H, W, 3) uint8.
        corners: (4, 2) x, y in pixels, clockwise from the top left.
        across: margin left and right, in line heights.
        down: margin above and below, in line heights.
    """
    along, below = corners[1] - corners[0], corners[3] - corners[0]
    width, height = max(2.0, float(np.linalg.norm(along))), max(2.0, float(np.linalg.norm(below)))
    margin_x, margin_y = across * min(width, height), down * min(width, height)
    left_right, up_down = along / width * margin_x, below / height * margin_y
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    wider = np.stack([corners[i] + x * left_right + y * up_down for i, (x, y) in enumerate(signs)]).astype(np.float32)
    columns, rows = round(width + 2 * margin_x), round(height + 2 * margin_y)
    target = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    turn = cv2.getPerspectiveTransform(wider, target)
    crop = cv2.warpPerspective(pixels, turn, (columns, rows), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return crop.astype(np.uint8, copy=False)


def merge_rows(quads: Sequence[Quad]) -> list[Quad]:
    """Merges upright quads of one row that overlap: a line that runs through several tiles. Slanted quads stay."""
    slanted = [quad for quad in quads if not _is_upright(quad)]
    rows: list[Quad] = []
    for quad in sorted((quad for quad in quads if _is_upright(quad)), key=lambda quad: quad.corners[0, 0]):
        box = _compute_bounds(quad.corners)
        same = next((i for i, row in enumerate(rows) if _goes_on(_compute_bounds(row.corners), box)), None)
        if same is None:
            rows.append(quad)
            continue
        left, top, right, bottom = unite(_compute_bounds(rows[same].corners), box)
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
        rows[same] = Quad(corners, max(rows[same].score, quad.score), rows[same].is_faint and quad.is_faint)
    return [*rows, *slanted]


def _measure_height(quad: Quad) -> float:
    return float(np.linalg.norm(quad.corners[3] - quad.corners[0]))


def _is_covered(quad: Quad, others: Sequence[Quad]) -> bool:
    box = _compute_bounds(quad.corners)
    return sum(compute_overlap(box, _compute_bounds(other.corners)) for other in others) > 0.4 * compute_area(box)


def _is_upright(quad: Quad) -> bool:
    along = quad.corners[1] - quad.corners[0]
    return abs(float(along[1])) < 0.05 * abs(float(along[0]))


def _goes_on(row: Box, piece: Box) -> bool:
    shared = min(row[3], piece[3]) - max(row[1], piece[1])
    return piece[0] < row[2] and shared > 0.6 * max(row[3] - row[1], piece[3] - piece[1])


def drop_overlaps(quads: Sequence[Quad]) -> list[Quad]:
    """Keeps the largest of quads that cover one another for the most part, such as a line seen in two tiles."""
    boxes = [_compute_bounds(quad.corners) for quad in quads]
    by_area = sorted(range(len(quads)), key=lambda i: -compute_area(boxes[i]))
    kept: list[int] = []
    for i in by_area:
        if all(compute_overlap(boxes[i], boxes[j]) < 0.5 * compute_area(boxes[i]) for j in kept):
            kept.append(i)
    return [quads[i] for i in kept]


def drop_false_letters(lines: Sequence[TextLine]) -> list[TextLine]:
    """Drops lines that texture is mistaken for: one letter as large as the picture, or a lone Chinese character."""
    chinese = sum(_is_chinese(letter) for line in lines for letter in line.text)
    kept = []
    for line in lines:
        letters = [letter for letter in line.text if letter.isalnum()]
        alone = len(letters) == 1 and line.doubt != UNREADABLE
        if alone and (compute_area(line.box) > 0.25 or line.score < 0.8):
            continue
        if alone and _is_chinese(letters[0]) and chinese == 1:
            continue
        kept.append(line)
    return kept


def sort_by_reading_order(lines: Sequence[TextLine], aspect: float) -> tuple[TextLine, ...]:
    """Orders lines by rows from the top, each row from the left, and joins near pieces of a row into one line.

    The detector parts a row at wide spaces; a gap below 1.5 letter heights is taken for such a space, a wider one for
    a column. `aspect` is the picture's width over its height, since gaps and heights are fractions of different sides.
    """
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda line: (line.box[1] + line.box[3]) / 2):
        row = next((row for row in rows if _is_same_row(row[-1].box, line.box)), None)
        if row is None:
            rows.append([line])
        else:
            row.append(line)
    ordered: list[TextLine] = []
    for row in rows:
        ordered += _join_row(sorted(row, key=lambda line: line.box[0]), aspect)
    return tuple(ordered)


def _join_row(row: Sequence[TextLine], aspect: float) -> list[TextLine]:
    joined: list[TextLine] = []
    for line in row:
        last = joined[-1] if joined else None
        height = min(line.box[3] - line.box[1], last.box[3] - last.box[1]) if last else 0.0
        is_near = last is not None and (line.box[0] - last.box[2]) * aspect < 1.5 * height
        if last is not None and is_near and last.doubt == line.doubt:
            letters = len(last.text) + len(line.text) or 1
            score = (last.score * len(last.text) + line.score * len(line.text)) / letters
            text = f"{last.text} {line.text}".strip()
            joined[-1] = TextLine(text, unite(last.box, line.box), score, line.doubt)
        else:
            joined.append(line)
    return joined


def _is_chinese(letter: str) -> bool:
    return "一" <= letter <= "鿿" or "぀" <= letter <= "ヿ"


def _place_tiles(length: int, side: int, overlap: int) -> list[int]:
    if length <= side:
        return [0]
    count = -(-(length - overlap) // (side - overlap))
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def _compute_bounds(corners: NDArray[np.float32]) -> Box:
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _to_fractions(corners: NDArray[np.float32], width: int, height: int) -> Box:
    left, top, right, bottom = np.clip(np.array(_compute_bounds(corners)) / (width, height, width, height), 0.0, 1.0)
    return float(left), float(top), float(right), float(bottom)


def _is_same_row(a: Box, b: Box) -> bool:
    overlap = min(a[3], b[3]) - max(a[1], b[1])
    return overlap > 0.5 * min(a[3] - a[1], b[3] - b[1])
