"""The strategies of a run: how a model goes about its question, each a few lines over the same nodes.

`direct` looks and answers. `reflect` plans, looks, and checks its own answer before it counts. `program` answers at
once where it is sure, and otherwise writes programs over the tools (VURF, FS-VisPR). `uncertain` is answered several
times from the first look alone, and looks again only where these answers disagree (`agent.loop.self_consistency`).
"""

from collections.abc import Callable

from agent.loop.programs.program_tools import NAME, ProgramTools
from agent.loop.transition import reopen
from agent.policy import Policy, Tools
from agent.trajectory import STRATEGIES, Question, Strategy, Trajectory

SURE = 0.7
"""Confidence from which an answer is taken without another try; picked by eye, since it depends on the model."""
MOST_REFLECTIONS = 2
"""How often an answer is checked before it counts."""

REFLECT = (
    "Before this counts: is it enough? Say what you planned to see and did not, and what could prove the answer wrong. "
    "If anything of it can be looked at, look there now; otherwise give the same answer again."
)
SLOW = "You are not sure of this. Write a program that settles it with run_program, then give your final answer."


def reconsider(trajectory: Trajectory) -> Trajectory:
    """The trajectory, open again with a notice on its answer where its strategy and the limits leave another turn."""
    find = _OBJECTIONS.get(trajectory.strategy)
    notice = find(trajectory) if find is not None else ""
    return reopen(trajectory, notice) if notice else trajectory


def _object_by_reflection(trajectory: Trajectory) -> str:
    asked = [step.notice == REFLECT for step in trajectory.steps]
    is_said_again = asked[-2:-1] == [True]  # it was asked whether that is enough, and did not look again
    return "" if is_said_again or sum(asked) >= MOST_REFLECTIONS else REFLECT


def _object_to_guesses(trajectory: Trajectory) -> str:
    answer = trajectory.answer
    is_sure = answer is not None and answer.confidence is not None and answer.confidence >= SURE
    return "" if is_sure or any(call.name == NAME for call in trajectory.calls) else SLOW


_OBJECTIONS: dict[Strategy, Callable[[Trajectory], str]] = {
    "reflect": _object_by_reflection,
    "program": _object_to_guesses,
}


def choose_tools(strategy: Strategy, tools: Tools) -> Tools:
    """The tools that a strategy gives a model: those of the video, or a program over them."""
    return ProgramTools(tools) if strategy == "program" else tools


def check_strategy(strategy: Strategy, question: Question, policy: Policy) -> None:
    """Refuses a strategy that a policy or a question does not have.

    Args:
        strategy: how a model goes about it.
        question: the question.
        policy: the policy.

    Raises:
        ValueError: the policy is no language model, or the strategy is not for such questions.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"there is no strategy {strategy!r}: need one of {', '.join(STRATEGIES)}")
    if strategy == "direct":
        return
    if policy.setup is None:
        raise ValueError(f"{policy.spec} is no language model and goes about it its own way: --strategy is for models")
    if question.is_verbatim:
        raise ValueError("a question that is sent as it is has no strategy but direct")
    if strategy == "program" and question.other_videos:
        raise ValueError("a program is about one video: ask of each by itself, or take another strategy")
    if strategy == "uncertain" and policy.setup.temperature == 0:
        raise ValueError("with temperature 0 all first answers are the same: give one above it, e.g. 0.7")
    if strategy == "uncertain" and question.task != "answer":
        raise ValueError(f"to {question.task} there is no answer that runs could agree on: take another strategy")
