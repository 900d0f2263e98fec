"""Questions of published benchmarks, with what breakdowns, prompts and scorers need."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Literal

from agent.trajectory import Answer, Question
from evals.benchmarks.records import Record, RecordPlace
from evals.example import Example
from evals.inside import resolve_inside
from evals.scoring.spans import Span

Kind = Literal["choice", "open", "span"]

_WHEN = "When in the video does this happen? Answer with its start and end in seconds, as in 24.3 - 30.4 seconds: "


@dataclass(frozen=True)
class Item:
    """One question as published. `question` is what a policy is asked, without the answer."""

    id: str
    """Official id, unique within the benchmark."""
    kind: Kind
    """Kind of answer: an option, a text, or a span of time."""
    video: Path
    """Path where the video is expected; a folder of frames where there is a frame rate."""
    cluster: str
    """Official id of the video."""
    text: str
    """Question without its options; for a span the sentence to be found."""
    place: RecordPlace
    """Place of the record in the files, for messages."""
    options: tuple[str, ...] = ()
    """Options as published, without letters; some benchmarks repeat one."""
    right: int | None = None
    """Index of the correct option, the first of equal ones; None where it isn't published or there are no options."""
    gold: str | None = None
    """Correct answer in words; None where it isn't published."""
    aliases: tuple[str, ...] = ()
    """Further correct answers in words."""
    groups: tuple[tuple[str, str], ...] = ()
    """Groups by which tables are broken down, as (key, label); a key may have several labels."""
    duration_seconds: float | None = None
    segment_seconds: Span | None = None
    """Part of the file that the question is about; None is all of it."""
    frames_per_second: float | None = None
    """Frame rate of a folder of frames; None for a video file."""
    subtitles: Path | None = None
    subtitle_offset_seconds: float = 0.0
    """Offset to subtract from the times of the subtitles, which are those of a longer video."""
    evidence_seconds: tuple[Span, ...] = ()
    """Spans that show the answer, where those are published; for a span question the correct answer."""
    picture: bytes | None = None
    """Image file that belongs to the question; None without one."""

    @property
    def question(self) -> Question:
        """The question for a policy; equal options get a number, except the first, since options must differ."""
        text = _WHEN + self.text if self.kind == "span" else self.text
        return Question(str(self.video), text, _number_equal_options(self.options), self.id)

    @property
    def example(self) -> Example | None:
        """The question with its reference; None where the answer isn't published or is a span."""
        if self.gold is None or self.kind == "span":
            return None
        answer = self.gold if self.right is None else self.question.options[self.right]
        in_order = [span for span in self.evidence_seconds if 0 <= span[0] <= span[1]]
        evidence = in_order[0] if in_order else None
        return Example(self.question, answer, self.aliases, evidence_seconds=evidence, cluster=self.cluster)

    @property
    def letters(self) -> str:
        """Letters of the options, from A."""
        return ascii_uppercase[: len(self.options)]

    @property
    def right_letters(self) -> str:
        """Letters of all options with the words of the correct one; "" where it isn't published."""
        if self.right is None:
            return ""
        return "".join(x for x, option in zip(self.letters, self.options, strict=True) if option == self.gold)

    def shuffled(self, order: Sequence[int]) -> "Item":
        """This question with its options in another order, given as old indices.

        Raises:
            ValueError: `order` is no permutation of the options.
        """
        if sorted(order) != list(range(len(self.options))):
            raise ValueError(f"need an order of {len(self.options)} options, got {list(order)}")
        options = tuple(self.options[i] for i in order)
        return replace(self, options=options, right=None if self.gold is None else options.index(self.gold))


def make_choice(row: Record, options: Sequence[str], right: int | None, **fields: Any) -> Item:
    """A question of multiple choice; of equal options the first is the correct one.

    Args:
        row: the record, for its place.
        options: the options, without letters.
        right: index of the correct option; None where it isn't published.
        fields: the other fields of `Item`.

    Raises:
        ValueError: the index is that of no option.
    """
    if right is not None and not 0 <= right < len(options):
        raise ValueError(f"{row.place}: need an index of {len(options)} options, got {right}; fetch the file again")
    gold = None if right is None else options[right]
    first = None if gold is None else options.index(gold)
    return Item(kind="choice", place=row.place, options=tuple(options), right=first, gold=gold, **fields)


def strip_letters(options: Sequence[str]) -> tuple[str, ...]:
    """Options without the letters in front of them, as in `A. ` and `B) `."""
    return tuple(re.sub(r"^\s*[A-Z][.)]\s*", "", option) for option in options)


def split_options(text: str) -> tuple[str, tuple[str, ...]]:
    """The question and the options of a text whose last lines are options with their letters, from A on."""
    lines = text.strip().split("\n")
    start = next((i for i, line in enumerate(lines) if re.match(r"\s*A[.)]", line)), len(lines))
    return "\n".join(lines[:start]).strip(), strip_letters(lines[start:])


def _number_equal_options(options: Sequence[str]) -> tuple[str, ...]:
    made: list[str] = []
    for option in options:
        count = 1
        while (text := option if count == 1 else f"{option} ({count})") in made:
            count += 1
        made.append(text)
    return tuple(made)


@dataclass(frozen=True)
class RawAnswer:
    """A policy's answer before it is spelled for a scorer."""

    option: int | None = None
    text: str = ""
    spans: tuple[Span, ...] = ()


def reply_of(answer: Answer | None) -> RawAnswer:
    """The raw form of a policy's answer; empty for no answer, "not shown" and "I can't tell"."""
    if answer is None or answer.abstains:
        return RawAnswer()
    spans = tuple((evidence.start_seconds, evidence.stop_seconds) for evidence in answer.evidence)
    return RawAnswer(answer.option, answer.text, spans)


def find_first_existing(*paths: Path) -> Path:
    """The first of the paths that exists; the first of all where none does."""
    return next((path for path in paths if path.exists()), paths[0])


def find_video(folder: Path, stem: str, place: RecordPlace) -> Path:
    """The path of a video by its name without extension; the .mp4 where no file exists.

    Args:
        folder: folder of the videos.
        stem: name of the file without extension.
        place: place of the record, for messages.

    Raises:
        ValueError: the name leads out of the folder; says where it stands.
    """
    paths = (resolve_inside(folder, f"{stem}{ending}", place) for ending in (".mp4", ".MP4", ".mkv", ".webm", ".avi"))
    usual = next(paths)
    return usual if usual.exists() else next((path for path in paths if path.exists()), usual)
