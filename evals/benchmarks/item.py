"""A question of a published benchmark, with what its breakdowns, its prompts and its scorers need."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_uppercase
from typing import Literal

from agent.trajectory import Answer, Question
from evals.benchmarks.records import RecordPlace
from evals.example import Example
from evals.inside import inside
from evals.scoring.spans import Span

Kind = Literal["choice", "open", "span"]

_WHEN = "When in the video does this happen? Answer with its start and end in seconds, as in 24.3 - 30.4 seconds: "


@dataclass(frozen=True)
class Item:
    """One question as published. `question` is what a policy is asked: it has no answer in it."""

    id: str
    """The official id, unique within the benchmark."""
    kind: Kind
    """What is to be given: an option, a text, or a span of time."""
    video: Path
    """Where the file is expected; a folder of frames where there is a frame rate."""
    cluster: str
    """The official id of the video."""
    text: str
    """The question, without its options; for a span the sentence to be found."""
    place: RecordPlace
    """Where the record stands, for messages."""
    options: tuple[str, ...] = ()
    """As published, without letters; some benchmarks repeat one."""
    right: int | None = None
    """Index of the right option, the first of equal ones; None where it isn't published or there are no options."""
    gold: str | None = None
    """The right answer in words; None where it isn't published."""
    groups: tuple[tuple[str, str], ...] = ()
    """What tables are broken down by, as (key, label); a key may have several labels."""
    duration_seconds: float | None = None
    segment_seconds: Span | None = None
    """The part of the file that the question is about; None is all of it."""
    frames_per_second: float | None = None
    """Of a folder of frames; None for a video file."""
    subtitles: Path | None = None
    subtitle_offset_seconds: float = 0.0
    """To be subtracted from the times of the subtitles, which are those of a longer video."""
    evidence_seconds: tuple[Span, ...] = ()
    """Where the answer is to be seen, where that is published; for a span the right answer."""
    picture: bytes | None = None
    """A picture that belongs to the question."""

    @property
    def question(self) -> Question:
        """What a policy is asked; of equal options all but the first get a number, since options must differ."""
        text = _WHEN + self.text if self.kind == "span" else self.text
        return Question(str(self.video), text, _distinct(self.options), self.id)

    @property
    def example(self) -> Example | None:
        """The question with its answer; None where the answer isn't published or is a span."""
        if self.gold is None or self.kind == "span":
            return None
        answer = self.gold if self.right is None else self.question.options[self.right]
        in_order = [span for span in self.evidence_seconds if 0 <= span[0] <= span[1]]
        evidence = in_order[0] if in_order else None
        return Example(self.question, answer, evidence_seconds=evidence, cluster=self.cluster)

    @property
    def letters(self) -> str:
        """The letters of the options."""
        return ascii_uppercase[: len(self.options)]

    @property
    def right_letters(self) -> str:
        """The letters of all options with the words of the right one; "" where it isn't published."""
        if self.right is None:
            return ""
        return "".join(x for x, option in zip(self.letters, self.options, strict=True) if option == self.gold)

    def shuffled(self, order: Sequence[int]) -> "Item":
        """The same question with its options in another order; `order` are the old indices."""
        if sorted(order) != list(range(len(self.options))):
            raise ValueError(f"need an order of {len(self.options)} options, got {list(order)}")
        options = tuple(self.options[i] for i in order)
        return replace(self, options=options, right=None if self.gold is None else options.index(self.gold))


def _distinct(options: Sequence[str]) -> tuple[str, ...]:
    made: list[str] = []
    for option in options:
        count = 1
        while (text := option if count == 1 else f"{option} ({count})") in made:
            count += 1
        made.append(text)
    return tuple(made)


@dataclass(frozen=True)
class RawAnswer:
    """An answer before it is spelled as some scorer wants it."""

    option: int | None = None
    text: str = ""
    spans: tuple[Span, ...] = ()


def reply_of(answer: Answer | None) -> RawAnswer:
    """What a policy answered; nothing for no answer, "not shown" and "I can't tell"."""
    if answer is None or answer.abstains:
        return RawAnswer()
    spans = tuple((evidence.start_seconds, evidence.stop_seconds) for evidence in answer.evidence)
    return RawAnswer(answer.option, answer.text, spans)


def first_existing(*paths: Path) -> Path:
    """The first of the paths that exists; the first of all where none does."""
    return next((path for path in paths if path.exists()), paths[0])


def video_file(folder: Path, stem: str, place: RecordPlace) -> Path:
    """The video of that name, whatever its ending; the .mp4 where there is none.

    Raises:
        ValueError: the name leads out of the folder; says where it stands.
    """
    paths = (inside(folder, f"{stem}{ending}", place) for ending in (".mp4", ".MP4", ".mkv", ".webm", ".avi"))
    usual = next(paths)
    return usual if usual.exists() else next((path for path in paths if path.exists()), usual)
