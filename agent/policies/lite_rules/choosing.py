"""Multiple choice about what is in the picture: each option scored by every source that can speak to it.

Sources are search by meaning, words on screen and in speech, colours, the place of changes, and plain facts about
the video. A source that cannot tell the options apart gives them all the same and so does not count.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from agent.policies.lite_rules import named_text, ranking
from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.lines import FoundLine, find_mentions
from agent.policies.lite_rules.notes import (
    CitedFinding,
    iterate_findings,
    list_moments,
    make_finding_evidence,
    make_line_evidence,
)
from agent.policies.lite_rules.pieces.layout import find_row
from agent.policies.lite_rules.pieces.overlap import compute_relevances
from agent.policies.lite_rules.plan import Wanted, make_span_arguments, want_call
from agent.policies.lite_rules.ranking import Ranked
from agent.policies.lite_rules.reading import find_written_text, read_question
from agent.policies.lite_rules.words import collect_stems, extract_content_words, parse_number, split_words
from agent.trajectory import Answer, Evidence
from tools.observation import Box
from tools.vision.colours import find_colour_words

_LENGTH_BONUS = 0.1
"""Score of each word of an option, up to four, so that of two options in one line the longer one wins."""
_MOST_PIECES = 40
"""Ranked pieces that are compared with the options, at most."""
_BY_WORDS, _MOST_BY_SIGHT = 0.93, 0.45
"""Confidence of a choice that words or the file settle, and at most of any other: 27 of 28 and 28 of 62 were right on
drawn videos and clips. How far the others lie behind says nothing of either."""
_RATHER = 2.0
"""How many times likelier the best option must be than the next one, as an answer, for words to settle the choice."""
_BY_RATIO, _MOST_RATIO = (0.24, 0.61), 100.0
"""Log odds of a choice by words, and by the logarithm of how many times likelier it is as an answer than the next
option, at most so many: fitted on 568 choices out of generated screens, whose best wrong piece was always an option."""
_EXTREMES = (
    (
        -1,
        re.compile(r"\b(?:least|cheapest|lowest|smallest|shortest|youngest|fewest|lightest|earliest|slowest)\b", re.I),
    ),
    (
        1,
        re.compile(
            r"\b(?:most|highest|largest|biggest|longest|oldest|tallest|heaviest|latest|fastest|dearest)\b", re.I
        ),
    ),
)
"""Words that ask for the lowest and for the highest of several values."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_NOTABLE = 0.2
"""Share of the strongest change's score from which another change counts as an event of its own."""


def plan_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for a multiple-choice question: every source that can tell its options apart."""
    reading = case.reading
    span = make_span_arguments(case.span)
    calls = [want_call("overview", count=6)]
    if reading.wants == "orientation":
        return calls
    if reading.senses != ("speech",):  # no picture shows what is said
        queries = case.options[:8] if reading.wants == "thing" else (case.query,)
        calls += [want_call("search_frames", query=query, count=2, **span) for query in queries]
    if reading.senses[0] == "text" or reading.wants == "thing":
        calls.append(want_call("search_text", query=" ".join([reading.subject, *case.options]), **span))
        if reading.instant is not None:
            calls.append(want_call("read_text", seconds=reading.instant))
    if reading.senses[0] == "speech" or reading.wants == "thing" or case.trajectory.facts.has_subtitles:
        calls.append(want_call("search_speech", query=" ".join([reading.subject, *case.options])))
    if reading.wants == "place" or (reading.wants == "colour" and case.span is not None):
        calls.append(want_call("find_changes", count=4, **span))
    if reading.wants == "colour" or any(find_colour_words(option) for option in case.options):
        calls.append(want_call("caption", focus=_write_focus(case), **span))
    return calls + _plan_closer_captions(case)


def _plan_closer_captions(case: QuestionContext) -> list[Wanted]:
    """Captions for colours: of the seconds around the best match, or, at a named time, of the part that moves."""
    if case.reading.wants != "colour":
        return []
    if case.span is None:
        moments = sorted(iterate_findings(case.trajectory, "moment"), key=lambda n: -(n.finding.score or 0.0))[:1]
        return [
            _plan_caption(case, note.finding.start_seconds - 1.0, note.finding.start_seconds + 1.0) for note in moments
        ]
    changes = sorted(iterate_findings(case.trajectory, "change"), key=lambda n: -(n.finding.score or 0.0))[:1]
    return [
        _plan_caption(case, note.finding.start_seconds, note.finding.start_seconds + 2.0, note.finding.box)
        for note in changes
    ]


def _plan_caption(case: QuestionContext, start: float, stop: float, box: Box | None = None) -> Wanted:
    start, stop = max(0.0, start), min(case.duration_seconds, stop)
    area = None if box is None else [round(side, 3) for side in box]
    return want_call("caption", focus=_write_focus(case), start=round(start, 2), stop=round(stop, 2), box=area)


def _write_focus(case: QuestionContext) -> str:
    return f"{case.reading.question.text} {' / '.join(case.options)}"


def answer(case: QuestionContext) -> Answer:
    """An answer with the option that the sources together favour."""
    features = compute_option_features(case)
    likely = _compute_softmax([ranking.compute_score(option) for option in features])
    best = max(range(len(likely)), key=lambda i: likely[i])
    confidence = _compute_confidence(case, features, best, likely[best])
    return Answer(case.options[best], best, round(confidence, 2), _collect_evidence(case, best))


def _compute_confidence(
    case: QuestionContext, options: Sequence[Mapping[str, float]], best: int, share: float
) -> float:
    """The confidence of a choice: high where it rests on words, on the place of a text, or on what the file says.

    Words that name several options settle little, unless they answer the question with one much rather than another.
    """
    words = [option["option words"] for option in options]
    if (
        max(options[best]["option named"], options[best]["option extreme"]) > 0
        or (named_text.is_about_absence(case) and words.count(0.0) == 1)
        or case.reading.wants == "orientation"
        or (case.reading.wants == "place" and _find_named_box(case) is not None)
    ):
        return _BY_WORDS
    answer, *others = (option["option answer"] for option in (options[best], *options[:best], *options[best + 1 :]))
    if answer <= _RATHER * (next_best := max(others, default=0.0)):
        return min(_MOST_BY_SIGHT, share)
    offset, slope = _BY_RATIO
    odds = offset + slope * math.log(answer / max(next_best, answer / _MOST_RATIO))
    return min(_BY_WORDS, 1 / (1 + math.exp(-odds)))


def compute_option_features(case: QuestionContext) -> list[dict[str, float]]:
    """The features of each option: a value for each source, and for each source and kind of question."""
    sources = {
        "words": _score_by_words(case),
        "answer": _score_by_answer(case),
        "named": _score_by_named_text(case),
        "extreme": _score_by_extreme(case),
        "picture": _score_by_picture(case),
        "colour": _score_by_colour(case),
        "fact": _score_by_fact(case),
        "place": _score_by_place(case),
    }
    kind: str = case.reading.wants if case.reading.wants != "thing" else case.reading.senses[0]
    kind = "numbers" if _has_only_numbers(case.options) else kind
    return [
        {f"option {name}": values[i] for name, values in sources.items()}
        | {f"option {kind} {name}": values[i] for name, values in sources.items()}
        for i in range(len(case.options))
    ]


def _score_by_words(case: QuestionContext) -> list[float]:
    """A score of each option by how much of it stands in a line, and how relevant that line is to the question; less
    than 0 where what is not there is asked for."""
    lines, sign = case.meant_lines, -1.0 if named_text.is_about_absence(case) else 1.0
    relevance = dict(zip(lines, compute_relevances(case.reading, lines, case.similarity), strict=True))
    common = set.intersection(*(collect_stems(extract_content_words(option)) for option in case.options))
    scores = []
    for option in case.options:
        own = " ".join(word for word in split_words(option) if not collect_stems([word]) & common) or option
        # of two options in one line, as "nine" and "half past nine", the longer one is meant
        length = _LENGTH_BONUS * min(4, len(split_words(own)))
        found = find_mentions(own, lines)
        score = max((share * (0.5 + length + min(1.0, relevance[line])) for line, share in found), default=0.0)
        scores.append(sign * score)
    return scores


def _score_by_extreme(case: QuestionContext) -> list[float]:
    """1 for the option with the highest value in its row, or the lowest, where that is asked for and each has one."""
    asked = next((sign for sign, words in _EXTREMES if words.search(case.reading.question.text)), 0)
    values = [_find_value_in_row(option, case.text_lines) for option in case.options] if asked else []
    known = [asked * value for value in values if value is not None]
    if len(known) < len(case.options) or known.count(max(known, default=0.0)) != 1:
        return [0.0] * len(case.options)
    return [float(value == max(known)) for value in known]


def _find_value_in_row(option: str, lines: Sequence[FoundLine]) -> float | None:
    """The one number that stands in the row of an option; None without one, or with several."""
    found = [line for line, share in find_mentions(option, lines) if share >= 1.0][:1]
    words = (word for line in found for x in find_row(line, lines) for word in _NUMBER.findall(x.text))
    values = {float(word.replace(",", ".")) for word in words}
    return values.pop() if len(values) == 1 else None


def _score_by_answer(case: QuestionContext) -> list[float]:
    """The probability of each option as an answer to the open question: its best piece that says no more."""
    question = replace(case.reading.question, options=())
    found = ranking.rank(
        read_question(question, case.duration_seconds, case.start_seconds),
        case.meant_lines,
        list_moments(case.trajectory),
        case.similarity,
    )[:_MOST_PIECES]
    if named_text.is_about_absence(case):  # the question without its options has no answer
        return [0.0] * len(case.options)
    return [
        max((piece.probability for piece in found if _is_same_answer(option, piece)), default=0.0)
        for option in case.options
    ]


def _is_same_answer(option: str, piece: Ranked) -> bool:
    says = find_mentions(option, [replace(piece.line, text=piece.text)])
    return any(share >= 1.0 for _, share in says) and len(split_words(piece.text)) <= len(split_words(option)) + 1


def _score_by_named_text(case: QuestionContext) -> list[float]:
    """A score of options such as `the word ORCHARD`: 1 for words on screen, -1 for words that are not."""
    sign = -1.0 if named_text.is_about_absence(case) else 1.0
    return [sign * _score_name(case, find_written_text(option)) for option in case.options]


def _score_name(case: QuestionContext, name: str | None) -> float:
    if name is None:
        return 0.0
    if named_text.find_showings(case.trajectory, name):
        return 1.0
    return -1.0 if named_text.is_missing(case, name) else 0.0


def _has_only_numbers(options: Sequence[str]) -> bool:
    """Whether all options are numbers, which are read or heard: the encoder does not see them."""
    return all(parse_number(word) is not None for option in options for word in split_words(option)[:1])


def _score_by_picture(case: QuestionContext) -> list[float]:
    if _has_only_numbers(case.options):
        return [0.0] * len(case.options)
    best = [_find_best_moment(case, option) for option in case.options]
    # 0 for an option without a match
    return [(note.finding.score or 0.0) if note is not None else 0.0 for note in best]


def _find_best_moment(case: QuestionContext, query: str) -> CitedFinding | None:
    found = [note for note in iterate_findings(case.trajectory, "moment") if note.finding.text == query]
    return max(found, key=lambda note: note.finding.score or 0.0, default=None)


def _score_by_colour(case: QuestionContext) -> list[float]:
    # a later, closer look stands above an earlier one
    fits = {n.finding.text: n.finding.score or 0.0 for n in iterate_findings(case.trajectory, "colour")}
    return [max((fits.get(word, 0.0) for word in find_colour_words(option)), default=0.0) for option in case.options]


def _score_by_fact(case: QuestionContext) -> list[float]:
    if case.reading.wants == "yes or no":
        # no packaged model can judge an action; actions that are asked about more often happened than not
        return [float(split_words(option.casefold())[:1] == ["yes"]) for option in case.options]
    facts = case.trajectory.facts
    shape = "portrait" if facts.height > facts.width else "landscape" if facts.width > facts.height else "square"
    return [
        float(case.reading.wants == "orientation" and shape in split_words(option.casefold()))
        for option in case.options
    ]


def _score_by_place(case: QuestionContext) -> list[float]:
    changes = find_notable_changes(case)
    box = _find_named_box(case) or (changes[0].finding.box if changes else None)
    if case.reading.wants != "place" or box is None:
        return [0.0] * len(case.options)
    return [score_place(split_words(option.casefold()), box) for option in case.options]


def _find_named_box(case: QuestionContext) -> Box | None:
    """The place of the text that the question names; None without one that is shown."""
    return next((line.box for line in named_text.find_asked_showings(case)), None)


def find_notable_changes(case: QuestionContext) -> list[CitedFinding]:
    """The changes that count as events: by time for "first" (backwards for "last"), else the strongest first."""
    found = list(iterate_findings(case.trajectory, "change"))
    strongest = max((note.finding.score or 0.0 for note in found), default=0.0)
    kept = [note for note in found if (note.finding.score or 0.0) >= _NOTABLE * strongest]
    if case.reading.edge is None:
        return sorted(kept, key=lambda note: -(note.finding.score or 0.0))
    return sorted(kept, key=lambda note: note.finding.start_seconds, reverse=case.reading.edge == "last")


def score_place(named: Sequence[str], box: Box) -> float:
    """A score of how well words for a place, such as top and left, fit a box's middle, -1..1; 0 for other words."""
    across, down = box[0] + box[2] - 1, box[1] + box[3] - 1
    directions = {"left": -across, "right": across} | dict.fromkeys(("top", "upper", "above"), -down)
    directions |= dict.fromkeys(("bottom", "lower", "below"), down)
    fits = [directions[word] for word in named if word in directions]
    return sum(fits) / len(fits) if fits else 0.0


def _collect_evidence(case: QuestionContext, best: int) -> tuple[Evidence, ...]:
    option = case.options[best]
    said = find_mentions(option, case.meant_lines)[:1]
    pieces = [make_line_evidence(case.trajectory, line) for line, _ in said]
    if not pieces or case.reading.senses[0] == "picture":
        seen = _find_best_moment(case, option) or _find_best_of_any(case)
        pieces += [make_finding_evidence(seen, f"best match for {seen.finding.text!r}")] if seen is not None else []
    return tuple(pieces)


def _find_best_of_any(case: QuestionContext) -> CitedFinding | None:
    if case.reading.wants == "place" and (changes := find_notable_changes(case)):
        return changes[0]
    by_kind = [list(iterate_findings(case.trajectory, kind)) for kind in ("colour", "moment", "fact")]
    first = next((found for found in by_kind if found), [])
    return max(first, key=lambda n: n.finding.score or 0.0, default=None)


def _compute_softmax(values: Sequence[float]) -> list[float]:
    top = max(values)
    powers = [math.exp(value - top) for value in values]
    return [power / sum(powers) for power in powers]
