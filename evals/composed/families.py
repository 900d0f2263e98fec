"""Families of composed questions: each makes one question from the plan of a video, or none where it can't.

About one question in ten is about a needle that does not appear: its correct answer is "not shown". Options are drawn
in the same way whether the needle appears or not, and their order is drawn last, so that only the video tells them
apart.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

from evals.composed.drawn_needles import COLOURS
from evals.composed.planning import PlannedVideo
from evals.composed.recipe import Placement
from evals.composed.tags import SIGNS, draw_tags, sort_of

OPTIONS = 4
"""Number of options of a question."""
ABSENT_EVERY = 10
"""One question in this many is about a needle that does not appear."""
QUESTIONS_A_VIDEO = 4
"""Most questions of a video by default."""

_OPEN_SHARE = 0.3
"""Share of questions without options, among those that can be asked so."""
_PARTS = 6
"""Number of intervals of a video for `when` questions."""
_CLEAR_SECONDS = 0.3
"""Least distance from the border of an interval for a question about it."""
_CLEAR_SHARE = 0.06
"""Least distance from the border of a quarter, as a share of the picture, for a question about it."""


@dataclass(frozen=True)
class Composed:
    """One composed question, with its answer and evidence."""

    family: str
    text: str
    options: tuple[str, ...]
    """Options of the question; () for an open one."""
    answer: str | None
    """Correct answer; None where the needle does not appear."""
    evidence: tuple[Placement, ...]
    """Appearances on which the answer rests, in time order; () where there is none."""
    needs: tuple[str, ...]

    @property
    def evidence_seconds(self) -> tuple[float, float] | None:
        """Span from the first to the last moment of the evidence; None without evidence."""
        if not self.evidence:
            return None
        return self.evidence[0].start_seconds, self.evidence[-1].stop_seconds


@dataclass(frozen=True)
class _Draft:
    """A question before it is decided whether it is open."""

    text: str
    answer: str
    wrong: tuple[str, ...]
    evidence: tuple[Placement, ...]
    needs: tuple[str, ...]
    can_be_open: bool = False


def make_questions(plan: PlannedVideo, seed: int, number: int, count: int = QUESTIONS_A_VIDEO) -> tuple[Composed, ...]:
    """Makes questions of different families about one video of a set.

    Args:
        plan: plan of the video.
        seed: seed of the set.
        number: number of the video in the set.
        count: most questions.
    """
    rng = random.Random(f"{plan.recipe.name}/questions/{seed}/{number}")
    left = rng.sample(sorted(FAMILIES), len(FAMILIES))
    if plan.counted is not None:  # always asked: otherwise rarer for one appearance, where more else can be asked
        left = ["count", *(family for family in left if family != "count")]
    asked: list[Composed] = []
    for place in range(count):
        is_absent = (number * count + place) % ABSENT_EVERY == seed % ABSENT_EVERY
        one = _make_first_possible(plan, left, rng, is_absent)
        if one is None:
            break
        left.remove(one.family)
        asked.append(one)
    return tuple(asked)


def _make_first_possible(
    plan: PlannedVideo, families: Sequence[str], rng: random.Random, is_absent: bool
) -> Composed | None:
    for family in families:
        if is_absent and family not in ABOUT_ONE:
            continue
        target = plan.ghost if is_absent else _draw_target(plan, family, rng)
        draft = FAMILIES[family](plan, target, rng) if target is not None else None
        if draft is not None:
            return _put(draft, family, plan, rng, is_absent)
    return None


def _draw_target(plan: PlannedVideo, family: str, rng: random.Random) -> Placement | None:
    """The appearance asked about; families that ask about one appearance take needles that have only one."""
    firsts = [plan.recipe.appearances(needle)[0] for needle in plan.recipe.needles]
    if family in ("read", "where", "colour", "when"):
        firsts = [p for p in firsts if len(plan.recipe.appearances(p.needle)) == 1]
    return rng.choice(firsts) if firsts else None


def _put(draft: _Draft, family: str, plan: PlannedVideo, rng: random.Random, is_absent: bool) -> Composed:
    is_open = draft.can_be_open and rng.random() < _OPEN_SHARE
    options = () if is_open else (draft.answer, *draft.wrong)
    return Composed(
        family=family,
        text=draft.text,
        options=tuple(rng.sample(options, len(options))),
        answer=None if is_absent else draft.answer,
        evidence=() if is_absent else draft.evidence,
        needs=(family, *draft.needs, *(("absent",) if is_absent else ()), f"level_{plan.level}"),
    )


def _which(plan: PlannedVideo, target: Placement, rng: random.Random) -> _Draft | None:
    if target is plan.ghost:
        rest = rng.sample(plan.absent_names, OPTIONS - 1)
    else:
        rest = rng.sample((plan.ghost.needle.name, *plan.absent_names), OPTIONS - 1)
    return _Draft("Which of these appears in the video?", target.needle.name, tuple(rest), (target,), ("search",))


def _read(plan: PlannedVideo, target: Placement, rng: random.Random) -> _Draft | None:
    needle, sort = target.needle, sort_of(target.needle.tag)
    others = [n.tag for n in plan.recipe.needles if n != needle]
    more = [tag for tag in draw_tags(rng, sort, max(OPTIONS, len(others) + 1)) if tag not in (needle.tag, *others)]
    wrong = [*rng.sample(others, len(others)), *more][: OPTIONS - 1]
    return _Draft(
        f"Which {sort} is on the tag beside the {needle.name}?",
        *(_word_tag(needle.tag), tuple(_word_tag(tag) for tag in wrong)),
        *((target,), ("search", "zoom", "read_text")),
        can_be_open=sort != "sign",
    )


def _word_tag(tag: str) -> str:
    """The text of a tag as an answer: signs by name, since they are no words."""
    return SIGNS.get(tag, tag)


def _colour(_plan: PlannedVideo, target: Placement, rng: random.Random) -> _Draft | None:
    colour = target.needle.colour
    if colour is None:
        return None
    wrong = rng.sample([name for name in COLOURS if name != colour], OPTIONS - 1)
    text = f"What colour is the {_board_of(target.needle.name)}?"
    return _Draft(text, colour, tuple(wrong), (target,), ("search",), can_be_open=True)


def _board_of(name: str) -> str:
    """Name of the thing whose colour is asked: of a word its board, since a word has two colours."""
    return f"board with the {name}" if name.startswith("word ") else name


def _where(_plan: PlannedVideo, target: Placement, _rng: random.Random) -> _Draft | None:
    left, top, right, bottom = target.box
    across, down = (left + right) / 2 - 0.5, (top + bottom) / 2 - 0.5
    if min(abs(across), abs(down)) < _CLEAR_SHARE:
        return None
    places = [f"{row} {column}" for row in ("top", "bottom") for column in ("left", "right")]
    answer = f"{'top' if down < 0 else 'bottom'} {'left' if across < 0 else 'right'}"
    text = f"In which quarter of the picture is the middle of the {target.needle.name}?"
    return _Draft(text, answer, tuple(p for p in places if p != answer), (target,), ("search", "place"))


def _when(plan: PlannedVideo, target: Placement, rng: random.Random) -> _Draft | None:
    # wholly inside: a needle is then as likely to be in the first or last interval as in any other
    part = plan.recipe.seconds / _PARTS
    number = int(target.start_seconds // part)
    begin, end = number * part + _CLEAR_SECONDS, (number + 1) * part - _CLEAR_SECONDS
    if not begin <= target.start_seconds < target.stop_seconds <= end:
        return None
    spans = [f"{part * i:g}-{part * (i + 1):g} s" for i in range(_PARTS)]
    wrong = rng.sample([span for span in spans if span != spans[number]], OPTIONS - 1)
    text = f"During which interval is the {target.needle.name} on screen?"
    return _Draft(text, spans[number], tuple(wrong), (target,), ("temporal_search",))


def _count(plan: PlannedVideo, _target: Placement, _rng: random.Random) -> _Draft | None:
    if plan.counted is None:
        return None
    shown = plan.recipe.appearances(plan.counted)
    wrong = tuple(str(times) for times in range(1, OPTIONS + 1) if times != len(shown))
    text = f"How many times does the {plan.counted.name} appear?"
    return _Draft(text, str(len(shown)), wrong, shown, ("temporal_search",), can_be_open=True)


def _order(plan: PlannedVideo, _target: Placement, rng: random.Random) -> _Draft | None:
    needles = plan.recipe.needles
    if len(needles) < 3:
        return None
    three = rng.sample(needles, 3)
    firsts = sorted((plan.recipe.appearances(n)[0] for n in three), key=lambda p: p.start_seconds)
    answer = _word_order([p.needle.name for p in firsts])
    orders = [_word_order(names) for names in permutations(n.name for n in three)]
    wrong = rng.sample([order for order in orders if order != answer], OPTIONS - 1)
    names = [n.name for n in three]
    text = f"In which order do the {names[0]}, the {names[1]} and the {names[2]} first appear?"
    return _Draft(text, answer, tuple(wrong), tuple(firsts), ("search", "temporal_order"))


def _word_order(names: Sequence[str]) -> str:
    return ", then ".join(f"the {name}" for name in names)


FAMILIES: dict[str, Callable[[PlannedVideo, Placement, random.Random], _Draft | None]] = {
    "which": _which,
    "read": _read,
    "colour": _colour,
    "where": _where,
    "when": _when,
    "count": _count,
    "order": _order,
}

ABOUT_ONE = ("which", "read", "colour", "where", "when")
"""Families that can be asked about a needle that does not appear."""
