"""Controls as pairs of pure functions: which questions are asked, and what a policy is given of the video.

Where a control shows only some pictures, a model gets them before its first turn and has no tools. A policy of rules
knows a video only by its tools, so it keeps them, over a video of these pictures and nothing else.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from agent.loop.modes import Mode
from agent.loop.several_videos import VideoTools
from agent.trajectory import Answer, Question, ToolCall
from evals.controls.subject import ControlSubject
from evals.example import Example
from tools.toolbox import Toolbox
from tools.video.source import VideoSource

NO_VIDEO = "(no video)"
"""Stands for the video of a question that is asked without one; `blind.no_video()` is shown."""


@dataclass(frozen=True)
class ControlledQuestion:
    """A question as it is asked under a control."""

    question: Question
    """Question as asked; it has a new id where one question is asked several times."""
    of: str
    """Id of the question in the set."""
    video_of: str | None
    """Id of the question in the set whose video is shown; None for `NO_VIDEO`."""
    order: tuple[int, ...] = ()
    """Index of each option in the set; () where the order is unchanged."""
    is_answerable: bool = True
    """False where the correct answer has become "not shown"."""

    def restore_option(self, answer: Answer) -> Answer:
        """The answer with its option counted as in the set."""
        if not self.order or answer.option is None or not 0 <= answer.option < len(self.order):
            return answer
        return replace(answer, option=self.order[answer.option])

    def example(self, example: Example) -> Example:
        """The example against which the answer is scored; evidence times are kept only for the question's own video."""
        span = example.evidence_seconds if self.video_of == self.of else None
        reference = example.answer if self.is_answerable else None
        return replace(example, question=self.question, answer=reference, evidence_seconds=span)


@dataclass(frozen=True)
class ControlPlan:
    """The questions that a control asks of a set, and why others are left out."""

    asked: tuple[ControlledQuestion, ...]
    left_out: dict[str, str]
    """Reason why a question can't be asked under the control, by its id."""


@dataclass(frozen=True)
class ControlContext:
    """Tools and policy kind from which a control makes the inputs of a policy."""

    toolbox: Toolbox
    """Toolbox of the whole video."""
    over: Callable[[VideoSource], Toolbox]
    """Opens the tools over other footage, with the same encoder and without subtitles; closed after the question."""
    is_model: bool
    """True for a policy that is shown pictures, False for one of rules over the tools."""


@dataclass(frozen=True)
class PolicyInputs:
    """What a policy is given of a video, as arguments of `agent.loop.ask.ask`."""

    tools: VideoTools
    opening: tuple[ToolCall, ...] | None = None
    """Initial looks before the first turn; None for the default ones."""
    mode: Mode | None = None


def number_variants(asked: Iterable[ControlledQuestion]) -> dict[str, int]:
    """Number of the variant in which a question is asked, from 0, by the id under which it is asked."""
    counts = Counter[str]()
    found = {}
    for one in asked:
        found[one.question.id] = counts[one.of]
        counts[one.of] += 1
    return found


def as_it_is(subjects: Sequence[ControlSubject]) -> ControlPlan:
    """A plan that asks every question once, about its own video."""
    return ControlPlan(tuple(ControlledQuestion(s.question, s.question.id, s.question.id) for s in subjects), {})


def give_everything(_subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """Inputs with the whole video and all tools."""
    return PolicyInputs(desk.toolbox)


@dataclass(frozen=True)
class Control:
    """One condition under which a set is asked again."""

    about: str
    """Sentence for the report that says what is taken away."""
    plan: Callable[[Sequence[ControlSubject]], ControlPlan] = as_it_is
    give: Callable[[ControlSubject, ControlContext], PolicyInputs] = give_everything


AS_IT_IS = Control("")
"""No control: the whole video and all tools."""


@contextmanager
def open_view(
    control: Control,
    subject: ControlSubject,
    toolbox: Toolbox,
    over: Callable[[VideoSource], Toolbox],
    *,
    is_model: bool,
) -> Iterator[PolicyInputs]:
    """A context with the inputs that a control gives for one question; what it opened is closed afterwards.

    Args:
        control: the control.
        subject: the question as it is in the set.
        toolbox: toolbox of the video that is shown, which stays open.
        over: opens the tools over other footage.
        is_model: whether the policy is shown pictures; `policy.setup is not None`.
    """
    with ExitStack() as stack:
        yield control.give(
            subject, ControlContext(toolbox, lambda footage: stack.enter_context(over(footage)), is_model)
        )
