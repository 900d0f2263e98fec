"""A scripted expert policy for composed questions: sweeps the video, reads tags, answers with evidence.

The graph runs it like any policy, and the parser of every model reads its replies. It never names a moment before a
tool has shown it: where a model could only guess, imitation would teach it to guess.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from agent.policy import ToolAccess
from agent.rendering.reply_parser import parse_reply
from agent.trajectory import Answer, Calls, Evidence, Reply, ToolCall, Trajectory, Turn, Usage, make_call_ids
from evals.composed.episode import Episode
from evals.composed.families import Composed
from evals.composed.tags import SIGNS, sort_of
from rl.data.as_reply import write_reply
from tools.observation import Box, Finding

SAMPLE_SECONDS = 2.0
"""Least time that a needle is on screen, and that two of them are apart."""
_CALLS_A_TURN = 8
"""Most calls of the expert in one turn."""
_SAME_SECONDS = SAMPLE_SECONDS + 0.1
"""Greatest gap between two sightings of one appearance."""
_SEEN, _UNSEEN = 0.95, 0.8
"""Stated confidence of an answer that was seen, and of "not shown"."""

_ASKED = {
    "read": re.compile(r"on the tag beside the ([^?\n]{1,100})\?"),
    "colour": re.compile(r"What colour is the (?:board with the )?([^?\n]{1,100})\?"),
    "where": re.compile(r"middle of the ([^?\n]{1,100})\?"),
    "when": re.compile(r"interval is the ([^?\n]{1,100}) on screen\?"),
    "count": re.compile(r"does the ([^?\n]{1,100}) appear\?"),
}

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class SeenNeedle:
    """A needle that an observation shows."""

    name: str
    colour: str | None
    place: str
    """Quarter of the picture, as "top left"."""
    start_seconds: float
    stop_seconds: float
    call_id: str


@dataclass(frozen=True)
class Read:
    """Text of a tag, with the call that showed it."""

    text: str
    call_id: str


class ExpertSight(Protocol):
    """How the expert observes the video: by words or by pictures."""

    def plan_sweep(self, duration_seconds: float) -> list[Call]:
        """Calls that together show every needle of the video."""
        ...

    def seen(self, trajectory: Trajectory) -> list[SeenNeedle]:
        """Needles that were shown so far, in time order."""
        ...

    def closer(self, seen: SeenNeedle) -> Call:
        """The call that shows the tag of a needle."""
        ...

    def read(self, trajectory: Trajectory, seen: SeenNeedle, sort: str) -> Read | None:
        """The tag of a needle, once it was looked at; None where it could not be read.

        Args:
            trajectory: the run so far.
            seen: the needle.
            sort: sort of tag, as "number" or "word".
        """
        ...


class WordEyes:
    """Observes by captions and screen text alone."""

    _WINDOW_SECONDS = 4 * SAMPLE_SECONDS
    """Seconds in one call of `caption`, which looks at four frames."""

    def plan_sweep(self, duration_seconds: float) -> list[Call]:
        """Calls of `caption`, one for every eight seconds."""
        return [("caption", span) for span in _windows(duration_seconds, self._WINDOW_SECONDS)]

    def seen(self, trajectory: Trajectory) -> list[SeenNeedle]:
        """Needles that captions named, in time order."""
        found = [
            _parse_label(finding, result.call_id)
            for result in trajectory.results
            for finding in result.observation.findings
            if finding.kind == "label"
        ]
        return sorted((seen for seen in found if seen is not None), key=lambda seen: seen.start_seconds)

    def closer(self, seen: SeenNeedle) -> Call:
        """The call of `read_text` at the needle's first frame."""
        return "read_text", {"seconds": round(seen.start_seconds, 2)}

    def read(self, trajectory: Trajectory, seen: SeenNeedle, sort: str) -> Read | None:
        """The first line of screen text of that sort that is not the board's own word."""
        own = seen.name.removeprefix("word ")
        for result in trajectory.results:
            for finding in result.observation.findings:
                if finding.kind == "text" and finding.text != own and sort_of(finding.text) == sort:
                    return Read(finding.text, result.call_id)
        return None


class PictureEyes:
    """Observes by pictures: it looks up in the recipe what shown frames hold, and uses nothing of other frames."""

    _WINDOW_SECONDS = 16 * SAMPLE_SECONDS
    _AROUND = 0.1
    """Margin of a zoom around a tag, as a share of the picture: print is then as fine as in the video for a model that
    is shown 224x126 pixels, and a box that is not quite right still holds it."""

    def __init__(self, episode: Episode) -> None:
        self._placements = episode.plan.recipe.placements

    def plan_sweep(self, duration_seconds: float) -> list[Call]:
        """Calls of `select_frames` for small frames, one every two seconds."""
        return [
            (
                "select_frames",
                span | {"count": -int(-(span["stop"] - span["start"]) // SAMPLE_SECONDS), "size": "small"},
            )
            for span in _windows(duration_seconds, self._WINDOW_SECONDS)
        ]

    def seen(self, trajectory: Trajectory) -> list[SeenNeedle]:
        """Needles on the frames shown so far, in time order."""
        found: dict[int, SeenNeedle] = {}
        for result in trajectory.results:
            for frame in result.observation.frames:
                for number, placement in enumerate(self._placements):
                    if placement.is_on_screen(frame.seconds) and number not in found:
                        needle = placement.needle
                        times = (frame.seconds, frame.seconds + 0.1)
                        found[number] = SeenNeedle(
                            needle.name, needle.colour, _quarter(placement.box), *times, result.call_id
                        )
        return [found[number] for number in sorted(found)]

    def closer(self, seen: SeenNeedle) -> Call:
        """The call of `zoom` at the needle's tag."""
        left, top, right, bottom = self._placement(seen).tag_box
        box = (left - self._AROUND, top - self._AROUND, right + self._AROUND, bottom + self._AROUND)
        inside = [round(min(1.0, max(0.0, side)), 2) for side in box]
        return "zoom", {"seconds": round(seen.start_seconds, 2), "box": inside}

    def read(self, trajectory: Trajectory, seen: SeenNeedle, sort: str) -> Read | None:
        """The needle's tag, once there was a zoom; None before."""
        del sort
        zooms = {call.id for call in trajectory.calls if call.name == "zoom"}
        tag = self._placement(seen).needle.tag
        looked = (result.call_id for result in trajectory.results if result.call_id in zooms)
        return next((Read(SIGNS.get(tag, tag), call_id) for call_id in looked), None)

    def _placement(self, seen: SeenNeedle) -> Any:
        return next(p for p in self._placements if p.is_on_screen(seen.start_seconds))


class ScriptedExpert:
    """Scripted policy for one composed question; each question needs its own."""

    spec = "expert"
    setup = None

    def __init__(self, asked: Composed, eyes: ExpertSight, *, in_words: bool = False) -> None:
        self._asked = asked
        self._eyes = eyes
        self._in_words = in_words

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """The next turn: calls while something is left to look at, then the answer."""
        del sight  # what it calls is there in every toolbox that it is given
        thought, calls = self._plan_look(trajectory)
        if calls:
            ids = make_call_ids(trajectory, len(calls))
            move: Calls | Answer = Calls(tuple(ToolCall(i, *call) for i, call in zip(ids, calls, strict=True)))
        else:
            thought, move = self._answer(trajectory)
        return parse_reply(Reply(write_reply(thought, move, in_words=self._in_words)), Usage(), trajectory)

    def _plan_look(self, trajectory: Trajectory) -> tuple[str, list[Call]]:
        """Thought and calls of the next look; no calls where nothing is left to look at."""
        seen = self._find_wanted(trajectory)
        called = [(call.name, call.arguments) for call in trajectory.calls]
        left = [call for call in self._eyes.plan_sweep(trajectory.facts.duration_seconds) if call not in called]
        if left and not self._is_enough(seen):
            words = _GO_ON if called else _BEGIN
            return words.format(what=self._what), left[:_CALLS_A_TURN]
        if self._asked.family == "read" and seen and (call := self._eyes.closer(seen[0])) not in called:
            return _READ.format(name=seen[0].name, at=f"{seen[0].start_seconds:g}"), [call]
        return "", []

    @property
    def _names(self) -> tuple[str, ...]:
        """Names of the needles that the question is about."""
        if self._asked.family == "which":
            return self._asked.options
        if self._asked.family == "order":
            return tuple(name.removeprefix("the ") for name in self._asked.options[0].split(", then "))
        found = _ASKED[self._asked.family].search(self._asked.text)
        assert found is not None, f"a question of the family {self._asked.family} in other words: {self._asked.text}"
        return (found[1],)

    @property
    def _what(self) -> str:
        *others, last = (f"the {name}" for name in self._names)
        return f"{', '.join(others)} {'or' if self._asked.family == 'which' else 'and'} {last}" if others else last

    def _find_wanted(self, trajectory: Trajectory) -> list[SeenNeedle]:
        return [seen for seen in self._eyes.seen(trajectory) if seen.name in self._names]

    def _is_enough(self, seen: Sequence[SeenNeedle]) -> bool:
        if self._asked.family == "count":
            return False
        names = {one.name for one in seen}
        return len(names) == (len(self._names) if self._asked.family == "order" else 1)

    def _answer(self, trajectory: Trajectory) -> tuple[str, Answer]:
        seen = _merge_appearances(self._find_wanted(trajectory))
        said, read = self._said(trajectory, seen)
        if said is None:
            return _ABSENT.format(what=self._what), Answer("not shown", None, _UNSEEN, not_shown=True)
        options = trajectory.question.options
        option = options.index(said) if said in options else None
        evidence = tuple(self._evidence(one, read) for one in seen)
        where = ", ".join(f"{one.name} at {one.start_seconds:g} s" for one in seen)
        return _FOUND.format(where=where, said=said), Answer(said, option, _SEEN, evidence)

    def _evidence(self, seen: SeenNeedle, read: Read | None) -> Evidence:
        calls = (seen.call_id,) if read is None else (seen.call_id, read.call_id)
        return Evidence(seen.start_seconds, seen.stop_seconds, calls, quote=read.text if read is not None else "")

    def _said(self, trajectory: Trajectory, seen: Sequence[SeenNeedle]) -> tuple[str | None, Read | None]:
        """The answer that follows from what was seen, and the tag that was read; None where there is none."""
        family, options = self._asked.family, self._asked.options
        if not seen:
            return None, None
        if family == "read":
            sort = self._asked.text.split()[1]
            read = self._eyes.read(trajectory, seen[0], sort)
            return (None, None) if read is None else (read.text, read)
        if family == "order":
            return ", then ".join(f"the {name}" for name in dict.fromkeys(one.name for one in seen)), None
        if family == "when":
            return next((o for o in options if _covers(o, seen[0].start_seconds)), None), None
        simple = {"which": seen[0].name, "colour": seen[0].colour, "where": seen[0].place, "count": str(len(seen))}
        return simple[family], None


# One way to say each thing: a small model that learns four ways to begin is sure of none of them, and then its first
# token is what the prompt suggests (rl/LOG.md).
_BEGIN = "First I have to find {what}, so I look at every part of the video."
_GO_ON = "I still look for {what}, further on."
_READ = "I saw: {name} at {at} s. What is on its tag has to be read."
_FOUND = "I saw: {where}. So the answer is {said}."
_ABSENT = "I looked at the whole video, and {what} is nowhere. It is not shown."


def _windows(duration_seconds: float, length: float) -> list[dict[str, Any]]:
    starts = [number * length for number in range(-int(-duration_seconds // length))]
    return [{"start": _short(start), "stop": _short(min(start + length, duration_seconds))} for start in starts]


def _short(seconds: float) -> float:
    """Seconds without a decimal point where they are whole, as a person would write them."""
    return int(seconds) if seconds == int(seconds) else round(seconds, 2)


def _parse_label(finding: Finding, call_id: str) -> SeenNeedle | None:
    """The needle that a caption's label names; None for "something red"."""
    thing, _, place = finding.text.rpartition(", ")
    colour, _, name = thing.partition(" ")
    if colour == "something":
        return None
    return SeenNeedle(name, colour, place, finding.start_seconds, finding.stop_seconds, call_id)


def _merge_appearances(seen: Sequence[SeenNeedle]) -> list[SeenNeedle]:
    """Sightings merged into appearances: the next window may have shown the end of the same one."""
    kept: list[SeenNeedle] = []
    for one in seen:
        same = [
            n for n, k in enumerate(kept) if k.name == one.name and one.start_seconds - k.stop_seconds <= _SAME_SECONDS
        ]
        if same:
            kept[same[-1]] = replace(kept[same[-1]], stop_seconds=max(one.stop_seconds, kept[same[-1]].stop_seconds))
        else:
            kept.append(one)
    return kept


def _covers(interval: str, seconds: float) -> bool:
    start, stop = (float(edge) for edge in interval.removesuffix(" s").split("-"))
    return start <= seconds < stop


def _quarter(box: Box) -> str:
    left, top, right, bottom = box
    return f"{'top' if top + bottom < 1 else 'bottom'} {'left' if left + right < 1 else 'right'}"
