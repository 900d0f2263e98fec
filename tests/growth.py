"""Does a pattern, or a function, take time that grows with the length of a text, or with a power of it?

Adversarial texts are made of the pattern itself: each of its repeats is fed, behind what leads to it and before what it
does not expect; whatever begins a match without ending one is repeated. A pattern that is quadratic at 8,000 characters
takes tens of milliseconds there, a linear one well under one: no fine clock is needed.
"""

import ast
import importlib
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_parser: Any = importlib.import_module("re._parser")
_constants: Any = importlib.import_module("re._constants")

_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
CALLS = ("compile", "sub", "subn", "search", "match", "fullmatch", "findall", "finditer", "split")
LENGTHS = (20, 32, 128, 400, 4000)
"""Characters. Closer at first: what is exponential is found before it takes hours."""
FLOOR_SECONDS = 0.003
_OFTEN_USED = (" ", "\n", "a", "A", "1", "1,", "1.", "Aa ", "1 ")
_ENDS = ("", "\x01", " x!")
_MOST_HEADS, _MOST_PUMPS = 6, 20
_MANY = 1000


@dataclass(frozen=True)
class Used:
    """A pattern, where it stands and how it is used."""

    place: str
    pattern: str | None
    """None for one that is put together where it is used."""
    flags: int
    ways: frozenset[str]


def patterns_of(package: Path, root: Path) -> Iterator[Used]:
    """Each pattern that stands in a package. One that is put together of texts of its module is put together here."""
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for node in calls:
            called = ast.unparse(node.func)
            if called.removeprefix("re.") not in CALLS or not called.startswith("re."):
                continue
            way = called.removeprefix("re.")
            ways = _ways_of(_name_of(node, tree), calls) if way == "compile" else {way}
            place = f"{path.relative_to(root).as_posix()}:{node.lineno}"
            yield Used(place, _value(node.args[0], tree), _flags(node), _tested(ways))


def _tested(ways: set[str]) -> frozenset[str]:
    """What looks for a pattern everywhere does the same work, whatever it does with what it finds."""
    anchored = ways & {"match", "fullmatch"}
    return frozenset(anchored | ({"findall"} if ways - anchored else set()))


def _name_of(node: ast.Call, tree: ast.Module) -> str | None:
    """What a compiled pattern is called."""
    named = [item for item in tree.body if isinstance(item, ast.Assign) and item.value is node]
    return ast.unparse(named[0].targets[0]) if named else None


def _ways_of(name: str | None, calls: Sequence[ast.Call]) -> set[str]:
    """The methods that are called of a pattern in its module; all where that does not tell."""
    attributes = [node.func for node in calls if isinstance(node.func, ast.Attribute)]
    methods = {attribute.attr for attribute in attributes if ast.unparse(attribute.value) == name}
    return methods or {"findall", "match", "fullmatch"}


def _value(node: ast.expr, tree: ast.Module) -> str | None:
    """The text that an expression stands for, from what its module assigns in texts alone; nothing is imported."""
    names: dict[str, Any] = {}
    for item in tree.body:
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
            names[item.targets[0].id] = _evaluated(item.value, names)
    found = _evaluated(node, names)
    return found if isinstance(found, str) else None


def _evaluated(node: ast.expr, names: dict[str, Any]) -> Any:
    needed = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
    if any(names.get(name) is None for name in needed) or any(isinstance(item, ast.Call) for item in ast.walk(node)):
        return None
    return eval(compile(ast.Expression(node), "pattern", "eval"), {"__builtins__": {}}, names)  # of our own source


def _flags(node: ast.Call) -> int:
    texts = [ast.unparse(item) for item in (*node.args[1:], *(keyword.value for keyword in node.keywords))]
    return sum(int(eval(text, {"re": re})) for text in texts if re.fullmatch(r"re\.[A-Z]+(?: \| re\.[A-Z]+)*", text))


@dataclass(frozen=True)
class Slow:
    """A text that takes too long."""

    how: str
    text: str
    """Its beginning."""
    characters: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.how}: {self.seconds:.3f} s for {self.characters} characters like {self.text!r}"


def slowness_of(pattern: str, flags: int = 0, used: Collection[str] = ("findall", "match", "fullmatch")) -> Slow | None:
    """A text and a way of matching for which the time grows faster than the text, or None."""
    if not _is_unbounded(list(_parser.parse(pattern, flags))):
        return None
    compiled = re.compile(pattern, flags)
    ways: dict[str, Callable[[str], object]] = {
        "findall": lambda text: compiled.findall(text),
        "match": compiled.match,
        "fullmatch": compiled.fullmatch,
    }
    for text_of in _hard_texts(pattern, flags):
        for how in used:
            if (found := slowness_on(ways[how], text_of, how)) is not None:
                return found
    return None


def slowness_on(work: Callable[[str], object], text_of: Callable[[int], str], how: str) -> Slow | None:
    """Whether the work takes more than eight times as long for a text that is four times as long, or None."""
    for length in LENGTHS:
        text = text_of(length)
        seconds = _seconds(work, text)
        if seconds > FLOOR_SECONDS:
            quarter = text_of(length // 4)
            if seconds < 8 * _seconds(work, quarter):
                continue
            seconds = min(seconds, *(_seconds(work, text) for _ in range(2)))
            before = min(_seconds(work, quarter) for _ in range(5))
            if seconds > FLOOR_SECONDS and seconds > 8 * before:
                return Slow(how, text[:60], length, seconds)
    return None


def _seconds(work: Callable[[str], object], text: str) -> float:
    start = time.process_time()
    work(text)
    return time.process_time() - start


def _hard_texts(pattern: str, flags: int) -> Iterator[Callable[[int], str]]:
    parts = list(_parser.parse(pattern, flags))
    heads = list(dict.fromkeys(("", *_samples_before_repeats(parts))))[:_MOST_HEADS]
    pumps = list(dict.fromkeys((*_pumps(parts), *heads, *_OFTEN_USED)))[:_MOST_PUMPS]
    for head in heads:
        for pump in pumps:
            if pump:
                for end in _ENDS:
                    yield lambda length, head=head, pump=pump, end=end: (  # type: ignore[misc]
                        head + pump * max(1, (length - len(head)) // len(pump)) + end
                    )


def _is_unbounded(parts: Sequence[Any]) -> bool:
    """Whether anything repeats without an end, or thousands of times; all else is linear, if not always fast."""
    return any(
        (operator in _REPEATS and given[1] >= _MANY) or any(_is_unbounded(inner) for inner in _inner(operator, given))
        for operator, given in parts
    )


def _pumps(parts: Sequence[Any]) -> Iterator[str]:
    """What each repeat of the pattern can take, at any depth."""
    for operator, given in parts:
        if operator in _REPEATS:
            _, most, body = given
            if most > 3:
                yield from _samples(body)
                if "\n" in _taken(body):
                    yield "\n"
        for inner in _inner(operator, given):
            yield from _pumps(inner)


def _samples_before_repeats(parts: Sequence[Any]) -> Iterator[str]:
    """Short texts that lead to each repeat, and whole ones without their last part."""
    for number, (operator, given) in enumerate(parts):
        before = _samples(parts[:number]) or [""]
        if operator in _REPEATS:
            yield from before
        for inner in _inner(operator, given):
            for deep in _samples_before_repeats(list(inner)):
                yield before[0] + deep
    yield from _samples(parts[:-1])[:1]


def _samples(parts: Sequence[Any]) -> list[str]:
    """A few texts that match: with the fewest repeats, each branch once."""
    found = [""]
    for operator, given in parts:
        options = _of_one(operator, given)
        found = [head + tail for head in found[:3] for tail in options[:3]]
    return found[:6]


def _of_one(operator: Any, given: Any) -> list[str]:
    if operator is _constants.LITERAL:
        return [chr(given)]
    if operator in (_constants.IN, _constants.NOT_LITERAL, _constants.ANY):
        return _taken([(operator, given)])[:3]
    if operator in _REPEATS:
        least, most, body = given
        return [text * max(least, 1 if most else 0) for text in _samples(body)]
    if operator is _constants.BRANCH:
        return [text for branch in given[1] for text in _samples(branch)[:1]]
    if operator is _constants.SUBPATTERN:
        return _samples(given[-1])
    if operator is _constants.ATOMIC_GROUP:
        return _samples(given)
    return [""]  # assertions take nothing


_TRIED = " \n\t1a_A\"'.,:;-–<>{}()[]|/\\*`«»“”x0é"


def _taken(parts: Sequence[Any]) -> list[str]:
    """Characters that a class, or the beginning of some parts, can take."""
    if not parts or parts[0][0] not in (_constants.IN, _constants.NOT_LITERAL, _constants.ANY, _constants.LITERAL):
        return []
    operator, given = parts[0]
    if operator is _constants.ANY:
        return list(" a\n")
    if operator is _constants.LITERAL:
        return [chr(given)]
    if operator is _constants.NOT_LITERAL:
        return [c for c in _TRIED if ord(c) != given]
    return [c for c in _TRIED if _is_in(c, given)]


def _is_in(character: str, given: Sequence[Any]) -> bool:
    negated = bool(given) and given[0][0] is _constants.NEGATE
    inside = any(_fits(character, *item) for item in given if item[0] is not _constants.NEGATE)
    return inside != negated


def _fits(character: str, operator: Any, given: Any) -> bool:
    if operator is _constants.LITERAL:
        return ord(character) == given
    if operator is _constants.RANGE:
        return bool(given[0] <= ord(character) <= given[1])
    return re.match(_CATEGORIES[str(given)], character) is not None


_CATEGORIES = {
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


def _inner(operator: Any, given: Any) -> list[Sequence[Any]]:
    if operator in _REPEATS:
        return [list(given[2])]
    if operator is _constants.SUBPATTERN:
        return [list(given[-1])]
    if operator is _constants.ATOMIC_GROUP:
        return [list(given)]
    if operator is _constants.BRANCH:
        return [list(branch) for branch in given[1]]
    if operator in (_constants.ASSERT, _constants.ASSERT_NOT):
        return [list(given[1])]
    return []
