"""Events of a run, as frozen records in the order in which they happen.

`RunStarted` comes first and `RunFinished` last, always, however the run ends. Between them each turn of the policy is a
`TurnTaken`, then a `ToolCalled` for each call and, when the tools are done, a `ToolReturned` for each; or an
`AnswerProposed`, which the verification may send back. A `VideoPrepared` may stand anywhere between. `as_data` gives
plain JSON, with the name of the event under `event`; keys are only ever added, never renamed. Calls that the loop makes
before the first turn belong to turn 0.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from agent.run_result import RunResult
    from agent.trajectory import Answer, Calls, Estimate, Limits, Question, Step, Trajectory, Turn, Usage, VideoFacts
    from tools.index.video_index import IndexProgress
    from tools.observation import Observation


@dataclass(frozen=True)
class _EventRecord:
    name: ClassVar[str]

    run_id: str
    """Id of the run that the event is of: `Run.id`."""

    def as_data(self) -> dict[str, Any]:
        """The event as plain JSON."""
        from pydantic_core import to_jsonable_python

        data: dict[str, Any] = to_jsonable_python(self)
        return {"event": self.name} | data


@dataclass(frozen=True)
class RunStarted(_EventRecord):
    """The start of a run: the video is open, and the policy is about to be asked."""

    name: ClassVar[str] = "run_started"

    question: "Question"
    facts: "VideoFacts"
    policy: str
    limits: "Limits"
    estimate: "Estimate | None"
    """Estimated cost; None where no price is known."""
    other_facts: "tuple[VideoFacts, ...]" = ()
    """Properties of the question's further videos; empty for one about one video."""


@dataclass(frozen=True)
class SampleStarted(_EventRecord):
    """The start of a further run of a question that is asked several times."""

    name: ClassVar[str] = "sample_started"

    sample: int
    """Index of the run, from 1: the first one, 0, has `RunStarted`."""


@dataclass(frozen=True)
class VideoPrepared(_EventRecord):
    """Progress of the slow work on a video that is asked about for the first time. Turns go on meanwhile."""

    name: ClassVar[str] = "video_prepared"

    video: int
    """Number of the video among those of the question, from 1."""
    stage: str
    """`keyframes`, `frames`, `tiles`: what is looked at; `text` is read, `speech` heard; or `another process` works."""
    share: float
    """How much of the stage is done, 0..1."""


@dataclass(frozen=True)
class TurnTaken(_EventRecord):
    """A turn of the policy."""

    name: ClassVar[str] = "turn_taken"

    turn: int
    """Number of the turn, from 1."""
    thought: str
    """Thought of the policy; empty where it gives none."""
    malformed: str
    """Why the turn can't be used; empty where it can."""
    usage: "Usage"


@dataclass(frozen=True)
class ToolCalled(_EventRecord):
    """The start of a tool call."""

    name: ClassVar[str] = "tool_called"

    turn: int
    """Number of the turn, from 1; 0 for a call that the loop makes before the first turn."""
    call_id: str
    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class ToolReturned(_EventRecord):
    """The observation of a tool call; pictures are references, which `RunResult.picture` turns into JPEGs."""

    name: ClassVar[str] = "tool_returned"

    turn: int
    call_id: str
    tool: str
    observation: "Observation"
    is_repeat: bool
    """True for a call that was made before: the tool did not run again."""
    seconds: float


@dataclass(frozen=True)
class NoticeGiven(_EventRecord):
    """A message of the loop to the policy: a correction, or that an answer is due."""

    name: ClassVar[str] = "notice_given"

    turn: int
    text: str


@dataclass(frozen=True)
class AnswerProposed(_EventRecord):
    """An answer of the policy. Provisional: a verification may send it back to look once more."""

    name: ClassVar[str] = "answer_proposed"

    turn: int
    answer: "Answer"


@dataclass(frozen=True)
class AnswerVerified(_EventRecord):
    """A verification: a second answer, from the evidence alone."""

    name: ClassVar[str] = "answer_verified"

    agrees: bool | None
    """Whether the second answer is the first one; None if there is none, which speaks neither for nor against."""
    answer: str
    """Text of the second answer."""
    confidence: float | None
    is_sent_back: bool
    """True where the policy is sent back to look once more."""


@dataclass(frozen=True)
class RunFinished(_EventRecord):
    """The end of a run, after which no event follows."""

    name: ClassVar[str] = "run_finished"

    result: "RunResult"

    def as_data(self) -> dict[str, Any]:
        """The event as plain JSON: `result` is what `agent ask --json` prints, with its status."""
        return {"event": self.name, "run_id": self.run_id, "result": self.result.as_data()}


Event = (
    RunStarted
    | SampleStarted
    | VideoPrepared
    | TurnTaken
    | ToolCalled
    | ToolReturned
    | NoticeGiven
    | AnswerProposed
    | AnswerVerified
    | RunFinished
)


def format_preparation(stage: str, share: float) -> str:
    """The progress of work on a video in words."""
    return f"preparing the video: {stage} {100 * share:.0f} %"


_STEP_SHARE = 0.05
"""Progress between two events of a stage."""
_QUIET_SECONDS = 1.0
"""Time between two events of progress: a short video is ready before there is one."""


class ProgressReader:
    """Converts the progress of work on videos, which threads of their own report, into events while a run is on."""

    def __init__(self, run_id: str, tell: "Callable[[Event], None]") -> None:
        self._run_id = run_id
        self._tell = tell
        self._lock = threading.Lock()
        self._is_on = False
        self._told_at = 0.0
        self._told: dict[tuple[int, str], float] = {}

    def turn(self, is_on: bool) -> None:
        """Lets events through, or no more: none comes before the start of a run or after its end."""
        with self._lock:
            if is_on and not self._is_on:
                self._told_at = time.monotonic()
            self._is_on = is_on

    def read(self, video: int, progress: "IndexProgress") -> None:
        """Tells of the progress of a video, where it is new enough."""
        now, share = time.monotonic(), progress.done / max(1, progress.total)
        with self._lock:
            key = (video, progress.stage)
            is_new = share - self._told.get(key, 0.0) >= _STEP_SHARE and now - self._told_at >= _QUIET_SECONDS
            if self._is_on and is_new:
                self._told_at, self._told[key] = now, share
                self._tell(VideoPrepared(self._run_id, video, progress.stage, round(share, 3)))


class EventReader:
    """Converts what the graph reports, turns and trajectories after each step, into events."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._told = 0
        self._turn = 0

    def read(self, told: "Turn | Trajectory") -> Iterator[Event]:
        """The events of one report of the graph, in order."""
        from agent.trajectory import Turn

        if isinstance(told, Turn):
            self._turn += 1
            yield from self._of_turn(told)
        elif not told.steps:
            self._told = self._turn = 0
            yield self._of_start(told)
        elif len(told.steps) > self._told:
            self._told = len(told.steps)
            yield from self._of_step(told.steps[-1])
        else:
            yield from self._of_second_look(told)

    def _of_start(self, start: "Trajectory") -> Event:
        if start.sample:
            return SampleStarted(self._run_id, start.sample)
        return RunStarted(
            self._run_id,
            start.question,
            start.facts,
            start.policy,
            start.limits,
            start.estimate,
            start.other_facts,
        )

    def _of_turn(self, turn: "Turn") -> Iterator[Event]:
        from agent.trajectory import Answer, Calls, Malformed

        move = turn.move
        malformed = move.why if isinstance(move, Malformed) else ""
        yield TurnTaken(self._run_id, self._turn, turn.thought, malformed, turn.usage)
        if isinstance(move, Answer):
            yield AnswerProposed(self._run_id, self._turn, move)
        elif isinstance(move, Calls):
            yield from self._of_calls(move)

    def _of_calls(self, move: "Calls") -> Iterator[Event]:
        for call in move.calls:
            yield ToolCalled(self._run_id, self._turn, call.id, call.name, call.arguments)

    def _of_step(self, step: "Step") -> Iterator[Event]:
        from agent.trajectory import Calls

        calls = step.turn.move.calls if isinstance(step.turn.move, Calls) else ()
        if step.turn.is_opening and isinstance(step.turn.move, Calls):
            yield from self._of_calls(step.turn.move)
        names = {call.id: call.name for call in calls}
        for result in step.results:
            yield ToolReturned(
                self._run_id,
                self._turn,
                result.call_id,
                names.get(result.call_id, ""),
                result.observation,
                result.repeat_of is not None,
                result.seconds,
            )
        if step.notice:
            yield NoticeGiven(self._run_id, self._turn, step.notice)

    def _of_second_look(self, looked: "Trajectory") -> Iterator[Event]:
        look = looked.verification or looked.doubted
        if look is None:
            return
        is_sent_back = looked.verification is None
        yield AnswerVerified(self._run_id, look.agrees, look.answer, look.confidence, is_sent_back)
        if is_sent_back:
            yield NoticeGiven(self._run_id, self._turn, looked.steps[-1].notice)
