"""The values of a program, all bounded: numbers, text, lists and dictionaries, and the few pure functions over them.

No value changes once it is there, so that none can hold itself, and what is made of others is measured as it is made.
"""

from collections.abc import Callable, Mapping
from typing import Any

Value = Any
"""None, a bool, an int, a float, a str, or a list or dict of these."""

MOST_STEPS = 100_000
"""Steps of one program: each part of it that is worked out is one, as is each element that is gone through."""
_MOST_NUMBER = 10**15
"""Size of an integer at most; floats have their own bounds."""
_MOST_LETTERS = 20_000
"""Characters of a text."""
_MOST_ELEMENTS = 5_000
"""Elements of a list or dict, those of its elements included."""
_DEEPEST = 6
"""Lists within lists, at most."""
_MOST_POWER = 64
"""Exponent at most: 10**15 to the 64th has 960 digits, which takes no time to refuse."""
_MOST_DIGITS = 12
"""Decimals that `round` and a format keep at most."""
_LETTERS_A_STEP = 100
"""Characters that one step goes through."""


class ProgramError(Exception):
    """What is wrong with a program, in words that the model which wrote it can act on."""

    def __init__(self, why: str, line: int | None = None) -> None:
        super().__init__(why)
        self.line = line
        """Line of the statement that it is about, from 1; None where that is not known yet."""

    def __str__(self) -> str:
        why = super().__str__()
        return why if self.line is None else f"line {self.line}: {why}"


class StepMeter:
    """Counts the steps of a program."""

    def __init__(self, most: int = MOST_STEPS) -> None:
        self._most = most
        self._left = most

    def spend(self, steps: int = 1) -> None:
        """Takes steps off what is left.

        Raises:
            ProgramError: there are not so many left.
        """
        self._left -= steps
        if self._left < 0:
            raise ProgramError(f"the program takes more than {self._most} steps: go through less at once")


def check_value(value: Value, meter: StepMeter) -> Value:
    """The value, if it is within the bounds of a program's values.

    Raises:
        ProgramError: it is too large, nested too deep, or of a kind that programs do not have.
    """
    _count_elements(value, meter, 0)
    return value


def _count_elements(value: Value, meter: StepMeter, depth: int) -> int:
    meter.spend()
    if value is None or isinstance(value, bool | float):
        return 1
    if isinstance(value, int):
        if abs(value) > _MOST_NUMBER:
            raise ProgramError(f"an integer is larger than {_MOST_NUMBER}")
        return 1
    if isinstance(value, str):
        if len(value) > _MOST_LETTERS:
            raise ProgramError(f"a text has {len(value)} characters, and at most {_MOST_LETTERS} are kept")
        try:
            value.encode()
        except UnicodeEncodeError:  # a text that can't be saved
            raise ProgramError("a text holds characters that are no valid Unicode") from None
        meter.spend(len(value) // _LETTERS_A_STEP)
        return 1
    if not isinstance(value, list | dict):
        raise ProgramError(f"there are no values of the kind {type(value).__name__} here")
    if depth == _DEEPEST:
        raise ProgramError(f"lists are nested deeper than {_DEEPEST}")
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    count = 1 if depth else 0
    for element in inner:
        count += _count_elements(element, meter, depth + 1)
        if count > _MOST_ELEMENTS:
            raise ProgramError(f"a list has more than {_MOST_ELEMENTS} elements")
    return count


def list_elements(value: Value, meter: StepMeter) -> list[Value]:
    """The elements of a list, the keys of a dict, or the characters of a text.

    Raises:
        ProgramError: it is none of these.
    """
    if not isinstance(value, list | dict | str):
        raise ProgramError(f"can't go through {name_kind(value)}: need a list")
    meter.spend(len(value))
    return list(value)


def name_kind(value: Value) -> str:
    """The kind of a value in words, as `a list`."""
    return "nothing (None)" if value is None else f"a {type(value).__name__}"


def format_value(value: Value, meter: StepMeter) -> str:
    """The text of a value, as `print` and `str` have it."""
    if isinstance(value, str):
        return value
    meter.spend()
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list):
        return "[" + ", ".join(_format_inner(element, meter) for element in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{_format_inner(key, meter)}: {_format_inner(held, meter)}" for key, held in value.items())
        return "{" + ", ".join(pairs) + "}"
    return str(value)


def _format_inner(value: Value, meter: StepMeter) -> str:
    meter.spend(len(value) // _LETTERS_A_STEP if isinstance(value, str) else 0)
    return repr(value) if isinstance(value, str) else format_value(value, meter)


def add(left: Value, right: Value) -> Value:
    """The sum of two numbers, or two texts or lists one behind the other.

    Raises:
        ProgramError: it would be too long.
    """
    if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) > _MOST_LETTERS:
        raise ProgramError(f"a text would have more than {_MOST_LETTERS} characters")
    if isinstance(left, list) and isinstance(right, list) and len(left) + len(right) > _MOST_ELEMENTS:
        raise ProgramError(f"a list would have more than {_MOST_ELEMENTS} elements")
    return left + right


def multiply(left: Value, right: Value) -> Value:
    """The product of two numbers, or a text or list several times.

    Raises:
        ProgramError: it would be too long.
    """
    for held, times in ((left, right), (right, left)):
        if isinstance(held, str | list) and isinstance(times, int):
            most = _MOST_LETTERS if isinstance(held, str) else _MOST_ELEMENTS
            if len(held) * times > most:
                raise ProgramError(f"{name_kind(held)} would have more than {most} elements")
    return left * right


def divide_with_rest(left: Value, right: Value) -> Value:
    """The rest of a division; texts have none, since Python would take them for formats.

    Raises:
        ProgramError: one of them is no number.
    """
    _check_numbers("%", left, right)
    return left % right


def raise_to_power(base: Value, exponent: Value) -> Value:
    """The power of two numbers.

    Raises:
        ProgramError: one of them is no number, or the exponent is too large.
    """
    _check_numbers("**", base, exponent)
    if abs(exponent) > _MOST_POWER:
        raise ProgramError(f"an exponent is larger than {_MOST_POWER}")
    return base**exponent


def _check_numbers(sign: str, *values: Value) -> None:
    if not all(isinstance(value, int | float) for value in values):
        raise ProgramError(f"{sign} is for numbers, got {' and '.join(map(name_kind, values))}")


def format_decimals(value: Value, decimals: int) -> str:
    """The text of a number with a number of decimals.

    Raises:
        ProgramError: it is no number, or there are too many decimals.
    """
    _check_numbers("a format", value)
    if decimals > _MOST_DIGITS:
        raise ProgramError(f"a format has at most {_MOST_DIGITS} decimals, got {decimals}")
    return f"{value:.{decimals}f}"


class Functions:
    """The pure functions that every program has, by name; each gets its arguments as they are and measures its work."""

    def __init__(self, meter: StepMeter) -> None:
        self._meter = meter
        self.by_name: Mapping[str, Callable[..., Value]] = {name: getattr(self, f"_{name}") for name in FUNCTION_NAMES}

    def _elements(self, value: Value) -> list[Value]:
        return list_elements(value, self._meter)

    def _len(self, value: Value, /) -> int:
        return len(value)

    def _min(self, *values: Value) -> Value:
        return min(self._elements(values[0] if len(values) == 1 else list(values)))

    def _max(self, *values: Value) -> Value:
        return max(self._elements(values[0] if len(values) == 1 else list(values)))

    def _sum(self, values: Value, /) -> Value:
        numbers = self._elements(values)
        _check_numbers("sum", *numbers)
        return sum(numbers)

    def _abs(self, value: Value, /) -> Value:
        return abs(value)

    def _round(self, value: Value, decimals: int = 0) -> Value:
        if not 0 <= decimals <= _MOST_DIGITS:
            raise ProgramError(f"round keeps 0 to {_MOST_DIGITS} decimals, got {decimals}")
        return round(value, decimals) if decimals else round(value)

    def _int(self, value: Value, /) -> int:
        return int(value)

    def _float(self, value: Value, /) -> float:
        return float(value)

    def _str(self, value: Value, /) -> str:
        return format_value(value, self._meter)

    def _list(self, value: Value, /) -> list[Value]:
        return self._elements(value)

    def _sorted(self, values: Value, /, reverse: Value = False) -> list[Value]:
        return sorted(self._elements(values), reverse=bool(reverse))

    def _reversed(self, values: Value, /) -> list[Value]:
        return self._elements(values)[::-1]

    def _range(self, *bounds: Value) -> list[Value]:
        numbers = range(*bounds)
        # its length is asked of its bounds: len() itself fails for what is very long
        if numbers and abs(numbers[-1] - numbers[0]) // abs(numbers.step) >= _MOST_ELEMENTS:
            raise ProgramError(f"a range has more than {_MOST_ELEMENTS} numbers")
        self._meter.spend(len(numbers))
        return list(numbers)

    def _enumerate(self, values: Value, start: int = 0) -> list[Value]:
        return [[number, value] for number, value in enumerate(self._elements(values), start)]

    def _zip(self, *several: Value) -> list[Value]:
        return [list(row) for row in zip(*map(self._elements, several), strict=False)]

    def _any(self, values: Value, /) -> bool:
        return any(self._elements(values))

    def _all(self, values: Value, /) -> bool:
        return all(self._elements(values))

    def _unique(self, values: Value, /) -> list[Value]:
        return list(dict.fromkeys(self._elements(values)))

    def _lower(self, text: Value, /) -> str:
        return _check_text("lower", text).lower()

    def _split(self, text: Value, separator: Value = None) -> list[Value]:
        return list(_check_text("split", text).split(separator))

    def _join(self, separator: Value, texts: Value) -> str:
        parts = [_check_text("join", part) for part in self._elements(texts)]
        size = sum(map(len, parts)) + len(parts) * len(_check_text("join", separator))
        if size > _MOST_LETTERS:
            raise ProgramError(f"a text would have more than {_MOST_LETTERS} characters")
        return str(separator).join(parts)

    def _get(self, row: Value, key: Value, default: Value = None) -> Value:
        if not isinstance(row, dict):
            raise ProgramError(f"get is for a dict, got {name_kind(row)}")
        return row.get(key, default)

    def _sort_by(self, rows: Value, key: Value, reverse: Value = False) -> list[Value]:
        return sorted(self._elements(rows), key=lambda row: row[key], reverse=bool(reverse))


def _check_text(function: str, value: Value) -> str:
    if not isinstance(value, str):
        raise ProgramError(f"{function} is for texts, got {name_kind(value)}")
    return value


FUNCTION_NAMES = (
    *("len", "min", "max", "sum", "abs", "round", "int", "float", "str", "list", "sorted", "reversed", "range"),
    *("enumerate", "zip", "any", "all", "unique", "lower", "split", "join", "get", "sort_by"),
)
"""Names of the functions; `print` is the interpreter's own."""
