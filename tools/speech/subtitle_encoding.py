"""Decodes the bytes of a subtitle file in whatever encoding it was saved, with the doubt that is left.

Old files name no encoding, and short texts fit several. chardet ranks the encodings by how well the letters fit a
language; here the ranking is corrected by what subtitles are: words of one script, lower case after the first letter,
saved on Windows more often than elsewhere, in the language that the file's name tells. Where another reading is nearly
as good, the text is not to be trusted, and that is said.
"""

import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

_LANGUAGES = {
    "ar": "cp1256 iso8859-6",
    "bg": "cp1251 koi8-r iso8859-5 mac-cyrillic cp866",
    "cs": "cp1250 iso8859-2 mac-latin2 cp852",
    "da": "cp1252 iso8859-1 iso8859-15 mac-roman cp850",
    "de": "cp1252 iso8859-1 iso8859-15 mac-roman cp850",
    "el": "cp1253 iso8859-7 mac-greek",
    "en": "cp1252 iso8859-1 iso8859-15 mac-roman cp850",
    "es": "cp1252 iso8859-1 iso8859-15 mac-roman cp850",
    "et": "cp1257 iso8859-13 iso8859-4 cp1252 iso8859-15",
    "fa": "cp1256",
    "fi": "cp1252 iso8859-1 iso8859-15 mac-roman cp850",
    "fr": "cp1252 iso8859-1 iso8859-15 mac-roman cp850",
    "he": "cp1255 iso8859-8",
    "hr": "cp1250 iso8859-2 mac-latin2 cp852",
    "hu": "cp1250 iso8859-2 mac-latin2 cp852",
    "is": "cp1252 iso8859-1",
    "it": "cp1252 iso8859-1 iso8859-15 mac-roman cp850",
    "ja": "cp932 euc_jis_2004 iso2022_jp_2",
    "ko": "cp949 euc_kr",
    "lt": "cp1257 iso8859-13 iso8859-4",
    "lv": "cp1257 iso8859-13 iso8859-4",
    "mk": "cp1251 iso8859-5 mac-cyrillic",
    "nl": "cp1252 iso8859-1 iso8859-15 mac-roman cp850",
    "no": "cp1252 iso8859-1 iso8859-15 mac-roman cp850",
    "pl": "cp1250 iso8859-2 mac-latin2 cp852",
    "pt": "cp1252 iso8859-1 iso8859-15 mac-roman cp850",
    "ro": "cp1250 iso8859-2 cp852",
    "ru": "cp1251 koi8-r iso8859-5 mac-cyrillic cp866",
    "sk": "cp1250 iso8859-2 mac-latin2 cp852",
    "sl": "cp1250 iso8859-2 mac-latin2 cp852",
    "sr": "cp1251 iso8859-5 cp1250 iso8859-2 mac-cyrillic",
    "sv": "cp1252 iso8859-1 iso8859-15 mac-roman cp850",
    "th": "cp874 tis-620",
    "tr": "cp1254 iso8859-9 mac-turkish",
    "uk": "cp1251 koi8-u iso8859-5 mac-cyrillic",
    "vi": "cp1258",
    "zh": "gb18030 big5hkscs",
}
"""Encodings in which subtitles of a language were saved, by ISO 639-1."""
_NAMES = {
    **{"ara": "ar", "bul": "bg", "ces": "cs", "cze": "cs", "dan": "da", "deu": "de", "ger": "de", "ell": "el"},
    **{"gre": "el", "eng": "en", "spa": "es", "est": "et", "fas": "fa", "per": "fa", "fin": "fi", "fra": "fr"},
    **{"fre": "fr", "heb": "he", "iw": "he", "hrv": "hr", "hun": "hu", "isl": "is", "ice": "is", "ita": "it"},
    **{"jpn": "ja", "jp": "ja", "kor": "ko", "lit": "lt", "lav": "lv", "mkd": "mk", "mac": "mk", "nld": "nl"},
    **{"dut": "nl", "nor": "no", "nob": "no", "nb": "no", "pol": "pl", "por": "pt", "ron": "ro", "rum": "ro"},
    **{"rus": "ru", "slk": "sk", "slo": "sk", "slv": "sl", "srp": "sr", "swe": "sv", "tha": "th", "tur": "tr"},
    **{"ukr": "uk", "vie": "vi", "zho": "zh", "chi": "zh", "chs": "zh", "cht": "zh", "cn": "zh", "tw": "zh"},
    **{"russian": "ru", "polish": "pl", "chinese": "zh", "japanese": "ja", "korean": "ko", "hebrew": "he"},
    **{"arabic": "ar", "greek": "el", "turkish": "tr", "thai": "th", "czech": "cs", "hungarian": "hu"},
    **{"german": "de", "french": "fr", "spanish": "es", "english": "en", "romanian": "ro", "bulgarian": "bg"},
}
"""Other names that files carry for these languages: ISO 639-2, old codes, English words."""

_ENOUGH_BYTES = 16 * 1024
"""Bytes of lines beyond ASCII by which the encoding is told; more of them tell nothing new."""
_DAMAGED_SHARE = 0.1
"""Share of broken letters among those beyond ASCII up to which a file is damaged UTF-8, not of another encoding."""
_LESS_USUAL = {"mac": 0.8, "cp4": 0.8, "cp8": 0.8, "iso": 0.95}
"""Weights of less usual codecs by their first letters: the Macintosh of before 2001, DOS, and ISO."""
_STRANGE = frozenset("§†‡¶¦¬¤ˆ¨¸˜¯±×÷µ") | frozenset(map(chr, range(0x2500, 0x25A0)))
"""Signs that other encodings have at the places of letters."""
_EAST_ASIAN = frozenset({"HIRAGANA", "KATAKANA", "CJK", "FULLWIDTH", "HALFWIDTH", "HANGUL"})
"""Scripts that stand together in one word."""
_SPRINKLED_SHARE = 0.2
"""Share of letters of other scripts than Latin below which they are odd and no text in that script."""
_ODD_WEIGHT = 20.0
"""Weight of odd letters: one in twenty makes a reading a third as likely."""
_LETTERS = {
    **{"cs": "áčďéěíňóřšťúůýž", "da": "æøå", "de": "äöüß", "es": "áéíóúüñ", "et": "äõöüšž", "fi": "äöåšž"},
    **{"fr": "àâæçéèêëîïôœùûüÿ", "hr": "čćđšž", "hu": "áéíóöőúüű", "is": "áðéíóúýþæö", "it": "àèéìíîòóùú"},
    **{"lt": "ąčęėįšųūž", "lv": "āčēģīķļņšūž", "nl": "éëïóöü", "no": "æøå", "pl": "ąćęłńóśźż", "pt": "áâãàçéêíóôõú"},
    **{"ro": "ăâîșțşţ", "sk": "áäčďéíĺľňóôŕšťúýž", "sl": "čšž", "sv": "åäö", "tr": "âçğıîöşüû"},
    "bg": "абвгдежзийклмнопрстуфхцчшщъьюяѝ",
    "el": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",
    "mk": "абвгдѓежзѕијклљмнњопрстќуфхцчџшѐѝ",
    "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "sr": "абвгдђежзијклљмнњопрстћуфхцчџш",
    "uk": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
}
"""Small letters beyond ASCII, by language."""
_HINT = 2.0
"""Factor by which an encoding of the language in the file's name counts more."""
_LEAST_PLAUSIBLE = 0.4
"""Plausibility up to which a reading is in doubt."""
_RIVAL = 0.8
"""Share of the best score from which another text is as possible (picked by eye on one-line texts in 26 languages)."""


@dataclass(frozen=True)
class Decoded:
    """Decoded text of a file, with the encoding and its doubt."""

    text: str
    encoding: str
    """Python's name of the encoding."""
    doubt: str = ""
    """Reason why the letters may be wrong, in words; empty where they are certain."""


def decode(raw: bytes, language: str | None = None) -> Decoded:
    """Decodes text in any encoding: marked Unicode first, UTF-16 by its zero bytes, UTF-8 where it fits, else ranked.

    Args:
        raw: the whole file.
        language: language in its name, by `language_of`; a hint and no more.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return Decoded(raw.decode(encoding, errors="replace"), encoding)
    head = raw[:4000]
    if head.count(0) > len(head) // 4:  # no mark, but every other byte of Latin text is zero in UTF-16
        encoding = "utf-16-be" if head[0::2].count(0) > head[1::2].count(0) else "utf-16-le"
        return Decoded(raw.decode(encoding, errors="replace"), encoding)
    if raw.isascii() and b"\x1b$" not in raw:  # that is how Japanese begins in 7 bits (RFC 1468)
        return Decoded(raw.decode("ascii"), "ascii")
    text = raw.decode("utf-8-sig", errors="replace")
    broken = text.count("\ufffd")
    if not raw.isascii() and broken <= _DAMAGED_SHARE * sum(not c.isascii() for c in text):
        return Decoded(text, "utf-8")
    return _decode_by_rank(raw, language)


_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)


def find_language(name: str) -> str | None:
    """Language in a file's name before its ending, as in `film.ru.srt` or `film.pt-BR.forced.srt`; None without one."""
    for part in reversed(re.split(r"[. _\[\]()]+", name)[1:-1]):
        if (found := normalise_language(part)) in _LANGUAGES:
            return found
    return None


def normalise_language(tag: str | None) -> str | None:
    """Code of a language's tag of any kind: ISO 639-1 where it is known, else its two or three letters, else None."""
    base = (tag or "und").casefold().replace("_", "-").split("-")[0]
    found = _NAMES.get(base, base)
    return found if re.fullmatch("[a-z]{2,3}", found) and found not in ("und", "mul", "zxx") else None


@dataclass(frozen=True)
class _DecodedText:
    text: str
    encoding: str
    score: float
    plausibility: float


def _decode_by_rank(raw: bytes, language: str | None) -> Decoded:
    """Decodes text by the likeliest of the legacy encodings."""
    sample = _select_lines(raw)
    readings = sorted(_score_readings(sample, language), key=lambda reading: -reading.score)
    if not readings:  # not even one fits: bytes of several encodings, or damage
        return Decoded(raw.decode("cp1252", errors="replace"), "cp1252", "the file is in no known encoding")
    best = readings[0]
    text = raw.decode(best.encoding, errors="replace")
    rivals = [r for r in readings[1:] if r.score > _RIVAL * best.score and r.text != best.text]
    if not rivals and best.plausibility > _LEAST_PLAUSIBLE:
        return Decoded(text, best.encoding)
    names = " or ".join(dict.fromkeys([best.encoding, *(r.encoding for r in rivals[:2])]))
    return Decoded(
        text, best.encoding, f"the letters may be wrong: the file does not say its encoding, perhaps {names}"
    )


def _select_lines(raw: bytes) -> bytes:
    """Lines with letters beyond ASCII, up to `_ENOUGH_BYTES`."""
    kept, length = [], 0
    for line in raw.splitlines():
        if not line.isascii() or b"\x1b" in line:
            kept.append(line)
            length += len(line)
            if length > _ENOUGH_BYTES:
                break
    return b"\n".join(kept)


def _score_readings(sample: bytes, language: str | None) -> list[_DecodedText]:
    import chardet

    found = chardet.detect_all(
        sample, ignore_threshold=True, compat_names=False, include_encodings=_list_all_encodings()
    )
    hinted = _list_codecs(language)
    readings = []
    for guess in found:
        encoding = guess["encoding"]
        try:
            text = sample.decode(encoding or "ascii")
        except (UnicodeDecodeError, LookupError):
            continue
        usual = next((weight for start, weight in _LESS_USUAL.items() if str(encoding).startswith(start)), 1.0)
        hint = _HINT if encoding in hinted else 1.0
        plausibility = _score_plausibility(text, str(encoding), guess["language"])
        score = guess["confidence"] * usual * hint * plausibility
        readings.append(_DecodedText(text, str(encoding), score, plausibility))
    return (
        readings
        if any(r.plausibility > _LEAST_PLAUSIBLE for r in readings)
        else [*readings, *_score_east_asian(sample)]
    )


def _score_east_asian(sample: bytes) -> list[_DecodedText]:
    """East Asian readings of a line too short for chardet, where no alphabet fits: mostly kana, or Hangul."""
    readings = []
    for encoding in ("cp932", "euc_jis_2004", "cp949"):
        try:
            text = sample.decode(encoding)
        except UnicodeDecodeError:
            continue
        letters = [_name_script(c) for c in text if c.isalpha()]
        fitting = sum({"HIRAGANA": 2, "KATAKANA": 2, "HANGUL": 1}.get(script, 0) for script in letters)
        share = fitting / max(1, 2 * len(letters))  # kana are few, so that many of them are seldom chance
        readings.append(_DecodedText(text, encoding, share, share * _LEAST_PLAUSIBLE))  # a guess: never without a doubt
    return readings


@cache
def _list_codecs(language: str | None) -> frozenset[str]:
    return frozenset(_LANGUAGES.get(language or "", "").split())


@cache
def _list_all_encodings() -> frozenset[str]:
    return frozenset[str]().union(*(_list_codecs(language) for language in _LANGUAGES))


def _score_plausibility(text: str, encoding: str, language: str | None) -> float:
    """Plausibility 0..1 of a text: how little there is that no writer puts there, in the language that fits best.

    Languages are those of the encoding; `language` is chardet's, which mistakes neighbours for one another.
    """
    letters = Counter(c.lower()[0] for c in text if c.isalpha())
    odd = sum(_count_oddities(word) for word in text.split())
    foreign = sum(count for letter, count in letters.items() if _name_script(letter) != "LATIN")
    if foreign < _SPRINKLED_SHARE * letters.total():
        odd += foreign  # a letter of another script here and there is no other script
    alphabets = [alphabet for known in (language, *_list_languages(encoding)) if (alphabet := _get_alphabet(known))]
    outside = [sum(n for c, n in letters.items() if not (c.isascii() or c in alphabet)) for alphabet in alphabets]
    odd += min(outside, default=0)
    return math.exp(-_ODD_WEIGHT * odd / max(1, sum(not c.isascii() for c in text)))


def _count_oddities(word: str) -> int:
    """Number of oddities: controls, strange signs, signs between letters, two scripts, capitals after small letters."""
    odd = sum(c in _STRANGE or unicodedata.category(c) in ("Cc", "Co", "Cn", "Cs") for c in word)
    odd += len({_name_script(c) for c in word if c.isalpha()} - _EAST_ASIAN) > 1
    for before, here, after in zip(word, word[1:], word[2:], strict=False):
        odd += before.isalpha() and after.isalpha() and not here.isascii() and _is_never_inside_word(here)
    for before, here in pairwise(word):
        odd += before.islower() and here.isupper() and not (before.isascii() and here.isascii())
    return odd


def _is_never_inside_word(sign: str) -> bool:
    """Whether no writer puts a sign between two letters, as is done with apostrophes and the Catalan dot."""
    return sign not in "’·‧" and unicodedata.category(sign) in (
        "Sc",
        "Sk",
        "Sm",
        "So",
        "Nd",
        "No",
        "Pd",
        "Pi",
        "Pf",
        "Ps",
    )


@cache
def _list_languages(encoding: str) -> tuple[str, ...]:
    """Languages that an encoding is for."""
    return tuple(language for language in _LANGUAGES if encoding in _list_codecs(language))


@cache
def _get_alphabet(language: str | None) -> frozenset[str]:
    """Small letters beyond ASCII of a language, with what its neighbours lend it; empty where not known."""
    letters = _LETTERS.get(language or "", "")
    return frozenset(letters + ("éèáóíúñçöüäåß" if letters and letters[0] < "Ͱ" else ""))


@cache
def _name_script(letter: str) -> str:
    """Script of a letter (LATIN, CYRILLIC, ...): the first word of its Unicode name."""
    return unicodedata.name(letter, "NONE").split(" ")[0].split("-")[0]
