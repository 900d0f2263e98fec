"""Reads spans of seconds out of a text, by the rules of lmms-eval for Charades-STA, of CG-Bench, and ours."""

import re

from evals.scoring.published.clean_text import json_block
from evals.scoring.spans import Span
from tools.plain_data import loads_json

_EXAMPLE = "a specific example is : 20.8 - 30.0 seconds"
_KEYS = ("start", "end", "happen")
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?"
_NUMBER = r"\d+(?:\.\d+)?"


def lmms_charades(said: str) -> Span | None:
    """lmms-eval's span for Charades-STA: the first of the first sentence that has one, in order; None without one.

    `x - y`, `x to y` and `mm:ss - mm:ss` are read in sentences that speak of a start, an end or a happening, or in all
    if none does; "to" is a dash in every word.
    """
    text = said.lower().replace(_EXAMPLE, "").replace("to", "-")
    sentences = re.split(r"[!?\n]", text)
    spoken = [sentence for sentence in sentences if any(key in sentence for key in _KEYS)] or sentences
    for shape in (rf"\b({_CLOCK})\s*[–-]\s*({_CLOCK})\b", rf"(?<!\d)({_NUMBER})\s*[–-]\s*({_NUMBER})"):
        for sentence in spoken:
            if found := re.search(shape, sentence):
                return _order_span(_seconds(found[1]), _seconds(found[2]))
    clocks = [_seconds(clock) for sentence in spoken for clock in re.findall(rf"\b({_CLOCK})\b", sentence)]
    firsts = [float(n[0]) for sentence in spoken if (n := re.findall(rf"\b({_NUMBER})\b", sentence))]
    for times in (clocks, firsts):
        if len(times) >= 2:
            return _order_span(times[0], times[1])
    # a last resort: the numbers of a span in seconds, as 24.0s - 30.0s
    shape = rf"(?<!\d)({_NUMBER})\s*+s?\s*+[–-]\s*+({_NUMBER})\s*s?"
    last = next((found for sentence in spoken if (found := re.search(shape, sentence))), None)
    return _order_span(float(last[1]), float(last[2])) if last else None


def _seconds(clock: str) -> float:
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def _order_span(first: float, second: float) -> Span:
    return min(first, second), max(first, second)


def official_cgbench_spans(said: str, duration_seconds: float) -> tuple[Span, ...] | None:
    """CG-Bench's intervals in seconds: those of a ```json block, else all numbers in pairs; None where there are none.

    Intervals that all end by 1 are fractions of the video, but only in a block. A block with anything but a list is
    not read at all.
    """
    result = _result(json_block(said))
    if result is not None and not isinstance(result, list):
        return None
    spans = _spans(result)
    if spans is not None:
        is_fraction = all(start <= 1 and stop <= 1 for start, stop in spans)
        scale = duration_seconds if is_fraction else 1.0
        return tuple((scale * start, scale * stop) for start, stop in spans)
    numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", said)]
    return tuple(zip(numbers[::2], numbers[1::2], strict=False)) or None


def strict_cgbench_spans(said: str) -> tuple[Span, ...] | None:
    """Our strict intervals for CG-Bench: those of a ```json block, in seconds; None for any other text."""
    spans = _spans(_result(json_block(said)))
    return None if spans is None else tuple(spans)


def _result(block: str) -> object:
    try:
        return loads_json(block)["result"]
    except (ValueError, KeyError, TypeError):
        return None


def _spans(result: object) -> list[Span] | None:
    """The spans of one [start, end] or a list of them; None for any other value."""
    if not isinstance(result, list) or not result:
        return None
    pairs = result if isinstance(result[0], list) else [result]
    try:
        return [(float(pair[0]), float(pair[1])) for pair in pairs]
    except (IndexError, TypeError, ValueError):
        return None


def strict_span(said: str) -> Span | None:
    """The span of a text such as `24.3 - 30.4 seconds` with nothing else; None for any other text."""
    found = re.fullmatch(rf"\s*({_NUMBER}) - ({_NUMBER})(?: seconds)?\s*", said)
    return (float(found[1]), float(found[2])) if found and float(found[1]) <= float(found[2]) else None


def spell_span(span: Span) -> str:
    """A span as text, `24.3 - 30.4 seconds`, rounded to a thousandth."""
    start, stop = (f"{seconds:.3f}".rstrip("0").rstrip(".") for seconds in span)
    return f"{start} - {stop} seconds"
