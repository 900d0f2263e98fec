"""The letter extractor that several lmms-eval tasks share: every way to write a letter has a rank, the highest wins.

Of one rank, the letter that comes last wins; but of the places of one letter after a phrase only the first is looked
at, so that "The answer is C because A is wrong" is A. A text that starts with the article "A" is A, too.
"""

from dataclasses import dataclass

_PHRASES = (
    *("the answer is", "answer is", "the correct answer is", "correct answer is", "the best answer is"),
    *("best answer is", "the correct option is", "correct option is", "the best option is", "best option is"),
    *("the choice is", "choice is", "the correct choice is", "correct choice is", "i choose", "i select", "i pick"),
    *("my answer is", "my choice is", "옵션", "정답은", "답은", "답:", "答案是", "答案为", "选", "答えは"),
)
_START, _END, _PHRASE, _SPACE = 10, 9, 7, 2
_RANKS = (("({})", 6), ("{}.", 5), ("{}:", 4), ("{})", 3), ("{} ", _SPACE))


@dataclass(frozen=True)
class _RankedOption:
    letter: str
    rank: int
    place: int


def lmms_mcq(said: str, letters: str = "ABCDEFGH") -> str:
    """The letter of the highest rank; "" if none of the letters occurs at all.

    Used for Video-MME, MLVU, LVBench, CG-Bench and Video-MMMU.
    """
    if not said.strip():
        return ""
    text = said.strip()
    for mark in ",.!?;:'\"":
        text = text.strip(mark)
    text = f" {text} "
    found = [*_find_forms(text, letters), *_find_after_phrases(text, letters), *_find_at_ends(text, letters)]
    found = found or [_RankedOption(letter, 0, text.rfind(letter)) for letter in letters if letter in text]
    # max() keeps the first of equals, as the stable descending sort of the source does
    return max(found, key=lambda candidate: (candidate.rank, candidate.place)).letter if found else ""


def _find_forms(text: str, letters: str) -> list[_RankedOption]:
    forms = [(letter, shape.format(letter), rank) for shape, rank in _RANKS for letter in letters]
    return [_RankedOption(letter, rank, text.rfind(form)) for letter, form, rank in forms if form in text]


def _find_after_phrases(text: str, letters: str) -> list[_RankedOption]:
    found, lower = [], text.lower()
    for phrase in _PHRASES:
        if (at := lower.find(phrase)) >= 0:
            places = [(letter, text.find(letter, at + len(phrase))) for letter in letters]
            found += [_RankedOption(letter, _PHRASE, place) for letter, place in places if place >= 0]
    return found


def _find_at_ends(text: str, letters: str) -> list[_RankedOption]:
    bare = text.strip()
    starts = [letter for letter in letters if bare.startswith(letter) and not bare[1:2].isalpha()]
    ends = [letter for letter in letters if bare.endswith(letter) and not bare[-2:-1].isalpha()]
    return [_RankedOption(x, _START, 0) for x in starts] + [_RankedOption(x, _END, len(text) - 1) for x in ends]
