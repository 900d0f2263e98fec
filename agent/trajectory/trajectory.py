"""The whole record of one question: what was asked, each turn with what came back, how it ended, what it cost."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from agent.trajectory.answer import MOST_EVIDENCE, Answer, is_same_answer
from agent.trajectory.question import Question, VideoFacts
from agent.trajectory.settings import MOST_TURNS, Effort, Estimate, Limits, Setup, Strategy
from agent.trajectory.turn import NOTHING_SPENT, Calls, Result, Step, ToolCall
from tools.observation import MOST_VIDEOS, Amount, Count, Finding, FrameRef, Probability, Usage, sum_usages

_USUAL_LIMITS = Limits()


class Stop(StrEnum):
    """Why a trajectory ended."""

    ANSWERED = "answered"
    """The policy answered of its own accord."""
    TURN_LIMIT = "turn limit"
    FRAME_LIMIT = "frame limit"
    TOKEN_LIMIT = "token limit"
    TIME_LIMIT = "time limit"
    COST_LIMIT = "cost limit"
    """The cost limit was reached. At a limit of any kind an answer is asked for, if there is room for one."""
    MALFORMED = "malformed"
    """Too many turns in a row were neither calls nor an answer."""
    CRASHED = "crashed"
    """A bug of ours; never scored as a wrong answer, never trained on."""
    POLICY_FAILED = "policy failed"
    """The policy could not be reached or refused; like a crash it is never scored as a wrong answer."""
    INTERRUPTED = "interrupted"
    """The user stopped it."""


@dataclass(frozen=True)
class Verification:
    """A second answer to the question, from the evidence alone; for a chain or predictions, whether it carries them."""

    agrees: bool | None
    """Whether the second answer is the first one; None if there is none, which speaks neither for nor against."""
    answer: str
    confidence: Probability | None = None
    usage: Usage = NOTHING_SPENT
    steps: Annotated[tuple[Step, ...], Field(max_length=MOST_TURNS)] = ()
    """Turns that the verification took before its answer; empty where the evidence was enough."""


@dataclass(frozen=True)
class Sample:
    """Summary of one of several independent runs of the same question."""

    answer: Answer | None
    """The run's answer; None if it gave none."""
    frames: Count
    """Number of distinct pictures shown to the policy."""
    usage: Usage
    """Cost of the whole run."""
    round: Count = 1
    """Number of the voting round, from 1: each looks twice as densely as the one before."""

    def says(self, answer: Answer) -> bool:
        """Whether the run gives this very answer."""
        return self.answer is not None and is_same_answer(self.answer, answer)


@dataclass(frozen=True)
class ExampleRun:
    """A question that was answered rightly before, about another video, as it is shown to a model."""

    question: str
    options: tuple[str, ...]
    answer: str
    looks: tuple[str, ...]
    """Names of the tools that were called, in the order of their first calls."""
    content_hashes: tuple[str, ...] = ()
    """Content hashes of the videos that it was about."""


@dataclass(frozen=True)
class Trajectory:
    """The record of one run: question, steps, end. A step makes a new trajectory; nothing in one ever changes."""

    question: Question
    facts: VideoFacts
    policy: str = ""
    """Spec of the policy that ran."""
    limits: Limits = _USUAL_LIMITS
    steps: Annotated[tuple[Step, ...], Field(max_length=MOST_TURNS + 1)] = ()
    stop: Stop | None = None
    """Why the run ended; None while it is running."""
    error: str = ""
    """Why there is no answer, in words: a bug, a policy that failed, replies that could not be used."""
    verification: Verification | None = None
    """Verification of the answer; None where there was none."""
    doubted: Verification | None = None
    """Verification that disagreed with an earlier answer, and sent the policy back to look once more."""
    setup: Setup | None = None
    """Settings that the model was asked with; None for policies that are no language model."""
    samples: Annotated[tuple[Sample, ...], Field(max_length=MOST_TURNS)] = ()
    """All runs of a question that was asked several times, this one included; empty if it was asked once."""
    sample: Count = 0
    """Index of this run among several of the question, from 0; added to the seed."""
    estimate: Estimate | None = None
    """Estimated cost; None where no price is known."""
    opening_seconds: Amount = 0.0
    """Wall-clock seconds before the first turn, as for opening the video."""
    earlier: Annotated[tuple["Trajectory", ...], Field(max_length=MOST_TURNS)] = ()
    """Runs of earlier questions about the same video, oldest first: what a follow-up may cite. They have none of
    their own."""
    other_facts: Annotated[tuple[VideoFacts, ...], Field(max_length=MOST_VIDEOS - 1)] = ()
    """Properties of the question's further videos; empty for one about one video."""
    strategy: Strategy = "direct"
    effort: Effort = "medium"
    examples: Annotated[tuple[ExampleRun, ...], Field(max_length=MOST_EVIDENCE)] = ()
    """Examples that the model was shown before the question."""
    version: Literal[1] = 1

    @property
    def facts_by_number(self) -> dict[int | None, VideoFacts]:
        """Properties of every video by its number, from 1; those of the only one by None."""
        if not self.other_facts:
            return {None: self.facts}
        return dict(enumerate((self.facts, *self.other_facts), start=1))

    @property
    def content_hashes(self) -> tuple[str, ...]:
        """Content hash of every video, in the order of their numbers."""
        return tuple(facts.content_hash for facts in self.facts_by_number.values())

    @property
    def as_one(self) -> "Trajectory":
        """This trajectory with the steps of earlier questions before its own: all that its evidence may cite."""
        if not self.earlier:
            return self
        steps = (step for run in (*self.earlier, self) for step in run.steps)
        return replace(self, steps=tuple(steps), earlier=())

    @property
    def answer(self) -> Answer | None:
        """The last answer, or None if none was given."""
        step = self._answering
        return step.turn.move if step is not None and isinstance(step.turn.move, Answer) else None

    @property
    def second_look(self) -> Verification | None:
        """The verification of the last answer; None if there was none, or if it came to no answer.

        That of `lite` in runs saved long ago does not count: its rules read the same lines again.
        """
        if self.policy == "lite":
            return None
        step = self._answering
        # a notice on an answer sends it back, so that the verification that counts is the one that doubted it
        look = self.doubted if step is not None and step.notice else self.verification
        return look if look is not None and look.agrees is not None else None

    @property
    def _answering(self) -> Step | None:
        return next((step for step in reversed(self.steps) if isinstance(step.turn.move, Answer)), None)

    @property
    def confidence(self) -> float | None:
        """How likely the answer is right, 0..1; None where nothing tells.

        What is stated counts as a prior worth two answers, each answer given as one more: (2 stated + agreeing) /
        (2 + asked), the mean of a beta distribution; with nothing stated, 1/2, this is Laplace's rule of succession.
        The second look at the evidence alone makes two answers, a question asked N times N, and those by
        Laplace's rule, whatever each run states. With one answer it is what is stated.
        """
        if self.answer is None or self.answer.cannot_tell:
            return None
        if self.votes is not None:
            return _apply_succession(0.5, *self.votes)
        stated, second = self.answer.confidence, self.second_look
        if second is None:
            return stated
        return _apply_succession(0.5 if stated is None else stated, 1 + bool(second.agrees), 2)

    @property
    def results(self) -> tuple[Result, ...]:
        """Every result of every step, in order."""
        return tuple(result for step in self.steps for result in step.results)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Every call of every step, in order."""
        return tuple(call for step in self.steps if isinstance(step.turn.move, Calls) for call in step.turn.move.calls)

    @property
    def gaps(self) -> tuple[str, ...]:
        """What of the video could not be looked at, read or heard, a sentence each: the file's, then the calls'."""
        known = [(video, gap) for video, facts in self.facts_by_number.items() for gap in facts.gaps]
        met = [(result.observation.video, gap) for result in self.results for gap in result.observation.gaps]
        named = (gap if video is None else f"Video {video}: {gap}" for video, gap in known + met)
        return tuple(dict.fromkeys((*self.question.folder_gaps, *named)))

    @property
    def frames_seen(self) -> tuple[FrameRef, ...]:
        """Every distinct picture shown to the policy, in the order shown."""
        return tuple(dict.fromkeys(frame for result in self.results for frame in result.observation.frames))

    @property
    def turns(self) -> int:
        """Number of the policy's turns; the initial tool calls of the loop are none."""
        return sum(not step.turn.is_opening for step in self.steps)

    @property
    def seconds(self) -> float:
        """Wall-clock seconds so far: opening the video, all turns and all tool calls."""
        thinking = sum(usage.seconds for usage in self._usages)
        # calls of one step run at the same time, as far as there are workers
        tools = sum(max([step.seconds, *(r.seconds for r in step.results)]) for step in self.steps)
        return self.opening_seconds + thinking + tools

    @property
    def tokens(self) -> int | None:
        """Prompt and completion tokens of all turns and verifications; None if none reports any."""
        return self.usage.tokens

    @property
    def cost_usd(self) -> float | None:
        """US dollars of all turns and verifications; None if one of them is not known."""
        return self.usage.cost_usd

    @property
    def usage(self) -> Usage:
        """Cost of this run in all."""
        # the turns' own seconds leave out those of the tools
        return replace(sum_usages(self._usages), seconds=self.seconds)

    @property
    def spent(self) -> Usage:
        """Cost of the question in all: of all its runs, where there were several."""
        return sum_usages([sample.usage for sample in self.samples]) if self.samples else self.usage

    @property
    def votes(self) -> tuple[int, int] | None:
        """(runs of the last round that give this answer, runs of that round); None where that was one run."""
        last = [sample for sample in self.samples if sample.round == self.samples[-1].round]
        if len(last) < 2 or self.answer is None:
            return None
        return sum(sample.says(self.answer) for sample in last), len(last)

    @property
    def _usages(self) -> tuple[Usage, ...]:
        turns = tuple(step.turn.usage for step in self.steps if not step.turn.is_opening)
        asked = (result.usage for result in self.results if result.usage is not None)
        looks = (look.usage for look in (self.doubted, self.verification) if look is not None)
        return (*turns, *asked, *looks)

    def findings(self, call_ids: tuple[str, ...] | None = None) -> tuple[Finding, ...]:
        """The findings of all results, or of the named calls."""
        chosen = (r for r in self.results if call_ids is None or r.call_id in call_ids)
        return tuple(finding for result in chosen for finding in result.observation.findings)

    def ended(self, stop: Stop, error: str = "") -> "Trajectory":
        """The trajectory with the reason that it ended for."""
        return replace(self, stop=stop, error=error)


def _apply_succession(prior: float, agreeing: int, asked: int) -> float:
    return (2 * prior + agreeing) / (2 + asked)


def make_call_ids(trajectory: Trajectory, count: int) -> tuple[str, ...]:
    """Ids for the calls of the next turn: `t2c1` is turn 2, call 1."""
    whole = trajectory.as_one
    turn, used = len(whole.steps) + 1, {call.id for call in whole.calls}
    while any(call_id.startswith(f"t{turn}c") for call_id in used):  # the second look keeps calls of later turns
        turn += 1
    return tuple(f"t{turn}c{number}" for number in range(1, count + 1))
