"""The wait that a server asks for, wherever it says so: in a header, in a field, or in a sentence."""

import math
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

_UNITS = {"ms": 0.001, "mil": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"\d{1,9}(?:\.\d{1,12})?\s?(?:milliseconds?|ms|hours?|h|minutes?|mins?|m|seconds?|secs?|s|days?|d)(?![a-zA-Z])"
_TOLD = re.compile(rf"(?:again|retry|wait|reset)[^\d\n]{{0,40}}((?:{_PART}[\s,]{{0,2}}(?:and )?){{1,4}})", re.I)
"""Sentences that name a wait. OpenAI and Groq: "Please try again in 1m0.36s"; Gemini: "Please retry in 34.07s"; Azure:
"retry after 20 seconds"."""
_RUN = re.compile(r"(\d{1,9}(?:\.\d{1,12})?)\s?(ms|mil|[smhd])", re.I)
_NAMED = {
    "retrydelay": 1.0,  # Gemini: "34s"
    "retry_delay": 1.0,
    "retry_after": 1.0,
    "retryafter": 1.0,
    "retry_after_seconds": 1.0,
    "retry_after_ms": 0.001,
    "estimated_time": 1.0,  # Hugging Face, while a model loads
}
_MAX_DEPTH = 6
"""Levels of an error's JSON that are searched: bounds the work that a hostile server can make."""
_LONG_AGO = 1e9
"""Seconds above which a number is a moment since 1970 and no wait: 1e9 was in 2001."""

_LOADING = re.compile(
    r"\bloading model|model .{0,80}\bloading|still loading|being loaded|warming up|llama runner.{0,40}(start|loading)|"
    r"waiting for .{0,40} to (start|load)",
    re.I,
)
"""Words of a server that loads its model. llama.cpp: "Loading model" (503); Hugging Face: "Model X is currently
loading"; Ollama: "llm server loading model"
(https://github.com/canonical/inference-snaps/issues/234, https://github.com/openinterpreter/openinterpreter/issues/540)."""


def read_wait_seconds(headers: Mapping[str, str], body: Any, now: float) -> float | None:
    """The seconds until a server wants to be asked again, at least 0; None where it says nothing readable.

    Args:
        headers: headers of the answer, with names in lower case.
        body: body of the answer, JSON or text.
        now: the time in seconds since 1970.
    """
    sources = (
        _parse_seconds(headers.get("retry-after-ms", ""), 0.001, now),
        _parse_seconds(headers.get("retry-after", ""), 1.0, now),
        max(_find_waits(body, now), default=None),
        _read_reset(headers, now),
    )
    return next((seconds for seconds in sources if seconds is not None), None)


def is_loading(text: str) -> bool:
    """True for the words of a server that is still loading its model."""
    return _LOADING.search(text) is not None


def _find_waits(body: Any, now: float, depth: int = 0) -> Iterator[float]:
    if isinstance(body, str):
        yield from (_sum_duration(match[1]) for match in _TOLD.finditer(body[:4000]))
    elif isinstance(body, list) and depth < _MAX_DEPTH:
        for item in body[:20]:
            yield from _find_waits(item, now, depth + 1)
    elif isinstance(body, dict) and depth < _MAX_DEPTH:
        for name, value in list(body.items())[:50]:
            if (scale := _NAMED.get(str(name).lower())) is not None:
                if isinstance(value, dict):  # a protobuf Duration
                    value = value.get("seconds")
                if (seconds := _parse_seconds(str(value), scale, now)) is not None:
                    yield seconds
            else:
                yield from _find_waits(value, now, depth + 1)


def _read_reset(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds until the rate limit that is used up is lifted; where none says so, until the first of all is."""
    resets = {
        name.removeprefix("x-ratelimit-reset").strip("-"): seconds
        for name, value in headers.items()
        if name.startswith("x-ratelimit-reset") and (seconds := _parse_seconds(value, 1.0, now)) is not None
    }
    used_up = [s for kind, s in resets.items() if headers.get(f"x-ratelimit-remaining-{kind}".rstrip("-")) == "0"]
    return max(used_up) if used_up else min(resets.values(), default=None)


def _parse_seconds(value: str, scale: float, now: float) -> float | None:
    """The seconds until what a header or field names: a number, a duration such as `2m59.56s`, a moment or a date."""
    text = value.strip()
    try:
        number = float(text) * scale
    except ValueError:
        number = _sum_duration(text) if text and not _RUN.sub("", text).strip() else _parse_date(text, now)
    if number > _LONG_AGO and number != math.inf:
        number = (number / 1000 if number > 1000 * _LONG_AGO else number) - now
    return None if math.isnan(number) else max(0.0, number)


def _parse_date(date: str, now: float) -> float:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - now)
    except (ValueError, OverflowError):
        return math.nan


def _sum_duration(duration: str) -> float:
    return sum(float(number) * _UNITS[unit.lower()] for number, unit in _RUN.findall(duration))
