"""Generated videos as `lite` would read them: lines of text and speech of a family, of others, and noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from agent.policies.lite_rules.lines import FoundLine, select_meant
from agent.policies.lite_rules.reading import ParsedQuestion, Sense, read_question
from agent.trajectory import Question
from evals.ranker.consoles import CONSOLES
from evals.ranker.families import SCREENS
from evals.ranker.shown import Ask, Shown, ask
from evals.ranker.vocabulary import LANGUAGES

FAMILIES = SCREENS | CONSOLES
"""Generators of screens and talks by the name of their family."""
_MISREAD = {"0": "O", "1": "l", "5": "S", "O": "0", "I": "l", "l": "I", "B": "8", "rn": "m", "e": "c"}
_AT = {"en": "at {}", "de": "bei {}", "es": "en el {}", "fr": "à {}", "ru": "на {}", "zh": "在{}"}
_FITTING = 0.6
"""Share of picture searches that rank the right moment first: about that of things at 30 % of the height."""
_DRAWS = 3
"""Most questions of a video."""
_UNSTATED = 0.5
"""Share of videos of which something is asked that is not told of a thing that is; chosen, not measured."""
_NAMED = 0.3
"""Share of questions that are asked of one sense too; chosen, not measured."""
_MISREAD_DOUBTED, _READ_DOUBTED = 0.5, 0.04
"""Shares of misread and of well-read lines that text recognition doubts; chosen, not measured."""


@dataclass(frozen=True)
class GeneratedQuestion:
    """One question over lines, with its accepted answers; none where the lines don't answer it."""

    family: str
    video: str
    reading: ParsedQuestion
    lines: tuple[FoundLine, ...]
    moments: tuple[float, ...]
    right: tuple[str, ...]


def make_questions(family: str, seed: int) -> list[GeneratedQuestion]:
    """Generates a video of a family, and some questions about it."""
    video = f"{family} {seed}"
    rng = Random(video)
    main = FAMILIES[family](rng)
    is_hidden = rng.random() < 0.12
    fewest = int(is_hidden or not (main.scenes or main.said))
    beside = SCREENS if family in SCREENS else FAMILIES
    names = rng.choices([name for name in beside if name != family], k=rng.randint(fewest, 3 - 2 * fewest))
    others = [FAMILIES[name](rng) for name in names]
    lines, places, duration = _lay_out(rng, Shown() if is_hidden else main, others)
    asks = rng.sample(main.asks, min(_DRAWS, len(main.asks)))
    questions = [
        _make_question(
            rng,
            family,
            video,
            asked,
            lines,
            None if is_hidden or asked.scene is None else places[asked.scene],
            duration,
            is_hidden,
        )
        for asked in asks
    ]
    beyond = Random(f"{video} unstated")
    if main.unstated and beyond.random() < _UNSTATED:
        kind, thing = beyond.choice(main.unstated)
        unstated = Ask(ask(beyond, kind, thing), ())
        questions.append(_make_question(beyond, family, video, unstated, lines, None, duration, is_hidden))
    named = Random(f"{video} by sense")
    return questions + [_name_sense(named, made) for made in questions if named.random() < _NAMED]


def _name_sense(rng: Random, made: GeneratedQuestion) -> GeneratedQuestion:
    """The question as if it named a sense, which may have found nothing of it."""
    sense: Sense = rng.choice(("speech", "text"))
    lines = [line.text.casefold().replace(" ", "") for line in made.lines if line.sense == sense]
    is_there = any(right.casefold().replace(" ", "") in line for right in made.right for line in lines)
    reading = replace(made.reading, senses=(sense,), is_sense_named=True)
    return replace(made, reading=reading, right=made.right if is_there else ())


def _lay_out(
    rng: Random, main: Shown, others: Sequence[Shown]
) -> tuple[list[FoundLine], list[tuple[float, float]], float]:
    """All lines in time order, the span of each screen of the main family, and the length in seconds."""
    doubts = Random(str(main))
    screens = [(rows, number) for number, rows in enumerate(main.scenes)] + [
        (rows, -1) for other in others for rows in other.scenes[:3]
    ]
    firsts = [item for item in screens if item[1] >= 0]
    rng.shuffle(screens)
    order = iter(firsts)  # a family's own screens keep their order
    screens = [next(order) if number >= 0 else (rows, number) for rows, number in screens]
    lines, places, at = list[FoundLine](), [(0.0, 0.0)] * len(main.scenes), rng.uniform(0, 3)
    for rows, number in screens:
        length = rng.uniform(2, 9)
        if number >= 0:
            places[number] = (at, at + length)
        for text, left, top, height in rows:
            width = min(0.95 - min(left, 0.9), 0.5 * height * len(text))
            box = (left, top, left + max(0.02, width), min(1.0, top + height))
            read, score = _misread(rng, text), round(rng.uniform(0.85, 1.0), 2)
            is_doubtful = doubts.random() < (_MISREAD_DOUBTED if read != text else _READ_DOUBTED)
            lines.append(FoundLine(read, at, at + length, False, "t1c1", score, box, is_doubtful))
        at += length + rng.choice([0.0, 0.0, rng.uniform(0, 4)])
    said = [text for shown in (main, *others) for text in shown.said]
    if rng.random() < 0.5:
        said = [text for other in others for text in other.said] + main.said
    second = rng.uniform(0, 2)
    for text in said:
        length = 1 + len(text) / 16
        lines.append(FoundLine(text, second, second + length, True, "t1c2", round(rng.uniform(0.5, 1.0), 2)))
        second += length + rng.choice([0.0, rng.uniform(0, 2)])
    duration = max(at, second, 5.0)
    for _ in range(rng.choice([0, 0, 1, 2, 4])):
        start, text = rng.uniform(0, duration - 1), "".join(rng.choices("aeilnorstuxz0179O|.", k=rng.randint(1, 7)))
        x, y = rng.uniform(0, 0.9), rng.uniform(0, 0.9)
        lines.append(
            FoundLine(
                text,
                start,
                start + rng.uniform(0.5, 4),
                False,
                "t1c1",
                round(rng.uniform(0.5, 0.95), 2),
                (x, y, x + 0.05, y + rng.uniform(0.02, 0.08)),
                doubts.random() < _MISREAD_DOUBTED,
            )
        )
    return sorted(lines, key=lambda line: line.start_seconds), places, duration


def _misread(rng: Random, text: str) -> str:
    if rng.random() < 0.06:
        return text.replace(" ", "")
    if rng.random() < 0.04:
        fits = [old for old in _MISREAD if old in text]
        return text.replace(old := rng.choice(fits), _MISREAD[old], 1) if fits else text
    return text


def _make_question(
    rng: Random,
    family: str,
    video: str,
    asked: Ask,
    lines: list[FoundLine],
    place: tuple[float, float] | None,
    duration: float,
    is_hidden: bool,
) -> GeneratedQuestion:
    question = asked.question
    if place is not None and (asked.timed or rng.random() < 0.15):
        at = rng.uniform(place[0] + 0.2, place[1] - 0.2)
        language = next(
            (code for code in LANGUAGES[1:] if read_question(Question("v", question), 1).language.code == code), "en"
        )
        clock = f"{int(at) // 60}:{int(at) % 60:02}"
        when = rng.choice([f"{at:.0f} seconds", clock]) if language == "en" else clock
        question = f"{question.rstrip('?. ')} {_AT[language].format(when)}?"
    reading = read_question(Question("v", question), duration)
    moments = [rng.uniform(0, duration) for _ in range(3)]
    if place is not None and (asked.points or rng.random() < 0.5):
        rank = 0 if rng.random() < _FITTING else rng.randint(0, 3)
        moments.insert(rank, rng.uniform(*place))
    kept = tuple(select_meant(lines, reading.instant, reading.span))
    return GeneratedQuestion(family, video, reading, kept, tuple(moments[:3]), () if is_hidden else asked.right)
