"""open -> think -> act -> think ... -> verify -> end, as a LangGraph state machine whose state is the trajectory.

The graph decides nothing: `open` makes the initial tool calls that are given, `think` asks the policy, `act`
applies `step` and lets the strategy send an answer back, `verify` asks the policy once more with the evidence alone
and, once, sends it back to `think` where the two answers differ. Asking, benchmarks and replay run this same graph.
Frames are references in the state, so a checkpoint holds no pixels.
"""

import logging
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agent.loop.strategies import reconsider
from agent.loop.tracing import trace_model_call, trace_turn
from agent.loop.transition import step
from agent.loop.verification import has_claim, send_back, verify_answer
from agent.policy import OutOfTimeError, Policy, PolicyError, Tools, ask_in_time
from agent.trajectory import Calls, Stop, ToolCall, Trajectory, Turn
from tools.cache import CacheError
from tools.deadline import WorkCancelledError

_log = logging.getLogger(__name__)


class State(TypedDict):
    """The state of the graph, which a checkpoint keeps."""

    trajectory: Trajectory
    turn: Turn | None
    """Turn of the policy that is not applied yet; None after `act`."""


@dataclass(frozen=True)
class RunContext:
    """The policy, the tools and the settings of a run: LangGraph's runtime context, kept out of the state."""

    policy: Policy
    toolbox: Tools
    verify: bool = True
    look_again: bool = True
    """Whether a verification that disagrees sends the policy back to look once more."""
    opening: tuple[ToolCall, ...] = ()
    """Tool calls that are made before the policy's first turn."""
    notice: str = ""
    """What the policy is told behind what these calls show."""
    opening_tools: Tools | None = None
    """What runs these calls, where the policy has fewer tools than they need; None where it is the policy's own."""


Graph = CompiledStateGraph[State, RunContext, State, State]
OnEvent = Callable[[Turn | Trajectory], None]
"""Called with each turn as the policy gives it, and with the trajectory after each step."""


def make_initial_calls(state: State, runtime: Runtime[RunContext]) -> dict[str, Trajectory]:
    """Makes the initial tool calls, as a step that is not counted as a turn."""
    context = runtime.context
    tools = context.opening_tools or context.toolbox
    opened = step(state["trajectory"], Turn("", Calls(context.opening), is_opening=True), tools)
    *_, last = opened.steps
    told = replace(last, notice=f"{context.notice} {last.notice}".strip())
    return {"trajectory": replace(opened, steps=(told,))}


def think(state: State, runtime: Runtime[RunContext]) -> dict[str, Turn]:
    """Asks the policy for its next turn, and records its seconds."""
    started = time.perf_counter()
    with trace_model_call(runtime.context.policy) as span:
        turn = ask_in_time(state["trajectory"], runtime.context.policy, runtime.context.toolbox)
        span.end_model_call(turn)
    seconds = time.perf_counter() - started
    return {"turn": replace(turn, usage=replace(turn.usage, seconds=seconds))}


def act(state: State, runtime: Runtime[RunContext]) -> State:
    """Applies the policy's turn to the trajectory by `step`; an answer may be sent back by the run's strategy."""
    assert state["turn"] is not None, "act runs only after think"
    after = step(state["trajectory"], state["turn"], runtime.context.toolbox)
    return {"trajectory": reconsider(after), "turn": None}


def verify(state: State, runtime: Runtime[RunContext]) -> dict[str, Trajectory]:
    """Adds the verification of the answer, and sends the policy back where it disagrees for the first time."""
    context = runtime.context
    verified = verify_answer(state["trajectory"], context.policy, context.toolbox)
    return {"trajectory": send_back(verified) if context.look_again else verified}


def _choose_first_node(state: State, runtime: Runtime[RunContext]) -> Literal["open", "think"]:
    context = runtime.context
    return "open" if (context.opening or context.notice) and not state["trajectory"].steps else "think"


def choose_node_after_act(state: State, runtime: Runtime[RunContext]) -> Literal["think", "verify", "__end__"]:
    """Names the node after `act`."""
    if state["trajectory"].stop is None:
        return "think"
    return "verify" if runtime.context.verify and has_claim(state["trajectory"].answer) else "__end__"


def choose_node_after_verify(state: State) -> Literal["think", "__end__"]:
    """Names the node after `verify`."""
    return "think" if state["trajectory"].stop is None else "__end__"


def build_graph(checkpointer: SqliteSaver | None = None) -> Graph:
    """The compiled graph; with a checkpointer every step is kept and a run can be resumed.

    Without one nothing is kept, even in a node of a host's graph: its checkpointer knows none of our types.
    """
    graph = StateGraph(State, context_schema=RunContext)
    graph.add_node("open", make_initial_calls)
    graph.add_node("think", think)
    graph.add_node("act", act)
    graph.add_node("verify", verify)
    graph.add_conditional_edges(START, _choose_first_node, ["open", "think"])
    graph.add_edge("open", "think")
    graph.add_edge("think", "act")
    graph.add_conditional_edges("act", choose_node_after_act, ["think", "verify", END])
    graph.add_conditional_edges("verify", choose_node_after_verify, ["think", END])
    return graph.compile(checkpointer=False if checkpointer is None else checkpointer)


def run_graph(
    trajectory: Trajectory,
    context: RunContext,
    *,
    graph: Graph | None = None,
    thread_id: str = "",
    resume: bool = False,
    on_event: OnEvent = lambda _: None,
) -> Trajectory:
    """The trajectory, run to its end by the graph.

    Ctrl-C, or its cancellation, ends it as interrupted and a bug ends it as crashed: all come back as a trajectory
    with everything that was reached, so that it can be saved.

    Args:
        trajectory: where to start.
        context: policy, tools and settings of the run.
        graph: a graph with a checkpointer if the run is to be kept; by default one without.
        thread_id: the run's name for the checkpointer.
        resume: go on from the checkpoint of `thread_id`, if there is one, instead of starting again.
        on_event: called with every turn, and with the trajectory after every step.
    """
    graph = graph or build_graph()
    # open, two nodes a turn and a last verify: LangGraph's own limit never stops a run before ours
    config: Any = {"recursion_limit": 2 * trajectory.limits.max_turns + 4, "configurable": {"thread_id": thread_id}}
    start: State | None = {"trajectory": trajectory, "turn": None}
    latest = trajectory
    if resume and (kept := _load_kept(graph, config)) is not None:
        latest, start = kept, None
    elif isinstance(graph.checkpointer, SqliteSaver):
        graph.checkpointer.delete_thread(thread_id)
    try:
        with ExitStack() as turn:
            turn.enter_context(trace_turn(0 if context.opening and not latest.steps else latest.turns + 1))
            for update in graph.stream(start, config, context=context, stream_mode="updates"):
                for change in update.values():
                    if "trajectory" in change:
                        latest = change["trajectory"]
                        turn.close()
                        if latest.stop is None:
                            turn.enter_context(trace_turn(latest.turns + 1))
                        on_event(latest)
                    elif change.get("turn") is not None:
                        on_event(change["turn"])
    except BaseException as error:
        return end_by_error(latest, error)
    if isinstance(graph.checkpointer, SqliteSaver):  # nothing is left to resume
        graph.checkpointer.delete_thread(thread_id)
    return latest


def end_by_error(latest: Trajectory, error: BaseException) -> Trajectory:
    """The trajectory as an exception ends it, which is raised where it is none of the run's own.

    Raises:
        CacheError: a full disk is the user's to mend, not a bug.
        BaseException: whatever else asks the whole process to end.
    """
    if isinstance(error, OutOfTimeError):
        return latest.ended(Stop.TIME_LIMIT, str(error)) if latest.stop is None else latest
    if isinstance(error, PolicyError):
        return latest.ended(Stop.POLICY_FAILED, str(error)) if latest.stop is None else latest
    if isinstance(error, KeyboardInterrupt | WorkCancelledError):
        return latest.ended(Stop.INTERRUPTED) if latest.stop is None else latest
    if isinstance(error, CacheError) or not isinstance(error, Exception):
        raise error
    # the one boundary: a bug of ours is recorded, never scored, and shown to the user
    return latest.ended(Stop.CRASHED, "".join(traceback.format_exception(error)))


def _load_kept(graph: Graph, config: Any) -> Trajectory | None:
    """The checkpoint of a run that has not ended; None if there is none, or it can't be read."""
    try:
        state = graph.get_state(config)
        kept: Trajectory | None = state.values["trajectory"] if state.next else None
    except Exception as damage:  # rows that were changed fail in every way that LangGraph's decoders can
        _log.warning("what was kept of this run can't be read, so it starts again: %s", " ".join(str(damage).split()))
        return None
    return kept
