"""The JSON that `--json` prints; for `agent explain` and `agent predict` as types, which the JSON schema is made from.

Evidence stands with the step or the prediction that it carries. Keys are only ever added, never renamed.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter
from pydantic_core import to_jsonable_python

from agent.coverage import compute_coverages
from agent.terminal import format_json
from agent.trajectory import Limits, Link, Prediction, Stop, Trajectory, Verification

ASKED_PREDICTIONS = 3
"""Predictions that the task asks for."""


@dataclass(frozen=True)
class Spent:
    """The cost of the question. What was not measured is null."""

    turns: int
    frames: int
    """Number of distinct pictures shown to the policy."""
    tokens: int | None
    seconds: float
    cost_usd: float | None

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    @classmethod
    def of(cls, trajectory: Trajectory) -> "Spent":
        """The cost of a trajectory, all runs of the question included."""
        spent = trajectory.spent
        frames = len(trajectory.frames_seen)
        return cls(trajectory.turns, frames, spent.tokens, round(spent.seconds, 3), spent.cost_usd)


@dataclass(frozen=True)
class SeenVideo:
    """The video, as far as it was seen."""

    path: str
    content_hash: str
    duration_seconds: float
    """Second at which the video ends for every tool."""
    until_seconds: float | None
    """Second at which the question ends the video; null for the whole video."""
    from_seconds: float | None
    """Second at which the question begins the video, which keeps its times; null for its own beginning."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    @classmethod
    def of(cls, trajectory: Trajectory) -> "SeenVideo":
        """The video of a trajectory, named as it was given."""
        facts, question = trajectory.facts, trajectory.question
        return cls(
            question.video, facts.content_hash, facts.duration_seconds, question.until_seconds, question.from_seconds
        )


@dataclass(frozen=True)
class Checked:
    """The verification: a second answer to the question, from the evidence alone."""

    agrees: bool | None
    """Whether the second answer is the first one; null if there is none, which speaks neither for nor against."""
    answer: str
    """Text of the second answer."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    @classmethod
    def of(cls, trajectory: Trajectory) -> "Checked | None":
        """The last verification of a trajectory; None without one."""
        look = trajectory.verification or trajectory.doubted
        return cls(look.agrees, look.answer) if look is not None else None


@dataclass(frozen=True)
class Explanation:
    """What `agent explain --json` prints: what leads to what."""

    task: Literal["explain"]
    question: str
    summary: str | None
    """The explanation in one sentence; null if there is none."""
    confidence: float | None
    """Confidence in the causes, not the events, 0..1; null where the policy states none."""
    chain: tuple[Link, ...]
    """Steps of the chain in order of time, each with its evidence."""
    cannot_tell: bool
    """True where nothing is claimed; the summary says why."""
    gaps: tuple[str, ...]
    """Parts of the video that could not be looked at, read or heard, a sentence each."""
    verification: Checked | None
    """Verification: whether the evidence carries the chain; null where none was made."""
    stop: Stop | None
    """Why the run ended."""
    video: SeenVideo
    usage: Spent
    limits: Limits
    policy: str

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)


@dataclass(frozen=True)
class Forecast:
    """What `agent predict --json` prints: what may come next."""

    task: Literal["predict"]
    question: str
    predictions: tuple[Prediction, ...]
    """Predictions, the most likely first. Each confidence is 0..1 by itself: several can come true, so they need not
    sum to 1."""
    note: str
    """Why there are fewer than three; empty if there are three."""
    cannot_tell: bool
    """True where nothing is claimed; the note says why."""
    gaps: tuple[str, ...]
    """Parts of the video that could not be looked at, read or heard, a sentence each."""
    verification: Checked | None
    """Verification: whether the evidence carries the predictions; null where none was made."""
    stop: Stop | None
    """Why the run ended."""
    video: SeenVideo
    usage: Spent
    limits: Limits
    policy: str

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)


_EXPLANATION: TypeAdapter[Explanation] = TypeAdapter(Explanation)
_FORECAST: TypeAdapter[Forecast] = TypeAdapter(Forecast)


def build_output(trajectory: Trajectory) -> dict[str, Any]:
    """The output of `--json` for a trajectory, as plain data: each task has its own keys."""
    if trajectory.question.task == "explain":
        explained: dict[str, Any] = _EXPLANATION.dump_python(_build_explanation(trajectory), mode="json")
        return explained
    if trajectory.question.task == "predict":
        predicted: dict[str, Any] = _FORECAST.dump_python(_build_forecast(trajectory), mode="json")
        return predicted
    answered: dict[str, Any] = to_jsonable_python(_build_answer(trajectory))
    return answered


def format_output(trajectory: Trajectory) -> str:
    """The output of `--json` for a trajectory, as one JSON object on one line."""
    return format_json(build_output(trajectory))


def _build_answer(trajectory: Trajectory) -> dict[str, Any]:
    answer = trajectory.answer
    return {
        "answer": answer.text if answer is not None else None,
        "option": answer.option if answer is not None else None,
        "not_shown": answer.not_shown if answer is not None else None,
        "cannot_tell": answer.cannot_tell if answer is not None else None,
        "gaps": trajectory.gaps,
        "confidence": trajectory.confidence,
        "evidence": answer.evidence if answer is not None else [],
        "claims": answer.claims if answer is not None else [],
        "verification": _drop_turns(trajectory.verification),
        "doubted": _drop_turns(trajectory.doubted),
        **_describe_videos(trajectory),
        "stop": trajectory.stop,
        "votes": trajectory.votes,
        "usage": Spent.of(trajectory),
        "estimate": trajectory.estimate,
        "limits": trajectory.limits,
        "effort": trajectory.effort,
        "strategy": trajectory.strategy,
        "policy": trajectory.policy,
        "setup": trajectory.setup,
        "question": trajectory.question,
    }


def _describe_videos(trajectory: Trajectory) -> dict[str, Any]:
    """The video and its coverage; of several, `videos` has each with its coverage, in the order of their numbers."""
    coverages = [coverage.as_data() for coverage in compute_coverages(trajectory).values()]
    paths = trajectory.question.videos
    videos = [
        asdict(facts) | {"path": path} for facts, path in zip(trajectory.facts_by_number.values(), paths, strict=True)
    ]
    if len(videos) == 1:
        return {"coverage": coverages[0], "video": videos[0]}
    return {"videos": [video | {"coverage": seen} for video, seen in zip(videos, coverages, strict=True)]}


def _drop_turns(look: Verification | None) -> Verification | None:
    """A verification without its turns, which are in the saved trajectory."""
    return replace(look, steps=()) if look is not None else None


def _build_explanation(trajectory: Trajectory) -> Explanation:
    answer = trajectory.answer
    return Explanation(
        task="explain",
        question=trajectory.question.text,
        summary=answer.text if answer is not None else None,
        confidence=trajectory.confidence,
        chain=answer.chain if answer is not None else (),
        cannot_tell=answer is not None and answer.cannot_tell,
        gaps=trajectory.gaps,
        verification=Checked.of(trajectory),
        stop=trajectory.stop,
        video=SeenVideo.of(trajectory),
        usage=Spent.of(trajectory),
        limits=trajectory.limits,
        policy=trajectory.policy,
    )


def _build_forecast(trajectory: Trajectory) -> Forecast:
    return Forecast(
        task="predict",
        question=trajectory.question.text,
        predictions=trajectory.answer.predictions if trajectory.answer is not None else (),
        note=explain_too_few(trajectory),
        cannot_tell=trajectory.answer is not None and trajectory.answer.cannot_tell,
        gaps=trajectory.gaps,
        verification=Checked.of(trajectory),
        stop=trajectory.stop,
        video=SeenVideo.of(trajectory),
        usage=Spent.of(trajectory),
        limits=trajectory.limits,
        policy=trajectory.policy,
    )


def explain_too_few(trajectory: Trajectory) -> str:
    """The reason for fewer predictions than the three that are asked for, a sentence; empty if there are enough."""
    if trajectory.question.task != "predict":
        return ""
    if trajectory.answer is not None and trajectory.answer.cannot_tell:
        return trajectory.answer.text
    count = len(trajectory.answer.predictions) if trajectory.answer is not None else 0
    if count >= ASKED_PREDICTIONS:
        return ""
    return f"Three predictions were asked for, and {count or 'none'} came: the policy names no more."


def build_schema(task: Literal["explain", "predict"]) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a task's output."""
    adapter: TypeAdapter[Any] = _EXPLANATION if task == "explain" else _FORECAST
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return head | adapter.json_schema(mode="serialization")


def format_schema(task: Literal["explain", "predict"]) -> str:
    """The JSON schema of a task's output, as text."""
    return json.dumps(build_schema(task), indent=2, ensure_ascii=False)
