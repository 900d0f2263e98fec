"""What a control is: pure functions that change what is asked, and what of the video a policy is given.

A model is given pictures before its first turn and no tools. A policy of rules knows a video only by its tools, so it
keeps them, over a video that shows these pictures and nothing else.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from agent.loop.ask import VideoTools
from agent.loop.modes import Mode
from agent.trajectory import Answer, Question, ToolCall
from evals.controls.subject import ControlSubject
from evals.example import Example
from tools.toolbox import Toolbox
from tools.video.source import VideoSource

NO_VIDEO = "(no video)"
"""Stands where a question's video would: what is shown is `grey.no_video()`."""


@dataclass(frozen=True)
class ControlledQuestion:
    """A question as it is asked under a control."""

    question: Question
    """Its id is new where one question is asked several times."""
    of: str
    """Id of the question in the set."""
    video_of: str | None
    """Id of the question in the set whose video is shown; None for `NO_VIDEO`."""
    order: tuple[int, ...] = ()
    """For each option its place in the set; () where they stand as they do there."""
    is_answerable: bool = True
    """False where the right answer has become "not shown"."""

    def back(self, answer: Answer) -> Answer:
        """The answer, its option counted as in the set."""
        if not self.order or answer.option is None or not 0 <= answer.option < len(self.order):
            return answer
        return replace(answer, option=self.order[answer.option])

    def example(self, example: Example) -> Example:
        """What the answer is scored against. Times of evidence hold only for the question's own video."""
        span = example.evidence_seconds if self.video_of == self.of else None
        reference = example.answer if self.is_answerable else None
        return replace(example, question=self.question, answer=reference, evidence_seconds=span)


@dataclass(frozen=True)
class ControlPlan:
    """What a control asks of a set."""

    asked: tuple[ControlledQuestion, ...]
    left_out: dict[str, str]
    """Why a question can't be asked under the control, by its id."""


@dataclass(frozen=True)
class ControlContext:
    """What a control works with."""

    toolbox: Toolbox
    """Of the whole video."""
    over: Callable[[VideoSource], Toolbox]
    """The tools over other footage, with the same encoder and without subtitles; closed when the question is played."""
    is_model: bool
    """True for a policy that is shown pictures, False for one of rules over the tools."""


@dataclass(frozen=True)
class PolicyInputs:
    """What a policy is given of a video: these are arguments of `agent.loop.ask.ask`."""

    tools: VideoTools
    opening: tuple[ToolCall, ...] | None = None
    """Looks taken before the first turn; None for those that are usual."""
    mode: Mode | None = None


def ways(asked: Iterable[ControlledQuestion]) -> dict[str, int]:
    """Which of several ways of asking its question each is, from 0; by the id under which it is asked."""
    counts = Counter[str]()
    found = {}
    for one in asked:
        found[one.question.id] = counts[one.of]
        counts[one.of] += 1
    return found


def as_it_is(subjects: Sequence[ControlSubject]) -> ControlPlan:
    """Every question once, about its own video."""
    return ControlPlan(tuple(ControlledQuestion(s.question, s.question.id, s.question.id) for s in subjects), {})


def all_of_it(_subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """The whole video and all tools."""
    return PolicyInputs(desk.toolbox)


@dataclass(frozen=True)
class Control:
    """One condition under which a set is asked again."""

    about: str
    """What is taken away, as a sentence for the report."""
    plan: Callable[[Sequence[ControlSubject]], ControlPlan] = as_it_is
    give: Callable[[ControlSubject, ControlContext], PolicyInputs] = all_of_it


AS_IT_IS = Control("")
"""No control: the whole video and all tools."""


@contextmanager
def view(
    control: Control,
    subject: ControlSubject,
    toolbox: Toolbox,
    over: Callable[[VideoSource], Toolbox],
    *,
    is_model: bool,
) -> Iterator[PolicyInputs]:
    """What a control gives of one question's video; what it opens for that is closed afterwards.

    Args:
        control: which one.
        subject: the question as it stands in the set.
        toolbox: of the video that is shown, which stays open.
        over: opens the tools over other footage.
        is_model: whether the policy is shown pictures; `policy.setup is not None`.
    """
    with ExitStack() as stack:
        yield control.give(
            subject, ControlContext(toolbox, lambda footage: stack.enter_context(over(footage)), is_model)
        )
