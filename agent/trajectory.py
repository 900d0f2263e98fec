"""The whole record of one question: what was asked, each turn with what came back, how it ended, what it cost.

Frozen, append-only, and plain data: it is the state of the graph, the file that `--save` writes, what a replay
plays back and what a score or a reward reads. Pixels are not in it; frames are references.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, TypeAdapter, ValidationError

from tools.limits import MAX_PICTURE_SIDE
from tools.observation import (
    MOST_AMOUNT,
    MOST_VIDEOS,
    Amount,
    Count,
    Finding,
    FrameRef,
    KnownBox,
    Observation,
    Probability,
    Seconds,
    VideoNumber,
    sum_usages,
)
from tools.observation import Usage as Usage  # what a turn costs is read from here

MOST_TURNS = 1000
"""Turns of one run at most; each turn goes through all before it, so that more would take hours."""
_MOST_FRAMES = 1000
"""Frames under one piece of evidence at most: as many as an answer may rest on in all."""
_MOST_EVIDENCE = 100
"""Pieces of evidence, links of a chain or claims of one answer, at most."""
_MOST_BYTES = 64 << 20
"""Size of a saved trajectory at most, 64 MiB: bounds the memory that a stranger's file takes."""
_NOTHING_SPENT = Usage()
_LIMITS = {"max_turns": MOST_TURNS, "max_malformed": MOST_TURNS}


@dataclass(frozen=True)
class SearchedFolder:
    """The folder that a question is about: its videos that fit the question best are looked into, the others not."""

    path: str
    videos: Annotated[int, Field(ge=1)]
    """Number of video files in it."""
    problems: tuple[str, ...] = ()
    """Files that could not be searched, and why, a sentence each."""


@dataclass(frozen=True)
class Question:
    """A question about a video or several, without its reference answer: only `evals.example.Example` has that."""

    video: str
    """Path of the video file."""
    text: str
    options: tuple[str, ...] = ()
    """Answers to choose from, at least two; empty for an open question."""
    id: str = ""
    task: Literal["answer", "explain", "predict"] = "answer"
    """What the question asks for: an answer, a causal chain, or the three most likely next events."""
    until_seconds: float | None = None
    """Seconds from which on nothing may be seen; None is the whole video."""
    from_seconds: float | None = None
    """Second at which the video begins, which keeps its times; None is its own beginning."""
    audio_track: int | None = None
    """Number of the one sound track that is heard, from 1; None finds the one with speech."""
    picture_stream: int | None = None
    """Number of the stream of moving pictures that is seen, from 1; None is the file's main one."""
    fps: float | None = None
    """Pictures a second, where the video is a folder of them; None is 1."""
    other_videos: tuple[str, ...] = ()
    """Paths of further videos that the question is about, which are numbered from 2; empty for one about `video`
    alone."""
    folder: SearchedFolder | None = None
    """The folder that the videos were found in; None where they were named."""
    is_verbatim: bool = False
    """Whether a model is sent the text as it is, behind the pictures and without our prompt and tools. All that it says
    is then the answer: for published prompts and for judges."""

    @property
    def videos(self) -> tuple[str, ...]:
        """Paths of all videos that the question is about, in the order of their numbers."""
        return (self.video, *self.other_videos)

    @property
    def unseen_videos(self) -> int:
        """Number of videos of the folder that are not looked into."""
        return 0 if self.folder is None else max(0, self.folder.videos - len(self.videos))

    @property
    def folder_gaps(self) -> tuple[str, ...]:
        """What of the folder is not looked into, a sentence each."""
        if self.folder is None or not self.unseen_videos:
            return ()
        looked = f"{len(self.videos)} of the {self.folder.videos} videos in {self.folder.path}"
        return (f"Only {looked} were looked into, those that fit the question best.", *self.folder.problems)

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError('the question is empty: write it in quotes, as in agent ask video.mp4 "What is said?"')
        if len(self.options) == 1:
            raise ValueError(f"one option is not a choice: got only {self.options[0]!r}, give at least two or none")
        if len(set(self.options)) != len(self.options):
            raise ValueError(f"the options must differ, got {list(self.options)}")
        if self.options and self.task != "answer":
            raise ValueError(f"to {self.task} there are no options to choose from, got {list(self.options)}")
        if self.audio_track is not None and self.audio_track < 1:
            raise ValueError(f"sound tracks are counted from 1, got {self.audio_track}")
        if self.until_seconds is not None and not 0 < self.until_seconds < math.inf:
            raise ValueError(f"need until_seconds > 0 and finite, got {self.until_seconds:g}")
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise ValueError(f"need frames a second above 0, got {self.fps:g}")
        if self.from_seconds is not None and not 0 <= self.from_seconds < (self.until_seconds or math.inf):
            raise ValueError(f"need a start from 0 on and before the end, got from_seconds {self.from_seconds:g}")
        if self.other_videos:
            self._check_videos()

    def _check_videos(self) -> None:
        if len(self.videos) > MOST_VIDEOS:
            raise ValueError(f"a question may name {MOST_VIDEOS} videos at most, got {len(self.videos)}")
        if len(set(self.videos)) < len(self.videos):
            raise ValueError(f"the videos of a question must differ, got {', '.join(self.videos)}")
        if self.task != "answer":
            raise ValueError(f"to {self.task} there must be one video, got {len(self.videos)}")
        if {self.from_seconds, self.until_seconds, self.audio_track, self.picture_stream, self.fps} != {None}:
            raise ValueError(
                "a start, an end, a rate, a sound track or a stream of pictures can be chosen for one video only"
            )


@dataclass(frozen=True)
class ToolCall:
    """A tool call that a policy asks for."""

    id: str
    """Unique within the trajectory, as in `t2c1`: turn 2, call 1."""
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Calls:
    """A turn that asks for one or several tool calls, run at the same time."""

    calls: tuple[ToolCall, ...]
    kind: Literal["calls"] = "calls"


@dataclass(frozen=True)
class Evidence:
    """A stretch of the video that an answer rests on, with the frames or words found there."""

    start_seconds: Seconds
    stop_seconds: Seconds
    call_ids: tuple[str, ...] = ()
    """Ids of the tool calls that brought the evidence."""
    frames: Annotated[tuple[FrameRef, ...], Field(max_length=_MOST_FRAMES)] = ()
    quote: str = ""
    """Screen text or speech, word for word; empty where the evidence is a picture."""
    source: Literal["frame", "screen text", "speech", "sound", "caption", "video"] = "frame"
    note: str = ""
    box: KnownBox | None = None
    """Place in the picture, fractions 0..1 of the whole frame; None for the whole picture, or speech."""
    video: VideoNumber | None = None
    """Number of its video among those of the question, from 1; None where there is one only, or where the policy does
    not say which."""


@dataclass(frozen=True)
class Statement:
    """A claim of an answer, with the evidence that it rests on."""

    text: str
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=_MOST_EVIDENCE)] = ()


@dataclass(frozen=True)
class Link:
    """A link of a causal chain."""

    event: str
    because: str = ""
    """Why the event follows from the link before; empty for the first."""
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=_MOST_EVIDENCE)] = ()


@dataclass(frozen=True)
class Prediction:
    """An event that may come next."""

    event: str
    justification: str
    confidence: Probability
    """Stated probability of the event, 0..1."""
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=_MOST_EVIDENCE)] = ()


@dataclass(frozen=True)
class Answer:
    """A turn that answers."""

    text: str
    option: int | None = None
    """Index of the chosen option, from 0; None for an open question."""
    confidence: Probability | None = None
    """Probability of being right that the policy states, 0..1; None where it states none, and for "I can't tell", which
    claims nothing."""
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=_MOST_EVIDENCE)] = ()
    not_shown: bool = False
    """True for "not shown in this video": a claim about the video, made only where what was asked for was looked for
    with a sense that could have found it."""
    cannot_tell: bool = False
    """True for "I can't tell": nothing is claimed about the video; `text` is a sentence that says so and why, and
    `evidence` what was found that may help. Never together with `not_shown`."""
    chain: Annotated[tuple[Link, ...], Field(max_length=_MOST_EVIDENCE)] = ()
    """Causal chain of the task explain, cause to effect."""
    predictions: Annotated[tuple[Prediction, ...], Field(max_length=_MOST_EVIDENCE)] = ()
    """Next events of the task predict, the most likely first."""
    claims: Annotated[tuple[Statement, ...], Field(max_length=_MOST_EVIDENCE)] = ()
    """Single claims of the text, where the policy takes it apart; their evidence is in `evidence` too."""
    kind: Literal["answer"] = "answer"

    def __post_init__(self) -> None:
        if self.cannot_tell and self.not_shown:
            raise ValueError('an answer is "not shown" or "I can\'t tell", not both')

    @property
    def abstains(self) -> bool:
        """True for an answer that names none: "not shown" or "I can't tell"."""
        return self.not_shown or self.cannot_tell


@dataclass(frozen=True)
class Malformed:
    """A turn that is neither calls nor an answer."""

    text: str
    why: str
    kind: Literal["malformed"] = "malformed"


Move = Annotated[Calls | Answer | Malformed, Discriminator("kind")]


@dataclass(frozen=True)
class Reply:
    """What a model sent, word for word: later turns show it this again, so that no earlier token ever changes."""

    text: str
    reasoning: str = ""
    """Where the server gives the thinking apart from the text."""
    tool_calls: tuple[dict[str, Any], ...] = ()
    """Native tool calls, as the server sent them."""
    token_ids: tuple[int, ...] | None = None
    """Ids of the sampled tokens, (tokens,); None where the engine does not say."""
    logprobs: tuple[float, ...] | None = None
    """Natural logarithm of the probability of each sampled token, (tokens,); None where the engine does not say."""
    is_cut: bool = False
    """True for a reply that ended at the token limit and not by itself."""


@dataclass(frozen=True)
class Turn:
    """A policy's output: its thought, its move, and what they cost."""

    thought: str
    move: Move
    usage: Usage = _NOTHING_SPENT
    reply: Reply | None = None
    """The model's reply, word for word; None for policies that are no language model."""
    is_opening: bool = False
    """True for the tool calls that the loop makes before the policy's first turn; not counted as a turn."""
    dropped: tuple[FrameRef, ...] = ()
    """Pictures shown earlier that this request left out for their text, since the policy takes only so many."""


@dataclass(frozen=True)
class Result:
    """The observation of one tool call."""

    call_id: str
    observation: Observation
    repeat_of: str | None = None
    """Id of the earlier identical call whose observation this is; None if the tool ran."""
    seconds: Amount = 0.0

    @property
    def usage(self) -> Usage | None:
        """Cost of the requests that the call made of a model; None where it made none, or repeats an earlier call."""
        return None if self.repeat_of is not None else self.observation.usage


@dataclass(frozen=True)
class Step:
    """One turn of a trajectory and its observations."""

    turn: Turn
    results: tuple[Result, ...] = ()
    notice: str = ""
    """Message of the loop to the policy: a correction, or that a limit is reached and an answer is due."""
    seconds: Amount = 0.0
    """Wall-clock seconds of all calls of the turn together."""


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
    usage: Usage = _NOTHING_SPENT
    steps: Annotated[tuple[Step, ...], Field(max_length=MOST_TURNS)] = ()
    """Turns that the verification took before its answer; empty where the evidence was enough."""


Strategy = Literal["direct", "reflect", "uncertain", "program"]
"""How a model goes about its question (`agent.loop.strategies`)."""
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

Effort = Literal["low", "medium", "high"]
"""How much a question may take where its limits are not given (`agent.limits.QuestionBudget`)."""
EFFORTS: tuple[Effort, ...] = get_args(Effort)

Vote = Literal["majority", "confidence"]
"""What the vote of one of several runs weighs: one, or the confidence that it states, 1/2 where it states none."""
VOTES: tuple[Vote, ...] = get_args(Vote)

Form = Literal["native", "text"]
"""Tool calls by the server's own API, or as `<tool_call>` JSON in the text."""


@dataclass(frozen=True)
class Setup:
    """The settings that a model was asked with: what another run needs in order to be the same."""

    form: Form
    temperature: Amount
    top_p: Probability
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    max_reply_tokens: Count
    max_frame_pixels: Count
    """A picture with more pixels is sent smaller, and said to be."""
    max_pictures: Count | None
    """Pictures in one request; past it the oldest are left out for their text, in blocks."""
    prompt_hash: str
    """Hash of the prompt files, so that a changed wording shows."""
    sees_pictures: bool = True
    """False for a model that only reads: pictures are words to it."""
    left_out: tuple[str, ...] = ()
    """Parameters that the server refused and that were asked for no more, such as `temperature`."""
    adapted: tuple[str, ...] = ()
    """Other changes that the server's refusals led to, such as `system prompt in the first question`."""


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
class Estimate:
    """Dollars that a question may cost, estimated before it is asked."""

    usual_usd: Amount
    """Dollars at the usual length: 5 turns and 32 frames, or the limits where these are lower."""
    most_usd: Amount | None
    """Dollars at the limits; None if nothing limits the run."""


@dataclass(frozen=True)
class VideoFacts:
    """Properties of the video that are known before the first turn."""

    content_hash: str
    duration_seconds: Seconds
    width: Annotated[int, Field(ge=0, le=MAX_PICTURE_SIDE)]
    """Width in pixels as displayed; 0 where the video could not be opened."""
    height: Annotated[int, Field(ge=0, le=MAX_PICTURE_SIDE)]
    is_cut_off: bool = False
    has_speech_track: bool = False
    has_subtitles: bool = False
    gaps: tuple[str, ...] = ()
    """Parts of the file that can't be seen or heard, a sentence each."""
    created_at: str = ""
    """When the file says that it was created, as `2026-05-01 14:03:22 UTC`; empty where it does not say."""
    start_seconds: Seconds = 0.0
    """Second at which the video begins: 0, unless what comes before was cut off."""

    @property
    def length_seconds(self) -> float:
        """Seconds from the beginning to the end."""
        return self.duration_seconds - self.start_seconds


@dataclass(frozen=True)
class Limits:
    """Bounds of one run. A limit that is None does not bind."""

    max_turns: int = 8
    max_frames: int | None = 128
    """Pictures shown to the policy, repeats not counted."""
    max_tokens: int | None = None
    """Prompt and completion tokens, summed over turns, as far as the policy reports them."""
    max_seconds: float | None = None
    """Wall-clock seconds from the start to the answer: opening the video, turns, tools, and whatever these wait for."""
    max_malformed: int = 3
    """Malformed turns in a row that end the run."""
    max_cost_usd: float | None = None
    """US dollars, by the price table."""

    def __post_init__(self) -> None:
        for name in ("max_turns", "max_frames", "max_tokens", "max_seconds", "max_malformed", "max_cost_usd"):
            value, most = getattr(self, name), _LIMITS.get(name, MOST_AMOUNT)
            if value is not None and not 0 < value <= most:  # nor "not a number"
                raise ValueError(f"need 0 < {name} <= {most}, got {value!s:.40}")


@dataclass(frozen=True)
class Trajectory:
    """The record of one run: question, steps, end. A step makes a new trajectory; nothing in one ever changes."""

    question: Question
    facts: VideoFacts
    policy: str = ""
    """Spec of the policy that ran."""
    limits: Limits = Limits()
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
    examples: Annotated[tuple[ExampleRun, ...], Field(max_length=_MOST_EVIDENCE)] = ()
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


def collect_evidence(answer: Answer) -> tuple[Evidence, ...]:
    """The evidence of the answer and of its claims, steps or predictions, each piece once."""
    parts: tuple[Statement | Link | Prediction, ...] = (*answer.claims, *answer.chain, *answer.predictions)
    return tuple(dict.fromkeys((*answer.evidence, *(item for part in parts for item in part.evidence))))


def is_same_answer(first: Answer, second: Answer) -> bool:
    """True for two answers that choose the same option, say the same words, or both abstain in the same way."""
    if first.abstains or second.abstains:
        return (first.not_shown, first.cannot_tell) == (second.not_shown, second.cannot_tell)
    if first.option is not None or second.option is not None:
        return first.option == second.option
    return _normalize(first.text) == _normalize(second.text)


def _normalize(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def make_call_ids(trajectory: Trajectory, count: int) -> tuple[str, ...]:
    """Ids for the calls of the next turn: `t2c1` is turn 2, call 1."""
    whole = trajectory.as_one
    turn, used = len(whole.steps) + 1, {call.id for call in whole.calls}
    while any(call_id.startswith(f"t{turn}c") for call_id in used):  # the second look keeps calls of later turns
        turn += 1
    return tuple(f"t{turn}c{number}" for number in range(1, count + 1))


def restrict_to_video(trajectory: Trajectory, video: int | None) -> Trajectory:
    """The trajectory as if the question were about one of its videos: other calls are left out, and no number is left.

    Coverage, rules and rewards know one video only.

    Args:
        trajectory: the trajectory; given back as it is where it is about one video.
        video: number of the video.

    Raises:
        ValueError: the question has no such video.
    """
    known = trajectory.facts_by_number
    if video not in known:
        raise ValueError(f"need one of the videos {', '.join(map(str, known))}, got {video}")
    if video is None:
        return trajectory
    question = trajectory.question
    return replace(
        trajectory,
        question=replace(question, video=question.videos[video - 1], other_videos=(), folder=None),
        facts=known[video],
        other_facts=(),
        steps=tuple(_restrict_step(step, video) for step in trajectory.steps),
        earlier=tuple(restrict_to_video(run, video) for run in trajectory.earlier),
    )


def number_evidence(evidence: Evidence, video: int | None) -> Evidence:
    """Evidence under another number of its video, with its frames; None is that of an only one."""
    return replace(evidence, video=video, frames=tuple(replace(frame, video=video) for frame in evidence.frames))


def _restrict_step(step: Step, video: int) -> Step:
    calls = step.turn.move.calls if isinstance(step.turn.move, Calls) else ()
    asked = {call.id: call.arguments.get("video") for call in calls}
    of_video = {result.call_id: result.observation.video or asked.get(result.call_id) for result in step.results}
    kept = {call_id for call_id, number in (asked | of_video).items() if number == video}
    results = tuple(
        replace(result, observation=_restrict_observation(result.observation))
        for result in step.results
        if result.call_id in kept
    )
    move = step.turn.move
    if isinstance(move, Calls):
        move = Calls(tuple(_restrict_call(call) for call in calls if call.id in kept))
    elif isinstance(move, Answer):
        claims = (replace(claim, evidence=_restrict_evidence(claim.evidence, video)) for claim in move.claims)
        move = replace(move, evidence=_restrict_evidence(move.evidence, video), claims=tuple(claims))
    return replace(step, turn=replace(step.turn, move=move), results=results)


def _restrict_call(call: ToolCall) -> ToolCall:
    return replace(call, arguments={name: value for name, value in call.arguments.items() if name != "video"})


def _restrict_observation(observation: Observation) -> Observation:
    return replace(observation, frames=tuple(replace(frame, video=None) for frame in observation.frames), video=None)


def _restrict_evidence(evidence: tuple[Evidence, ...], video: int) -> tuple[Evidence, ...]:
    return tuple(number_evidence(item, None) for item in evidence if item.video == video)


_ADAPTER: TypeAdapter[Trajectory] = TypeAdapter(Trajectory)


def to_json(trajectory: Trajectory, indent: int | None = None) -> str:
    """The trajectory as JSON; `from_json` gives it back equal."""
    return _ADAPTER.dump_json(trajectory, indent=indent).decode()


def from_json(text: str | bytes) -> Trajectory:
    """The trajectory that `to_json` wrote; its numbers are in their ranges, and it replays in a bounded time.

    Raises:
        ValueError: the text is no saved trajectory; says where.
    """
    try:
        return _check_parts(_ADAPTER.validate_json(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the top"
        raise ValueError(f"not a saved trajectory: at {where}: {first['msg']}") from error


def load(path: str | Path) -> Trajectory:
    """The trajectory saved in a file.

    Raises:
        ValueError: the file holds none, or is too large for one.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a file: need a saved trajectory")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} holds {path.stat().st_size >> 20} MB: too large for a saved trajectory")
    return from_json(path.read_bytes())


def _check_parts(trajectory: Trajectory) -> Trajectory:
    """The trajectory, unchanged, if its parts go together.

    Raises:
        ValueError: an initial look after a turn, an option or a video that the question does not have, or too many
            frames.
    """
    for run in trajectory.earlier:
        if run.earlier:
            raise ValueError("not a saved trajectory: an earlier question with earlier questions of its own")
        _check_parts(run)
    if len(trajectory.other_facts) != len(trajectory.question.other_videos):
        raise ValueError("not a saved trajectory: not as many videos as properties of videos")
    openings = [step.turn.is_opening for step in trajectory.steps]
    if openings != sorted(openings, reverse=True):
        raise ValueError("not a saved trajectory: an opening look that comes after a turn")
    answers = [step.turn.move for step in trajectory.steps if isinstance(step.turn.move, Answer)]
    answers += [sample.answer for sample in trajectory.samples if sample.answer is not None]
    count = len(trajectory.question.options)
    for answer in answers:
        # scripted turns may be for another question, whose options this one does not carry
        if answer.option is not None and count and not 0 <= answer.option < count:
            raise ValueError(f"not a saved trajectory: option {answer.option:.6g} of {count}")
        if len({frame for item in collect_evidence(answer) for frame in item.frames}) > _MOST_FRAMES:
            raise ValueError(f"not a saved trajectory: more than {_MOST_FRAMES} frames of evidence")
    evidence = [item for answer in answers for item in collect_evidence(answer)]
    frames = (*trajectory.frames_seen, *(frame for item in evidence for frame in item.frames))
    named = {result.observation.video for result in trajectory.results} | {item.video for item in evidence}
    if unknown := (named | {frame.video for frame in frames}) - {None, *trajectory.facts_by_number}:
        raise ValueError(f"not a saved trajectory: video {unknown.pop()}, which the question does not name")
    return trajectory
