"""Cuts a line into the pieces that could answer a question, each with its form: date, price, number, name, ..."""

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Literal, NamedTuple

from agent.policies.lite_rules.words import STOP_WORDS
from tools.words import NUMBER_WORDS

Form = Literal[
    "date",
    "clock",
    "price",
    "number",
    "numbers",
    "item",
    "listed",
    "version",
    "email",
    "website",
    "score",
    "file",
    "quoted",
    "name",
    "phrase",
    "field",
    "named",
    "line",
    "paragraph",
]


_MONTH = (
    r"(?:jan|feb|fév|mar|mär|apr|abr|avr|may|mai|jun|juin|jul|juil|aug|ago|ao[uû]|sep|oct|okt|nov|dec|dez|dic|déc|enero)"
    r"[^\W\d_]*\.?"
)
_DAY = r"(?:\d{1,2}(?:st|nd|rd|th|\.)?|(?:twenty-|thirty-)?(?:first|second|third|[a-z]{3,7}th))"
_HOUR = r"(?:\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_PATTERNS: dict[Form, str] = {
    "date": (
        rf"\b{_MONTH}\s*{_DAY}\b,?(?:\s*\d{{4}})?|\b{_DAY}\s*(?:of |de )?{_MONTH},?(?:\s*\d{{4}})?"
        r"|\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[/.]\d{1,2}[/.]\d{2,4}\b"
        r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
    ),
    "clock": (
        r"(?<![\d:])\d{1,2}:[0-5]\d(?::[0-5]\d)?(?:\s*[ap]\.?m\b)?(?:\s*[-–]\s*\d{1,2}:[0-5]\d(?:\s*[ap]\.?m\b)?)?(?![\d:])"
        r"|(?<![\d.,:])\d{1,2}\s*[-–]\s*\d{1,2}(?![\d.,:])(?:\s*[ap]\.?m\b)?|\b\d{1,2}\s*[ap]\.?m\b"
        rf"|\b(?:half|(?:a )?quarter|(?:5|10|20|25|five|ten|twenty(?:[- ]five)?)(?: minutes)?) (?:past|to) {_HOUR}\b"
        rf"|\b{_HOUR} o['’]clock\b|\b\d{{1,2}}(?: ?h ?[0-5]\d| uhr(?: [0-5]\d)?)\b|\d{{1,2}}点(?:半|\d{{1,2}}分)?"
        rf"|(?<=\bat ){_HOUR}\b(?= (?:in the|this|today|tomorrow|on|every|each|sharp)\b|[.,;!?]|$)"
        r"|(?<=\bà )\d{1,2} ?h(?:eures?)?\b|(?<=\ba las )\d{1,2}\b|(?<=\bв )\d{1,2} ?час\w*"
    ),
    "price": (
        r"[€$£¥]\s*\d+(?:[.,]\d+)*|(?<![\w.,])\d+[.,]\d{2}(?!\d|[\w.,]\d)(?:\s*(?:€|eur\b|usd\b|euros?\b|dollars?\b|pounds?\b))?"
        r"|(?<![\w.,])\d+(?:[.,]\d+)*\s*(?:€|eur\b|usd\b|chf\b|euros?\b|dollars?\b|pounds?\b|cents?\b)"
    ),
    "number": (
        r"(?<![\w.,:'-])-?\d+(?:[.,]\d{3})*(?:[.,]\d+)?(?![\w:]|[.,]\d)|(?<=[A-Za-z])\d+\b|\b\d+(?=[A-Za-z%°])"
        r"|(?<=[\u4e00-\u9fff])\d++(?![\d.,:])|(?<![\d.,:])\d++(?=[\u4e00-\u9fff])"
        r"|\b(?:"
        + "|".join(NUMBER_WORDS)
        + r"|billion)(?:(?:[ -]| and )(?:"
        + "|".join(NUMBER_WORDS)
        + r"|billion))*(?: and (?:a|one|three) (?:half|thirds?|quarters?))?\b"
    ),
    "version": r"(?:(?<=\bv)|\b)\d+(?:\.\d+)+(?:[-.]?\w+)?\b",
    "email": r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    "website": (
        r"(?<![\w.@/-])(?:https?://[\w.-]+|www\.[\w.-]+\w|[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|info|io|de|es|fr|ru|cn"
        r"|uk|eu|tv|app))(?:/[\w./?=&%#-]*)?(?![\w@])"
    ),
    "score": r"(?<![\w:.,/-])\d{1,3}(?: ?[-–] ?\d{1,3}| ?: ?\d)(?![\w:/-]|[.,]\d)",
    "file": r"(?<![\w/@.-])[\w-]+\.[a-z][a-z0-9]{1,4}\b(?![\w/@(])",
    "quoted": r"(?<!\w)[\"“‘'`«][^\"”’'`»<>]{2,60}[\"”’'`»](?!\w)",
}
_COMPILED = {form: re.compile(pattern, re.IGNORECASE) for form, pattern in _PATTERNS.items()}
_DIGIT_GROUPS = re.compile(
    r"(?<![\w.,+-])(?:(?:\+\d{1,3}|0\d{1,5}|\(\d{2,6}\))(?:[ /-]\d{2,8}){1,6}|\d{4}(?:[ -]\d{4}){3,4}|\d{3}-\d{4}|"
    r"(?:1[ -])?\d{3}[ -]\d{3}[ -]\d{4})(?![.,-]?\w)"
)
"""One number in groups, as of a phone or a card, and not several numbers in a row."""
_NUMBERS = re.compile(r"(?<!\d)\d++(?:(?:\s*+[,;]\s*+|\s++)\d++){2,}")
_WORDS = re.compile(r"(?<![^,;:.])[^,;:.]*+(?:[,;][^,;:.]++){2,}")
_BETWEEN_ITEMS = re.compile(r"[,;]?\s(?:and|or|und|oder|y|et|и)\s|[,;]", re.IGNORECASE)
_NUMBERED = re.compile(r"\s*\(?(\d{1,2})[.):]\s+(?=\D)")
_FIELD = re.compile(r"(?<!\d)[:=]\s*|:\s+|\s[|→]\s")
"""Signs between a label and its value, those within a clock time left out."""
_LETTERS_AND_MORE = re.compile(r"(?<![\w/@.+~-])[\w~@/][\w/@.+~-]*[\w/](?![\w/@-])")
_TOKEN = re.compile(r"\b(?:Dr|Mrs?|Ms|Prof|St)\.|[^\W_]+(?:['’.&/_-][^\W_]+)*")
_CONTRACTED = re.compile(r"['’]")
_LINKS = frozenset("of the de du des la von and & y et und del".split())
_MOST_WORDS = 5
"""Words of a name at most, so that a long row has no square of its length of names."""


ValueType = Literal[
    "price",
    "date",
    "clock",
    "version",
    "email",
    "website",
    "score",
    "percent",
    "temperature",
    "phone",
    "year",
    "measure",
    "count",
    "number",
]
_FOLLOWING_UNITS: dict[ValueType, re.Pattern[str]] = {
    "price": re.compile(
        r"\s?(?:[€$£¥₽元块]|(?:eur|usd|chf|euros?|dollars?|pounds?|cents?|рубл[а-я]{0,3})\b)", re.IGNORECASE
    ),
    "percent": re.compile(
        r"\s?(?:[%％]|(?:per ?cent|prozent|por ciento|pour ?cent|процент[а-я]{0,3})\b)", re.IGNORECASE
    ),
    "temperature": re.compile(r"\s?(?:[°℃度]|(?:degrees?|grad|grados?|degrés?|градус[а-я]{0,3}|C)\b)", re.IGNORECASE),
    "measure": re.compile(
        r"[\s-]?(?:(?:s|sec|min|h|hrs?|mm|cm|m|km|ft|mg|g|kg|lbs?|ml|l|mph|km/h|m/s|ans?|mois|feet|лет|года)(?![\w/])|"
        r"(?:second|segundo|sekunde|minut[eo]|hour|hora|heure|stunde|d[ií]a|day|tag|jour|week|woche|semana|semaine|"
        r"month|monat|mes|year|jahr|año|année|(?:(?:kilo|centi|milli|mil[ií])?m[eè]t(?:er|re|ro))|mile|foot|inch|yard|"
        r"kilo|(?:kilo)?gram(?:m|o)?|tonn?|lit(?:er|re|ro))e?[sn]?\b|"
        r"(?:секунд|минут|час|дн|недел|месяц|(?:кило|санти)?метр|грамм|килограмм|тонн|литр)[а-я]*|"
        r"秒|分钟|小时|天|周|个月|米|公里|厘米|公斤|克|升)",
        re.IGNORECASE,
    ),
}
_WHOLE_PRICE = re.compile(r"(?<!\d)\d++[.,]\d{2}")
_YEAR = re.compile(
    r"1[5-9]\d{2}|20\d{2}|two thousand and (?:\w+ )?\w+|"
    r"(?:(?:thir|four|fif|six|seven|eigh|nine)teen|twenty|ten|eleven|twelve)[ -](?:hundred and )?"
    r"(?:ten|eleven|twelve|\w+teen|\w+ty(?:[ -]\w+)?)",
    re.IGNORECASE,
)
_LEAST_PHONE = 7
"""Digits of a telephone number at least, which are in groups."""
_WEEKDAY = re.compile(r"(?:mon|tues|wednes|thurs|fri|satur|sun)day", re.IGNORECASE)
_UNIT = re.compile(r"[ -]?([^\W\d_]{2,})")


class Piece(NamedTuple):
    """A possible answer within a line."""

    text: str
    form: Form
    start: int
    """Index of the piece's first character in the line."""


def cut_pieces(text: str, asked_count: int = 1, asked_item: int | None = None) -> list[Piece]:
    """The pieces of a line, the whole among them; runs of several numbers where so many are asked for.

    Args:
        text: text of the line.
        asked_count: how many numbers make an answer.
        asked_item: index of the item of a list that is meant, from 0, or -1 for the last; None without one.
    """
    found = [
        Piece(m.group().strip("\"“”‘’'`«»"), form, m.start())
        for form, pattern in _COMPILED.items()
        for m in pattern.finditer(text)
    ]
    prices = [p for p in found if p.form == "price"]
    inside, whole = {i for p in prices for i in range(p.start, p.start + len(p.text))}, {p.text for p in prices}
    # the number of a price is no answer without its sign
    found = [p for p in found if p.form != "number" or p.start not in inside or p.text in whole]
    if asked_count == 1:
        groups = list(_DIGIT_GROUPS.finditer(text))
        found = [p for p in found if not any(m.start() <= p.start < m.end() for m in groups)]
        found += [Piece(m.group(), "number", m.start()) for m in groups]
    numbers = sorted((p for p in found if p.form == "number"), key=lambda p: p.start)
    runs = [numbers[i : i + asked_count] for i in range(len(numbers) - asked_count + 1)] if asked_count > 1 else []
    found += [Piece(", ".join(p.text for p in run), "numbers", run[0].start) for run in runs]
    if asked_count == 1 and asked_item is not None:
        found += _cut_items(text, asked_item)
    found += [*_cut_runs(text), Piece(text.strip(), "line", 0), *_cut_fields(text)]
    found += [Piece(m.group(), "field", m.start()) for m in _LETTERS_AND_MORE.finditer(text) if _is_code(m.group())]
    return list(dict.fromkeys(piece for piece in found if any(map(str.isalnum, piece.text))))


def _cut_items(text: str, place: int) -> Iterator[Piece]:
    """The item at an index of each list of numbers or words in a text, and a row that begins with the item's number."""
    if (row := _NUMBERED.match(text)) is not None and int(row[1]) == place + 1:
        yield Piece(text[row.end() :].strip(), "listed", row.end())
    lists: list[tuple[list[str], Form, int]]
    lists = [(re.findall(r"\d+", m.group()), "item", m.start()) for m in _NUMBERS.finditer(text)]
    lists += [(_BETWEEN_ITEMS.split(m.group()), "listed", m.start()) for m in _WORDS.finditer(text)]
    for items, form, start in lists:
        if -len(items) <= place < len(items):
            yield Piece(items[place].strip(" []()\"'"), form, start)


def _cut_fields(text: str) -> Iterator[Piece]:
    """The values behind the signs of _FIELD: the whole rest of the text, and up to the next sign."""
    signs = list(_FIELD.finditer(text))
    for sign, following in zip_longest(signs, signs[1:]):
        stops = {len(text), len(text) if following is None else following.start()}
        yield from (Piece(text[sign.end() : stop].strip(), "field", sign.end()) for stop in sorted(stops))


def _is_code(token: str) -> bool:
    """True for a path, an address, an identifier or the like: one word with signs or digits in it."""
    return any(map(str.isalpha, token)) and not token.isalpha()


def _cut_runs(text: str) -> Iterator[Piece]:
    """Runs of words: capitalised ones as names, those without function words as phrases."""
    for form, fits in (("name", is_capitalised), ("phrase", is_meaningful)):
        run: list[re.Match[str]] = []
        for token in [*_TOKEN.finditer(text), None]:
            apart = token is None or (run and text[run[-1].end() : token.start()].strip())
            linked = token is not None and run and token.group() in _LINKS and not apart
            if token is not None and not apart and (fits(token.group()) or (linked and form == "name")):
                run.append(token)
                continue
            while run and run[-1].group() in _LINKS:
                run.pop()
            for first, last in _list_parts(len(run)) if form == "name" else [(0, len(run) - 1)] * bool(run):
                yield Piece(text[run[first].start() : run[last].end()], form, run[first].start())  # type: ignore[arg-type]
            run = [token] if token is not None and fits(token.group()) else []


def _list_parts(length: int) -> list[tuple[int, int]]:
    """The first and last index of every part of a run, up to _MOST_WORDS: labels and values may stand in one row."""
    return [(i, j) for i in range(length) for j in range(i, min(length, i + _MOST_WORDS))]


def is_capitalised(word: str) -> bool:
    """True for a word that may be part of a name."""
    return word[0].isupper() and is_meaningful(word)


def is_meaningful(word: str) -> bool:
    """True for a word that is no function word, contracted ones such as "I'm" among them."""
    return _CONTRACTED.split(word.casefold())[0] not in STOP_WORDS


def find_value_type(text: str, piece: Piece) -> ValueType | None:
    """The type of value that a piece is by its own form and the signs beside it in its line; None for words."""
    before, after = text[: piece.start].rstrip()[-1:], text[piece.start + len(piece.text) :]
    if piece.form == "date" and _WEEKDAY.fullmatch(piece.text):
        return None
    if piece.form in ("price", "date", "clock", "version", "email", "website", "score"):
        return piece.form
    if piece.form != "number":
        return None
    if (whole := _find_whole(text, piece.start)) is not None:
        return "year" if whole == "date" and _YEAR.fullmatch(piece.text) else whole
    if (before and before in "€$£¥₽") or _WHOLE_PRICE.fullmatch(piece.text):
        return "price"
    if (unit := next((kind for kind, unit in _FOLLOWING_UNITS.items() if unit.match(after)), None)) is not None:
        return unit
    if not re.search(r"[.,]|^\d*$", piece.text) and sum(map(str.isdigit, piece.text)) >= _LEAST_PHONE:
        return "phone"
    return "year" if _YEAR.fullmatch(piece.text) else "number"


def _find_whole(text: str, start: int) -> ValueType | None:
    """The type of the date or hours that a number is a part of; None for a number of its own."""
    wholes: tuple[Literal["date", "clock"], ...] = ("date", "clock")
    found = ((kind, match) for kind in wholes for match in _COMPILED[kind].finditer(text))
    return next((kind for kind, match in found if match.start() <= start < match.end()), None)


def find_unit(text: str, piece: Piece) -> str | None:
    """The word right behind a number, which says what is counted; None without one."""
    match = _UNIT.match(text, piece.start + len(piece.text)) if piece.form == "number" else None
    return match[1] if match is not None and is_meaningful(match[1]) else None
