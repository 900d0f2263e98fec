"""Candidates that a model writes about videos: one question for each video, skill and round.

The three skills are those of VideoKR (section 3.3); two of them draw a knowledge point from a bank. The model is shown
evenly spread frames with their times, and replies with one JSON object. A reply that is none, or no valid question,
gives no candidate, and is counted with its reason.
"""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.rendering.answer_parser import strip_fence
from agent.trajectory import Question, Trajectory
from evals.benchmarks.records import read_jsonl_rows
from evals.controls.control import Control
from evals.controls.frames import uniform_frames
from evals.controls.subject import ControlSubject, subject_of
from evals.datasets.clips import ClipExample, ExampleSet
from evals.datasets.dataset import DatasetEntry
from evals.datasets.sources import FileSource
from evals.example import Example
from evals.runner.run_file import read_rows
from rl.data.curation.conditions import Condition, OpenPolicy, Player
from tools.plain_data import loads_json

SKILLS = {
    "video-reasoning": "events in the order and places in which they are seen, without knowledge from elsewhere",
    "knowledge-perception": "seeing what a thing or an event is, which takes the knowledge point",
    "knowledge-reasoning": "inferring in several steps from what is seen and from the knowledge point",
}
"""What each skill asks for, in the words of the prompt."""
_WITHOUT_KNOWLEDGE = ("video-reasoning",)
_FRAMES = 32
"""Frames that the writing model is shown."""
WRITE = Condition("frames", Control("Evenly spread frames.", give=uniform_frames(_FRAMES)))
ENDINGS = (".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v")
_PLACE = re.compile(r"\{(skill|knowledge)\}")


@dataclass(frozen=True)
class KnowledgePoint:
    """A term with its definition, and the video that it was collected for; empty for any."""

    term: str
    definition: str
    video: str = ""


@dataclass(frozen=True)
class Written:
    """The candidates of a writing model, and why other replies gave none, by what was asked for."""

    candidates: ExampleSet
    left_out: dict[str, str]


class _WrittenReply(BaseModel):
    """The writing model's reply."""

    model_config = ConfigDict(extra="ignore")

    question: Annotated[str, Field(min_length=1, max_length=2000)]
    options: Annotated[list[str], Field(max_length=10)] = []
    answer: Annotated[str, Field(min_length=1, max_length=1000)]
    evidence_seconds: tuple[float, float] | None = None


def find_videos(folder: Path) -> tuple[Path, ...]:
    """The videos of a folder and of the folders in it, in order of their names.

    Raises:
        ValueError: there is none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not found:
        raise ValueError(f"{folder} has no videos ({', '.join(ENDINGS)}): there is nothing to write questions about")
    return tuple(found)


def read_bank(path: Path | None) -> tuple[KnowledgePoint, ...]:
    """Reads a knowledge bank, JSONL of `term, definition, video?`; an empty one without a file.

    Raises:
        ValueError: a line is no knowledge point; says which.
    """
    if path is None:
        return ()
    return tuple(
        KnowledgePoint(row.text("term"), row.text("definition"), row.text("video") if row.has("video") else "")
        for row in read_jsonl_rows(path)
    )


def write_candidates(entries: Sequence[DatasetEntry], opened: OpenPolicy, player: Player) -> Written:
    """Asks a model for questions, as far as the files of a building do not have them, and reads what it wrote.

    Args:
        entries: what is asked for.
        opened: opens the writing model.
        player: keeps the runs.

    Raises:
        ValueError: nothing that was written is a question.
        PolicyError: the model fails again and again.
    """
    return _read_written(entries, player.play({entry.id for entry in entries}, "writer", opened, WRITE))


def plan_writing(videos: Path, bank: Sequence[KnowledgePoint], rounds: int) -> tuple[DatasetEntry, ...]:
    """What is asked for: a question for each video, skill and round.

    Args:
        videos: folder of the videos.
        bank: the knowledge points; without any, the skills that need one are left out.
        rounds: questions for each video and skill.

    Raises:
        ValueError: there is no video.
    """
    return tuple(
        DatasetEntry(ControlSubject(question, None), FileSource(video), str(video), (("skill", skill),))
        for video in find_videos(videos)
        for skill in SKILLS
        for number in range(1, rounds + 1)
        if (question := _ask(video, videos, skill, number, bank)) is not None
    )


def _ask(video: Path, folder: Path, skill: str, number: int, bank: Sequence[KnowledgePoint]) -> Question | None:
    name = video.relative_to(folder).as_posix()
    fit = [point for point in bank if point.video == name] or [point for point in bank if not point.video]
    knowledge = "none"
    key = f"{name}/{skill}/{number}"
    if skill not in _WITHOUT_KNOWLEDGE:
        if not fit:
            return None
        point = random.Random(key).choice(fit)
        knowledge = f"{point.term}: {point.definition}"
    told = {"skill": SKILLS[skill], "knowledge": json.dumps(knowledge, ensure_ascii=False)}
    return Question(str(video), _PLACE.sub(lambda place: told[place[1]], _read_prompt()), id=key, is_verbatim=True)


def _read_written(entries: Sequence[DatasetEntry], path: Path) -> Written:
    by_id = {entry.id: entry for entry in entries}
    made: dict[str, Example] = {}
    left_out: dict[str, str] = {}
    for run in read_rows(path):
        if (entry := by_id.get(run.question.id)) is None:
            continue
        try:
            made[entry.id] = _make_example(entry, run)
            left_out.pop(entry.id, None)
        except ValueError as error:
            left_out[entry.id] = str(error)
    if not made:
        why = next(iter(left_out.values()), "nothing was asked for")
        raise ValueError(f"nothing that was written is a question: {why}")
    told = [ClipExample(one, subject_of(one), by_id[name].source) for name, one in made.items()]
    return Written(ExampleSet("written", told, ()), left_out)


def _make_example(entry: DatasetEntry, run: Trajectory) -> Example:
    if run.answer is None:
        raise ValueError(f"no reply: {run.error}")
    try:
        reply = _WrittenReply.model_validate(loads_json(strip_fence(run.answer.text.rpartition("</think>")[2])))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if reply.options and reply.answer not in reply.options:
        raise ValueError(f"the answer {reply.answer[:80]!r} is none of the options")
    # models favour a place for the right option
    options = random.Random(entry.id).sample(reply.options, len(reply.options))
    span = reply.evidence_seconds
    if span is not None and not 0 <= span[0] <= span[1] <= run.facts.duration_seconds:
        raise ValueError(f"evidence_seconds: need 0 <= start <= stop <= {run.facts.duration_seconds:g}, got {span}")
    question = Question(entry.question.video, reply.question, tuple(options), entry.id)
    return Example(question, reply.answer, (), span, (dict(entry.groups)["skill"],), entry.cluster)


@cache
def _read_prompt() -> str:
    return files(__package__).joinpath("write.txt").read_text(encoding="utf-8").strip()
