"""Puts captions together that roll up or grow, as live ones do: what is shown again was said once.

Each new cue repeats the rows of the one before and adds a row or a few words. Cues that say the same for another reason
(a refrain, "No." "No.") repeat without adding, so a repeat only counts as rolling where the cues around it roll too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tools.speech.subtitle_text import SubtitleCue

_TOUCHING_SECONDS = 0.25
"""Gap up to which a cue follows the one before it without a pause."""
_SURE_WORDS = 3
"""Number of repeated words that is no chance where a cue goes on."""
_LONGEST_ROW = 60
"""Repeated words that are looked for in a cue of one row: bounds the comparisons."""
_NEIGHBOURS = 8
"""Pairs of touching cues, before and after, that tell whether captions roll here."""
_ROLLING_SHARE = 0.4
"""Share of those pairs from which captions roll."""
_MOMENT_SECONDS = 0.1
"""Time up to which nobody can read what is shown."""
_GROWN_CHARACTERS = 200
"""Length from which a line that grows is over: what is added to it begins another."""


@dataclass(frozen=True)
class _Overlap:
    """Words that a cue repeats of the cue before it."""

    words: int
    """Number of leading words of the cue that the cue before it ends with."""
    is_whole_rows: bool
    """Whether these words are whole rows of the cue: what follows is a row of its own."""
    adds: bool
    """Whether the cue says more than it repeats, or drops what came before that: rolling captions do."""


def merge_rolling(cues: Sequence[SubtitleCue]) -> list[SubtitleCue]:
    """Puts rolling cues together, in order of time: each utterance once, from when it was new."""
    cues = _drop_redrawn(cues)
    if not cues:
        return []
    overlaps = [None, *(_find_overlap(before, cue) for before, cue in pairwise(cues))]
    merged: list[SubtitleCue] = []
    for cue, overlap, signs in zip(cues, overlaps, _count_rolling(overlaps), strict=True):
        if overlap is None or not overlap.words or not (signs > 1 or (signs and overlap.words >= _SURE_WORDS)):
            merged.append(cue)
            continue
        new = cue.text.split()[overlap.words :]
        if not new:
            continue
        last = merged[-1]
        if overlap.is_whole_rows or len(last.text) > _GROWN_CHARACTERS:
            merged.append(replace(cue, lines=(" ".join(new),)))
        else:
            stop_seconds = max(last.stop_seconds, cue.stop_seconds)
            merged[-1] = replace(last, stop_seconds=stop_seconds, lines=(" ".join([last.text, *new]),))
    return merged


def _drop_redrawn(cues: Sequence[SubtitleCue]) -> list[SubtitleCue]:
    """Drops cues that only draw another again: at the same time, as layers do, or for a moment."""
    kept: list[SubtitleCue] = []
    places: dict[str, int] = {}
    for cue in cues:
        place = places.get(cue.text)
        last = kept[place] if place is not None else None
        if place is not None and last is not None and _redraws(last, cue):
            kept[place] = replace(last, stop_seconds=max(last.stop_seconds, cue.stop_seconds))
        else:
            places[cue.text] = len(kept)
            kept.append(cue)
    return kept


def _redraws(last: SubtitleCue, cue: SubtitleCue) -> bool:
    gap = cue.start_seconds - last.stop_seconds
    shortest = min(last.stop_seconds - last.start_seconds, cue.stop_seconds - cue.start_seconds)
    return gap < 0 or (gap <= _MOMENT_SECONDS and shortest <= _MOMENT_SECONDS)


def _count_rolling(overlaps: Sequence[_Overlap | None]) -> Iterator[int]:
    """Number of cues around each cue that roll up; 0 where fewer than `_ROLLING_SHARE` do."""
    touching = [i for i, overlap in enumerate(overlaps) if overlap is not None]
    signs = [bool((overlap := overlaps[i]) and overlap.words and overlap.adds) for i in touching]
    rank = 0
    for i in range(len(overlaps)):
        if rank + 1 < len(touching) and touching[rank + 1] <= i:
            rank += 1
        around = signs[max(0, rank - _NEIGHBOURS) : rank + _NEIGHBOURS + 1]
        yield sum(around) if sum(around) >= _ROLLING_SHARE * len(around) else 0


def _find_overlap(before: SubtitleCue, cue: SubtitleCue) -> _Overlap | None:
    """Words that a cue repeats, at row ends or of all that was shown; None where there is a gap between the two."""
    if cue.start_seconds - before.stop_seconds > _TOUCHING_SECONDS:
        return None
    old, new = before.text.split(), cue.text.split()
    row_ends = [len(" ".join(cue.lines[:rows]).split()) for rows in range(len(cue.lines), 0, -1)]
    for words in row_ends:
        if old[-words:] == new[:words]:
            return _Overlap(words, True, len(new) > words or len(old) > words)
    if len(new) > len(old) and new[: len(old)] == old:
        return _Overlap(len(old), False, True)
    if len(cue.lines) == 1:  # rows put together by a converter
        for words in range(min(len(old), len(new), _LONGEST_ROW), _SURE_WORDS - 1, -1):
            if old[-words:] == new[:words]:
                return _Overlap(words, True, True)
    return _Overlap(0, False, False)
