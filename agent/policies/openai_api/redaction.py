"""Redacts the key from everything that a server sends, before anything is shown or kept.

Servers repeat the key that they refuse, whole or in part; a hostile one repeats it in other clothes. Any eight of its
characters in a row are a trace, also in the other case, backwards, percent-encoded, in hexadecimal or in base64.
"""

import base64
import json
import re
from typing import Any

_GRAM = 8
"""Characters in a row that make a trace of the key; a shorter key is no secret but a word such as EMPTY or ollama."""
_PLACE = "[key]"
_PLAIN = ("-", "_", ".", "~", "+", "/", "=", ":")
_ESCAPED = re.compile(r"(?:\\u00|\\x|%|&#x)([2-7][0-9a-fA-F]);?|&#(\d{2,3});")


class Redactor:
    """A redactor of one key, in every form that the key may be written in."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._grams = frozenset(
            form[start : start + _GRAM]
            for form in _list_forms(key)
            for start in range(len(form) - _GRAM + 1)
            if len(key) >= _GRAM
        )

    def __repr__(self) -> str:
        return "Redactor()"

    def text(self, text: str) -> str:
        """A text without any trace of the key."""
        if not self._grams:
            return text
        if (plain := _ESCAPED.sub(_unescape, text)) != text and self._marked(plain) != plain:
            text = plain  # a reader who undoes the escapes would see the key
        return self._marked(text)

    def error(self, text: str) -> str:
        """A text to be shown, without any trace of the key; a key too short to be a secret is taken out too."""
        return self.text(text.replace(self._key, _PLACE) if self._key else text)

    def value(self, value: Any) -> Any:
        """A JSON value without any trace of the key, in names, in texts, and in JSON within its texts."""
        if isinstance(value, str):
            return self._encoded(value)
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(str(name)): self.value(item) for name, item in value.items()}
        return value

    def _encoded(self, text: str) -> str:
        if self._grams and text.lstrip().startswith(("{", "[", '"')):
            try:
                inner = json.loads(text)
            except (ValueError, RecursionError):
                return self.text(text)
            if (clean := self.value(inner)) != inner:
                return json.dumps(clean, ensure_ascii=False)
        return self.text(text)

    def _marked(self, text: str) -> str:
        lower = text.lower()
        if len(lower) != len(text):  # a few letters have no lower case of one character
            lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
        parts, shown_to, at = [], 0, 0
        while at <= len(lower) - _GRAM:
            if lower[at : at + _GRAM] not in self._grams:
                at += 1
                continue
            end = at + _GRAM
            while lower[end - _GRAM + 1 : end + 1] in self._grams and end < len(lower):
                end += 1
            parts += [text[shown_to:at], _PLACE]
            shown_to = at = end
        return "".join([*parts, text[shown_to:]])


def _list_forms(key: str) -> list[str]:
    """The forms that a key may be written in, in lower case."""
    data = key.encode()
    forms = [key, data.hex(), data.hex(" ")]
    for shift in range(3):
        # the first and the last characters also hold bits of what stands beside the key
        coded = base64.b64encode(bytes(shift) + data).decode().rstrip("=")[shift + bool(shift) : -1]
        forms += [coded, coded.replace("+", "-").replace("/", "_")]
    forms += [form[::-1] for form in forms]
    return [form.lower() for form in forms]


def _unescape(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else int(match[2])
    character = chr(code) if 32 < code < 127 else ""
    # quotes and the like stay as they are: around them stands JSON
    return character if character.isalnum() or character in _PLAIN else match[0]
