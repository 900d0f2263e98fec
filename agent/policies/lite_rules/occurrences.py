"""The events of a video that `lite` can know, in order: shots, changes in the picture, words said and shown."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.choosing import notable_changes
from agent.policies.lite_rules.lines import FoundLine
from agent.policies.lite_rules.notes import (
    CitedFinding,
    evidence_of_line,
    evidence_of_note,
    notes,
    speech_lines,
    text_lines,
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


def occurrences(case: QuestionContext) -> list[Occurrence]:
    """All events on record, in order of time."""
    trajectory = case.trajectory
    shots, cuts = list(notes(trajectory, "shot")), cut_seconds(trajectory)
    found = [_shot(trajectory, note, number) for number, note in enumerate(shots, start=1)]
    found += [_change(note) for note in notable_changes(case) if not is_near(note.finding.start_seconds, cuts)]
    found += [_said(line.text, evidence_of_line(trajectory, line)) for line in speech_lines(trajectory)]
    found += [_shown(line.text, evidence_of_line(trajectory, line)) for line in legible_lines(trajectory)]
    found += [_match(case, note) for note in notes(trajectory, "moment")]
    return sorted(found, key=lambda item: (item.start_seconds, item.kind != "shot"))


def cut_seconds(trajectory: Trajectory) -> list[float]:
    """The seconds at which the picture cuts to another shot."""
    return [note.finding.start_seconds for note in list(notes(trajectory, "shot"))[1:]]


def legible_lines(trajectory: Trajectory) -> list[FoundLine]:
    """The lines of screen text with times of their own, likely misreadings left out, in order of time."""
    # a captioner's text has the times of what was captioned, and a frame's only its own
    return [line for line in text_lines(trajectory, "search_text") if _is_legible(line)]


def is_near(seconds: float, times: list[float]) -> bool:
    """Whether a second is within half a second of one of the times."""
    return any(abs(seconds - time) <= _SAME_MOMENT_SECONDS for time in times)


def quoted(text: str) -> str:
    """Words of the video as a quotation that they cannot leave, cut where it gets long."""
    words = " ".join(re.sub("[“”]", "'", text).split())
    return f"“{words if len(words) <= _LONGEST_QUOTE else words[: _LONGEST_QUOTE - 1].rstrip() + '…'}”"


def _shot(trajectory: Trajectory, note: CitedFinding, number: int) -> Occurrence:
    start, stop = note.finding.start_seconds, note.finding.stop_seconds
    labels = (n for n in notes(trajectory, "label") if not n.finding.doubt)
    recognised = [n for n in labels if start <= n.finding.start_seconds < stop]
    names = list(dict.fromkeys(n.finding.text for n in recognised))[:3]
    showing = f"; the picture may show {', '.join(names)}" if names else ""
    text = "The video begins" if number == 1 else f"The picture cuts to shot {number}"
    calls = dict.fromkeys([note.call.id, *(n.call.id for n in recognised)])
    frames = tuple(f for f in trajectory.frames_seen if start - 1e-6 <= f.seconds < stop)[:_PICTURES]
    evidence = replace(evidence_of_note(note), call_ids=tuple(calls), frames=frames)
    return Occurrence("shot", text + showing, evidence)


def _change(note: CitedFinding) -> Occurrence:
    return Occurrence("change", f"Something in the picture changes, {note.finding.text}", evidence_of_note(note))


def _said(text: str, evidence: Evidence) -> Occurrence:
    return Occurrence("speech", f"Somebody says {quoted(text)}", evidence)


def _shown(text: str, evidence: Evidence) -> Occurrence:
    verb = "stands on screen" if evidence.start_seconds <= 0 else "appears on screen"
    return Occurrence("text", f"{quoted(text)} {verb}", evidence)


def _match(case: QuestionContext, note: CitedFinding) -> Occurrence:
    text = f"The picture fits {quoted(case.reading.question.text)} better than anywhere else"
    return Occurrence("match", text, evidence_of_note(note, "best match of the search"))


def _is_legible(line: FoundLine) -> bool:
    letters = sum(letter.isalpha() for letter in line.text)
    seconds = line.stop_seconds - line.start_seconds
    return line.score >= _LEAST_SCORE and letters >= _LEAST_LETTERS and seconds >= _LEAST_SECONDS
