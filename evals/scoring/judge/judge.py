"""Asks a language model for verdicts on open answers: fixed prompts, temperature 0, each kept by its content.

A verdict counts only as the whole reply: a model that repeats a verdict out of the answer beside its own gives none.
Where there is none, the score is None with the reason, which is counted apart and never kept.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, TypeAdapter, ValidationError

from agent.policies.registry import open_policy
from agent.policy import Policy, PolicyOptions, WithheldError
from agent.rendering.answer_parser import strip_fence
from agent.trajectory import Answer, Question, Trajectory, Usage, VideoFacts
from evals.scoring.judge.rubrics import RUBRICS, Rubric
from tools.cache import find_cache_root, keep, load_kept
from tools.observation import FrameRef
from tools.plain_data import loads_json
from tools.schema import ToolSpec

Outcome = Literal["scored", "malformed", "refused"]

_ASKED_AT_MOST = 2
"""Requests for one verdict: some engines reply otherwise the second time even at temperature 0."""
_FOLDER = "verdicts"
_PRINTED = 200
"""Characters of a reply that a reason quotes."""


@dataclass(frozen=True)
class Verdict:
    """What a judge says of one answer by one rubric."""

    rubric: str
    outcome: Outcome
    score: int | None = None
    """Score on the rubric's own scale; None without a verdict."""
    why: str = ""
    """The judge's reason, or why there is no verdict."""
    reply: str = ""
    """The judge's reply, word for word; empty where it was not asked."""
    usage: Usage = field(default_factory=Usage)
    """Cost of the requests; nothing for a verdict that was kept."""

    @property
    def value(self) -> float | None:
        """The score from 0 for the rubric's lowest to 1 for its highest; None without a verdict."""
        rubric = RUBRICS[self.rubric]
        return None if self.score is None else (self.score - rubric.lowest) / (rubric.highest - rubric.lowest)


class VerdictSchema(BaseModel):
    """Schema of a judge's reply."""

    model_config = ConfigDict(extra="forbid")

    score: StrictInt
    reason: Annotated[str, Field(max_length=10_000)] = ""


class _KeptVerdict(BaseModel):
    score: int
    why: str
    reply: str


_KEPT = TypeAdapter(_KeptVerdict)


class NoSight:
    """The environment of a judge: no tools and no pictures."""

    specs: tuple[ToolSpec, ...] = ()

    def picture(self, ref: FrameRef) -> bytes | None:
        """None: there is no picture."""
        return None


class AnswerJudge:
    """A policy as the judge of answers. Threads may share it as far as they may share the policy."""

    def __init__(self, policy: Policy, cache: Path | None = None) -> None:
        """Takes a policy whose model is asked at temperature 0.

        Args:
            policy: the policy; a `scripted` one will do for tests.
            cache: folder of the verdicts; in the cache of this project if None.

        Raises:
            ValueError: the policy has no language model, or its temperature is not 0.
        """
        setup = policy.setup
        if setup is None and policy.spec.partition(":")[0] != "scripted":
            raise ValueError(f"{policy.spec} is no language model: name one as judge, as in http:MODEL@URL")
        if setup is not None and setup.temperature != 0:
            raise ValueError(f"a judge is asked at temperature 0, {policy.spec} has {setup.temperature:g}")
        self.spec = policy.spec
        self._policy = policy
        self._cache = cache or find_cache_root() / _FOLDER

    def judge(self, rubric: Rubric, *, question: str, reference: str, answer: str = "", reasoning: str = "") -> Verdict:
        """The verdict on one answer or its reasoning; where that is empty it has the lowest score unasked.

        Args:
            rubric: what is judged.
            question: the question.
            reference: the correct answer, or what is known of the video.
            answer: the answer, without the thoughts that led to it: length buys leniency.
            reasoning: the thoughts and calls that led to it, for the rubrics that judge them.

        Raises:
            PolicyError: the model can't be reached.
        """
        for name, text in (("answer", answer), ("reasoning", reasoning)):
            if name in rubric.judges and not text.strip():
                return Verdict(rubric.name, "scored", rubric.lowest, f"no {name}")
        prompt = rubric.write(question=question, reference=reference, answer=answer, reasoning=reasoning)
        path = self._cache / f"{hashlib.sha256(json.dumps([self.spec, prompt]).encode()).hexdigest()}.json"
        if (kept := load_kept(path, _KEPT)) is not None:
            return Verdict(rubric.name, "scored", kept.score, kept.why, kept.reply)
        verdict = self._ask(rubric, prompt)
        if verdict.score is not None:
            keep(path, _KeptVerdict(score=verdict.score, why=verdict.why, reply=verdict.reply).model_dump())
        return verdict

    def _ask(self, rubric: Rubric, prompt: str) -> Verdict:
        verdict = Verdict(rubric.name, "refused")
        for number in range(_ASKED_AT_MOST):
            question = Question("", prompt, is_verbatim=True)
            asked = Trajectory(question, VideoFacts("", 0.0, 0, 0), self.spec, sample=number)
            try:
                turn = self._policy(asked, NoSight())
            except WithheldError as error:
                return Verdict(rubric.name, "refused", why=str(error))
            said = turn.move.text if isinstance(turn.move, Answer) else ""
            verdict = read_verdict(rubric, said, turn.usage)
            if verdict.score is not None:
                break
        return verdict


def read_verdict(rubric: Rubric, reply: str, usage: Usage | None = None) -> Verdict:
    """The verdict of a reply that is one JSON object, thinking before it aside; anything else is none.

    Args:
        rubric: what was judged.
        reply: the judge's reply.
        usage: cost of the request.
    """
    usage = usage or Usage()
    text = strip_fence(reply.rpartition("</think>")[2])
    try:
        loaded = loads_json(text)
    except ValueError:
        outcome: Outcome = "malformed" if "{" in text else "refused"
        return Verdict(rubric.name, outcome, None, f"no verdict in {reply[:_PRINTED]!r}", reply, usage)
    try:
        sheet = VerdictSchema.model_validate(loaded)
    except ValidationError as error:
        return Verdict(rubric.name, "malformed", None, error.errors()[0]["msg"], reply, usage)
    if not rubric.lowest <= sheet.score <= rubric.highest:
        wanted = f"need a score of {rubric.lowest} to {rubric.highest}, got {sheet.score}"
        return Verdict(rubric.name, "malformed", None, wanted, reply, usage)
    return Verdict(rubric.name, "scored", sheet.score, sheet.reason, reply, usage)


def open_judge(spec: str, tested: str, options: PolicyOptions | None = None) -> AnswerJudge:
    """Opens the judge of a spec.

    Args:
        spec: spec of the judge's policy, such as `http:MODEL@URL`.
        tested: spec of the policy whose answers are judged, or that is trained.
        options: options of the judge's requests; the default ones if None.

    Raises:
        ValueError: the judge is the model under test, or no language model.
        PolicyError: the model can't be had.
    """
    check_is_another_model(spec, tested)
    return AnswerJudge(open_policy(spec, options or PolicyOptions()))


def check_is_another_model(judge: str, tested: str) -> None:
    """Checks that a judge is not the model under test, on whatever server or engine either runs.

    Raises:
        ValueError: it is; says so.
    """
    if find_model_name(judge) == find_model_name(tested):
        raise ValueError(f"{judge} can't judge the answers of {tested}: it is the same model; name another judge")


def find_model_name(spec: str) -> str:
    """The name of a spec's model, without engine, server, owner, folder and case."""
    kind, _, rest = spec.partition(":")
    model = rest.rpartition("@")[0] or rest if kind == "http" else rest
    return (model.rstrip("/").rpartition("/")[2] or kind).casefold()
