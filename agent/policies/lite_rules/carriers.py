"""Questions for the colour of a thing that carries a text, such as a sign: the text is found, then the colours there.

Only the box of the text is captioned: its background fills most of it, and what is behind the thing none.
"""

from agent.policies.lite_rules import named_text
from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.establishing import abstain
from agent.policies.lite_rules.lines import FoundLine
from agent.policies.lite_rules.notes import CitedFinding, iterate_findings, make_line_evidence
from agent.policies.lite_rules.plan import Wanted, want_call
from agent.trajectory import Answer
from tools.vision.colours import find_colour_words

_LONGEST_LOOK_SECONDS = 1.0
"""Seconds of the window that is captioned, at most."""


def plan_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for the colour of a carrier: a caption of the text's box, once the text is found."""
    line = _find_best_showing(case)
    return [want_call("overview", count=4)] if line is None else [_plan_caption(case, line)]


def answer(case: QuestionContext) -> Answer:
    """An answer with the colour of most of the text's box."""
    line = _find_best_showing(case)
    colours = [] if line is None else [n for n in iterate_findings(case.trajectory, "colour") if _is_in(n, line)]
    if line is None or not colours:
        return _guess(case)
    fits = {note.finding.text: note.finding.score or 0.0 for note in colours}
    evidence = (make_line_evidence(case.trajectory, line),)
    if not case.options:
        return Answer(max(fits, key=lambda word: fits[word]), None, 0.7, evidence)
    likely = [max((fits.get(word, 0.0) for word in find_colour_words(option)), default=0.0) for option in case.options]
    best = max(range(len(likely)), key=lambda i: likely[i])
    return Answer(case.options[best], best, round(0.25 + 0.6 * min(1.0, likely[best]), 2), evidence)


def _find_best_showing(case: QuestionContext) -> FoundLine | None:
    shown = named_text.find_asked_showings(case)
    return max((line for line in shown if line.box is not None), key=lambda line: line.score, default=None)


def _plan_caption(case: QuestionContext, line: FoundLine) -> Wanted:
    assert line.box is not None
    middle = (line.start_seconds + min(line.stop_seconds, case.duration_seconds)) / 2
    length = min(_LONGEST_LOOK_SECONDS, line.stop_seconds - line.start_seconds)
    start = max(0.0, middle - length / 2)
    # the question's own colours are compared only where they are options to choose from
    focus = " / ".join(case.options) if case.options else None
    area = [round(side, 3) for side in line.box]
    return want_call("caption", start=round(start, 2), stop=round(start + max(0.1, length), 2), focus=focus, box=area)


def _is_in(note: CitedFinding, line: FoundLine) -> bool:
    assert line.box is not None
    return note.call.arguments.get("box") == [round(side, 3) for side in line.box]


def _guess(case: QuestionContext) -> Answer:
    return Answer(case.options[0], 0, round(1 / len(case.options), 2)) if case.options else abstain(case, "picture")
