"""The events of a video that `lite` can know, in order: shots, changes in the picture, words said and shown."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.choosing import find_notable_changes
from agent.policies.lite_rules.lines import FoundLine
from agent.policies.lite_rules.notes import (
    CitedFinding,
    collect_speech_lines,
    collect_text_lines,
    iterate_findings,
    make_finding_evidence,
    make_line_evidence,
)
from agent.trajectory import Evidence, Trajectory

Kind = Literal["shot", "change", "speech", "text", "match"]

_LONGEST_QUOTE = 90
"""Characters of a quotation at most."""
_SAME_MOMENT_SECONDS = 0.5
"""Seconds between two events that are taken to come together."""
_PICTURES = 2
"""Pictures that go with a shot."""
_LEAST_SCORE = 0.6
"""Score of screen text below which it is no event; picked by eye on development clips."""
_LEAST_LETTERS = 3
"""Letters of screen text that make an event at least."""
_LEAST_SECONDS = 0.5
"""Seconds that screen text is shown at least: a shorter reading is mostly a line half faded in."""


@dataclass(frozen=True)
class Occurrence:
    """An event of the video, with its evidence."""

    kind: Kind
    text: str
    """The event as a sentence without its full stop."""
    evidence: Evidence

    @property
    def start_seconds(self) -> float:
        """Second at which the event begins."""
        return self.evidence.start_seconds


def collect_occurrences(case: QuestionContext) -> list[Occurrence]:
    """All events on record, in order of time."""
    trajectory = case.trajectory
    shots, cuts = list(iterate_findings(trajectory, "shot")), find_cut_seconds(trajectory)
    found = [_make_shot(trajectory, note, number) for number, note in enumerate(shots, start=1)]
    found += [
        _make_change(note) for note in find_notable_changes(case) if not is_near(note.finding.start_seconds, cuts)
    ]
    found += [
        _make_speech(line.text, make_line_evidence(trajectory, line)) for line in collect_speech_lines(trajectory)
    ]
    found += [_make_text(line.text, make_line_evidence(trajectory, line)) for line in collect_legible_lines(trajectory)]
    found += [_make_match(case, note) for note in iterate_findings(trajectory, "moment")]
    return sorted(found, key=lambda item: (item.start_seconds, item.kind != "shot"))


def find_cut_seconds(trajectory: Trajectory) -> list[float]:
    """The seconds at which the picture cuts to another shot."""
    return [note.finding.start_seconds for note in list(iterate_findings(trajectory, "shot"))[1:]]


def collect_legible_lines(trajectory: Trajectory) -> list[FoundLine]:
    """The lines of screen text with times of their own, likely misreadings left out, in order of time."""
    # a captioner's text has the times of what was captioned, and a frame's only its own
    return [line for line in collect_text_lines(trajectory, "search_text") if _is_legible(line)]


def is_near(seconds: float, times: list[float]) -> bool:
    """Whether a second is within half a second of one of the times."""
    return any(abs(seconds - time) <= _SAME_MOMENT_SECONDS for time in times)


def quote_text(text: str) -> str:
    """Words of the video as a quotation that they cannot leave, cut where it gets long."""
    words = " ".join(re.sub("[“”]", "'", text).split())
    return f"“{words if len(words) <= _LONGEST_QUOTE else words[: _LONGEST_QUOTE - 1].rstrip() + '…'}”"


def _make_shot(trajectory: Trajectory, note: CitedFinding, number: int) -> Occurrence:
    start, stop = note.finding.start_seconds, note.finding.stop_seconds
    labels = (n for n in iterate_findings(trajectory, "label") if not n.finding.doubt)
    recognised = [n for n in labels if start <= n.finding.start_seconds < stop]
    names = list(dict.fromkeys(n.finding.text for n in recognised))[:3]
    showing = f"; the picture may show {', '.join(names)}" if names else ""
    text = "The video begins" if number == 1 else f"The picture cuts to shot {number}"
    calls = dict.fromkeys([note.call.id, *(n.call.id for n in recognised)])
    frames = tuple(f for f in trajectory.frames_seen if start - 1e-6 <= f.seconds < stop)[:_PICTURES]
    evidence = replace(make_finding_evidence(note), call_ids=tuple(calls), frames=frames)
    return Occurrence("shot", text + showing, evidence)


def _make_change(note: CitedFinding) -> Occurrence:
    return Occurrence("change", f"Something in the picture changes, {note.finding.text}", make_finding_evidence(note))


def _make_speech(text: str, evidence: Evidence) -> Occurrence:
    return Occurrence("speech", f"Somebody says {quote_text(text)}", evidence)


def _make_text(text: str, evidence: Evidence) -> Occurrence:
    verb = "stands on screen" if evidence.start_seconds <= 0 else "appears on screen"
    return Occurrence("text", f"{quote_text(text)} {verb}", evidence)


def _make_match(case: QuestionContext, note: CitedFinding) -> Occurrence:
    text = f"The picture fits {quote_text(case.reading.question.text)} better than anywhere else"
    return Occurrence("match", text, make_finding_evidence(note, "best match of the search"))


def _is_legible(line: FoundLine) -> bool:
    letters = sum(letter.isalpha() for letter in line.text)
    seconds = line.stop_seconds - line.start_seconds
    return line.score >= _LEAST_SCORE and letters >= _LEAST_LETTERS and seconds >= _LEAST_SECONDS
