"""Native tool calls, assembled from the pieces of a stream: which piece belongs to which call.

By the API a call has an index and an id of its own. Servers leave out either or both, or give all calls of a turn the
same one; then the name tells: it stands where a call begins.
"""

import json
from collections.abc import Iterator
from typing import Any


class NativeCalls:
    """The calls of a reply that is being received. Unknown keys are kept: Gemini wants its own back."""

    def __init__(self) -> None:
        self._calls: list[dict[str, Any]] = []
        self._at: dict[object, int] = {}
        """Position of a call in `_calls`, by its index and by its id."""

    def add_whole(self, call: dict[str, Any]) -> None:
        """Adds a call that came in one piece, whatever its id and index."""
        self._calls.append({key: value for key, value in call.items() if key != "index"})

    def add_piece(self, piece: dict[str, Any]) -> None:
        """Adds a piece of a stream to the call that it belongs to, or begins another call with it."""
        at = self._place_of(piece)
        if at == len(self._calls):
            self.add_whole(piece)
        else:
            self._calls[at] = _merge(self._calls[at], piece)
        for name in ("index", "id"):
            if isinstance(value := piece.get(name), int | str) and value != "":
                self._at[name, value] = at

    def calls(self) -> tuple[dict[str, Any], ...]:
        """The calls received so far, each with the type that the API wants back, which streams leave out."""
        apart = (single for call in self._calls for single in _split_call(call))
        return tuple({**call, "type": call.get("type") or "function"} for call in apart)

    def _place_of(self, piece: dict[str, Any]) -> int:
        """The position of the call that a piece belongs to; one past the last for a new call."""
        new, begins = len(self._calls), bool(_get_name(piece))
        by_id, by_index = self._known("id", piece), self._known("index", piece)
        if begins and by_index is None and isinstance(piece.get("index"), int):
            return new  # also under an id that was there before
        if by_id is None and piece.get("id") not in (None, "") and (by_index is None or begins):
            # an id of its own begins a call, unless the one at its index is still waiting for an id
            at = by_index if by_index is not None and not self._calls[by_index].get("id") else new
        elif by_id is not None or by_index is not None:
            at = by_id if by_id is not None else by_index or 0
        else:  # nothing but the order tells
            at = new if not new or (begins and _is_whole(self._calls[-1], or_empty=True)) else new - 1
        return new if at < new and begins and _is_another(self._calls[at], piece) else at

    def _known(self, name: str, piece: dict[str, Any]) -> int | None:
        value = piece.get(name)
        return self._at.get((name, value)) if isinstance(value, int | str) and value != "" else None


def _is_another(call: dict[str, Any], piece: dict[str, Any]) -> bool:
    """True for a piece with a name that is no part of a call: another name, or new arguments after complete ones.

    Some servers repeat name and id in every piece; others the whole call at its end.
    """
    if _get_name(call) and _get_name(call) != _get_name(piece):
        return True
    new = _get_arguments(piece)
    return _is_opening(new) and new != _get_arguments(call) and _is_whole(call)


def _get_name(call: dict[str, Any]) -> str:
    function = call.get("function")
    return str(function.get("name") or "") if isinstance(function, dict) else ""


def _get_arguments(call: dict[str, Any]) -> object:
    function = call.get("function")
    return function.get("arguments") if isinstance(function, dict) else None


def _is_whole(call: dict[str, Any], *, or_empty: bool = False) -> bool:
    """True for a call with complete arguments; the `{}` with which some servers begin every call is not yet."""
    arguments = _get_arguments(call)
    if not isinstance(arguments, str):
        return isinstance(arguments, dict)
    if not arguments.rstrip().endswith("}"):
        return False
    try:
        return isinstance(loaded := json.loads(arguments), dict) and (or_empty or bool(loaded))
    except (ValueError, RecursionError):
        return False


def _is_opening(arguments: object) -> bool:
    return isinstance(arguments, dict) or (isinstance(arguments, str) and arguments.lstrip().startswith("{"))


def _merge(call: dict[str, Any], piece: dict[str, Any]) -> dict[str, Any]:
    """A call with one more piece: arguments grow, everything else is kept from the first piece that has it."""
    merged = dict(call)
    for key, value in piece.items():
        if key == "function" and isinstance(value, dict) and isinstance(known := call.get(key), dict):
            merged[key] = known | {k: v for k, v in value.items() if v is not None} | _merge_function(known, value)
        elif isinstance(value, dict) and isinstance(known := call.get(key), dict):
            merged[key] = known | value
        elif value is not None and key != "index" and not call.get(key):
            merged[key] = value
    return merged


def _merge_function(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    grown: dict[str, Any] = {}
    before, after = known.get("arguments"), new.get("arguments")
    if isinstance(before, str) and isinstance(after, str):
        repeats = after == before and _is_whole({"function": known})
        grown["arguments"] = before if repeats else before + after
    elif isinstance(before, dict) and not after:
        grown["arguments"] = before
    if known.get("name"):
        grown["name"] = known["name"]
    return grown


def _split_call(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The calls in a call whose arguments are several objects on end; a `{}` before others only held their place."""
    arguments = _get_arguments(call)
    objects = list(_split_objects(arguments)) if isinstance(arguments, str) else []
    distinct = list(dict.fromkeys(text for text in objects if text != "{}"))
    if len(objects) < 2 or not distinct:
        yield call
        return
    for number, text in enumerate(distinct):
        single = {**call, "function": {**call["function"], "arguments": text}}
        yield single if number == 0 else {**single, "id": ""}


def _split_objects(text: str) -> Iterator[str]:
    """The JSON objects that a text consists of; none where there is anything else in it."""
    decoder, found, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        try:
            value, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            return
        if not isinstance(value, dict):
            return
        found.append(rest[:end])
        rest = rest[end:].lstrip()
    yield from found
