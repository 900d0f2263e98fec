"""`lite`, a policy of rules that needs nothing but packages: no GPU, no key, no download."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agent.limits import find_reached_limit
from agent.policies.lite_rules import (
    answering,
    carriers,
    choosing,
    comparing,
    everyday,
    explaining,
    named_text,
    ordering,
    predicting,
    timing,
)
from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.lines import Similarity
from agent.policies.lite_rules.plan import Wanted, select_new_calls, want_call
from agent.policies.lite_rules.presence import counting, sounds, things
from agent.policies.lite_rules.reading import ParsedQuestion, find_written_text, read_question
from agent.policy import ToolAccess
from agent.trajectory import Answer, Calls, Trajectory, Turn, restrict_to_video
from tools.toolbox import SPEECH_TOOLS

ABOUT = (
    "lite is the small built-in reasoner: rules over search, screen text and speech. It understands no pictures; "
    "for that, plug in a vision-language model."
)


@dataclass(frozen=True)
class Strategy:
    """The rules for one kind of question: which tool calls it needs, and how to answer from their observations."""

    looks: Callable[[QuestionContext], list[Wanted]]
    """Gives every tool call that the question needs; those already made are left out later."""
    answer: Callable[[QuestionContext], Answer]


_EXPLAIN = Strategy(explaining.plan_calls, explaining.answer)
_PREDICT = Strategy(predicting.plan_calls, predicting.answer)
_INTERVAL = Strategy(timing.plan_interval_calls, timing.answer_interval)
_ORDER = Strategy(ordering.plan_calls, ordering.answer)
_TIMES = Strategy(counting.plan_calls, counting.answer)
_CARRIER = Strategy(carriers.plan_calls, carriers.answer)
_CHOICE = Strategy(choosing.plan_calls, choosing.answer)
_MOMENT = Strategy(timing.plan_moment_calls, timing.answer_moment)
_SOUND = Strategy(sounds.plan_calls, sounds.answer)
_TEXT = Strategy(answering.plan_calls, answering.answer)
_EVERYDAY = Strategy(everyday.plan_calls, everyday.answer)
_EVERYDAY_WANTS = frozenset(
    "length size recorded sound unread transcript statement errors texts exists moment summary".split()
)


class LitePolicy:
    """A policy of rules: calls every tool that the question's strategy still wants, then answers.

    Nothing is kept between turns: the next turn follows from the trajectory alone.
    """

    spec = "lite"
    setup = None

    def __init__(self, similarity: Similarity | None = None) -> None:
        self._similarity = similarity

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """A turn with the tool calls that are still wanted, or with the answer."""
        if trajectory.other_facts:
            return self._compare(trajectory)
        case = self._make_case(trajectory)
        if find_reached_limit(trajectory) is None and (calls := select_new_calls(trajectory, _plan_calls(case))):
            return Turn(_write_thought(case), Calls(calls))
        answer = _answer_case(case)
        return Turn(_write_verdict(answer), answer)

    def _make_case(self, trajectory: Trajectory) -> QuestionContext:
        reading = read_question(trajectory.question, trajectory.facts.duration_seconds, trajectory.facts.start_seconds)
        return QuestionContext(reading, trajectory, self._similarity)

    def _compare(self, trajectory: Trajectory) -> Turn:
        """A turn of a question about several videos, each of which is asked about by itself."""
        question = trajectory.question
        of_each = comparing.ask_of_each(question)
        cases = [
            self._make_case(replace(restrict_to_video(trajectory, video), question=of_each))
            for video in trajectory.facts_by_number
        ]
        way = _WHICH if comparing.asks_which(question) else _EACH
        wanted = [comparing.number_call(want, n) for n, case in enumerate(cases, start=1) for want in way.looks(case)]
        if find_reached_limit(trajectory) is None and (calls := select_new_calls(trajectory, wanted)):
            return Turn(_write_thought(cases[0]), Calls(calls))
        join = (
            comparing.answer_which
            if way is _WHICH
            else comparing.list_answers
            if question.folder is None or question.options
            else comparing.answer_from_first
        )
        answer = join(question, [way.answer(case) for case in cases])
        return Turn(_write_verdict(answer), answer)


def _plan_calls(case: QuestionContext) -> list[Wanted]:
    if case.must_list_shots:
        return [want_call("list_shots")]
    wanted = [*named_text.plan_calls(case), *choose_strategy(case.reading).looks(case)]
    return wanted if case.trajectory.facts.has_pictures else [want for want in wanted if want.tool in SPEECH_TOOLS]


def _answer_case(case: QuestionContext) -> Answer:
    return named_text.answer_by_presence(case) or choose_strategy(case.reading).answer(case)


_WHICH = Strategy(comparing.plan_calls, comparing.answer_presence)
_EACH = Strategy(_plan_calls, _answer_case)
"""The rules for one of several videos: where it is asked which of them has something, and for any other question."""


def choose_strategy(reading: ParsedQuestion) -> Strategy:
    """The strategy for a question: where a detector could answer it, that comes before the usual one."""
    usual = _choose_usual_strategy(reading)
    return usual if reading.thing is None or reading.question.task != "answer" else _make_thing_strategy(usual)


def _make_thing_strategy(usual: Strategy) -> Strategy:
    """The strategy that asks the detector, and goes on as usual where there is none."""

    def looks(case: QuestionContext) -> list[Wanted]:
        return things.plan_calls(case) + (usual.looks(case) if things.find_reason(case) else [])

    def answer(case: QuestionContext) -> Answer:
        reason = things.find_reason(case)
        return things.add_reason(usual.answer(case), reason) if reason else things.answer(case)

    return Strategy(looks, answer)


def _choose_usual_strategy(reading: ParsedQuestion) -> Strategy:
    if reading.question.task != "answer":
        return _EXPLAIN if reading.question.task == "explain" else _PREDICT
    if reading.sound is not None:
        return _SOUND
    if reading.wants == "interval":
        return _INTERVAL
    if reading.wants == "order":
        return _ORDER
    if reading.wants == "times":
        return _TIMES
    if reading.wants == "colour" and find_written_text(reading.question.text) is not None:
        return _CARRIER
    if reading.question.options:
        return _CHOICE
    if reading.wants == "time":
        return _MOMENT
    if reading.wants in _EVERYDAY_WANTS:
        return _EVERYDAY
    return _TEXT


def load_packaged_similarity() -> Similarity | None:
    """A similarity of texts, the cosine of the packaged word vectors; None where they are not installed."""
    from tools.encoders import conse

    if not conse.is_installed():
        return None
    encoder = conse.open_packaged_encoder()

    def similarity(text: str, others: Sequence[str]) -> list[float]:
        vectors = encoder.encode_texts([text, *others])
        return [float(cosine) for cosine in vectors[1:] @ vectors[0]]

    return similarity


def _write_thought(case: QuestionContext) -> str:
    reading = case.reading
    if case.trajectory.steps:
        return "I look closer where the first look points."
    if reading.question.task != "answer":
        return f"Asked to {reading.question.task}. I gather what can be known: shots, changes, text, speech."
    where = (
        ""
        if reading.span is None
        else f" between {reading.span.start_seconds:.1f} and {reading.span.stop_seconds:.1f} s"
    )
    return f"Asked for: {reading.wants}. I look for {case.query!r}{where}, first in {reading.senses[0]}."


def _write_verdict(answer: Answer) -> str:
    if answer.cannot_tell:
        return "What I found does not settle it."
    if answer.not_shown:
        return "I looked where it would be, and it is not there."
    spans = ", ".join(f"{e.start_seconds:.1f}-{e.stop_seconds:.1f} s" for e in answer.evidence)
    return f"The best-supported answer rests on {spans}." if spans else "A guess: I found nothing to rest it on."
