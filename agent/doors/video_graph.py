"""The agent as a LangGraph graph whose state is plain JSON: a node, or a sub-graph, of any host's graph.

    graph = build_video_graph(sleuth)
    host.add_node("video", graph)  # or graph.invoke({"video": "video.mp4", "question": "..."}) inside a node

Policy and tools belong to the `Sleuth`, so the host's context may be anything, and a host's checkpointer keeps strings,
numbers and lists. The nodes are those of `agent.loop.graph`, one step each, so a run goes on from any checkpoint, also
in another process. Each step is streamed as an update, and as the events of `agent.events` in the stream `custom`.
"""

import asyncio
import contextvars
import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

from langchain_core.runnables import RunnableLambda
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from agent.events import EventReader
from agent.limits import QuestionBudget
from agent.loop.ask import QuestionTools, list_videos, make_run_context, measure_length, prepare_run
from agent.loop.checks import answer_late, make_unopened_trajectory
from agent.loop.graph import (
    RunContext,
    State,
    choose_node_after_act,
    choose_node_after_verify,
    end_by_error,
    make_initial_calls,
    think,
    verify,
)
from agent.loop.strategies import reconsider
from agent.loop.transition import step
from agent.policy import ToolRunner
from agent.run_result import RunResult
from agent.sessions.options import AskedQuestion, AskOptions, read_options
from agent.sessions.session import list_questions
from agent.sleuth import Sleuth
from agent.trajectory import Calls, Step, Stop, ToolCall, Trajectory, Turn, from_json, to_json
from tools.deadline import Cancellation, cancellable
from tools.observation import Observation, ToolError

_TURN = TypeAdapter(Turn)
_NODES_A_TURN = 2
"""Nodes of a turn: think and act."""
_LONGEST_SECONDS = 86_400.0
"""Length of a video whose turns the graph has room for: it is built before any is known."""
_NODES_BESIDE = 12
"""Nodes of a run beside its turns: the first and the last, two verifications, and as many of the host's again."""


class VideoInput(TypedDict, total=False):
    """The state that the graph reads."""

    video: str | list[str]
    """Path of the video file, or paths of several that the question is about."""
    question: str


class VideoOutput(TypedDict, total=False):
    """The state that the graph writes."""

    answer: str
    """Answer in words, "I can't tell" included; empty if there is none."""
    evidence: list[dict[str, Any]]
    """Evidence of the answer: times in seconds, frames, boxes, quotes."""
    confidence: float | None
    """How likely the answer is right, 0..1; None where nothing tells."""
    status: str
    """How the run ended: `agent.run_result.RunResult.status`."""
    trajectory_json: str
    """Trajectory of the run: what `agent ask --save` writes; `agent.trajectory.from_json` reads it."""


class VideoState(VideoInput, VideoOutput, total=False):
    """The whole state of the graph."""

    turn_json: str
    """Turn of the policy that is not applied yet; empty after `act`."""
    run_id: str


VideoGraph = CompiledStateGraph[Any, Any, Any, Any]
MoreState = Callable[[VideoState, Trajectory, Step | None], dict[str, Any]]
"""Gives what else goes into the state after a step, or at the end, when the step is None."""


def build_video_graph(sleuth: Sleuth, *, approve: bool = False, **options: Unpack[AskOptions]) -> VideoGraph:
    """The graph, with the state of `VideoInput` and `VideoOutput`, for a host to invoke or to add as a node.

    Args:
        sleuth: answers the questions; it must stay open as long as the graph is used.
        approve: interrupt before each look of the policy. The interrupt's value has LangChain's form, `action_requests`
            with a name and `args` each; it is resumed with `True`, with `{"decisions": [...]}`, a `{"type": "approve"}`
            or `{"type": "reject", "message": "why"}` for each, or with `{"question": "..."}`, which is asked instead.
        options: the options of every question, as `Sleuth.ask` takes them.

    Raises:
        ValueError: an option is invalid, or `samples` asks for a vote, which is no single run of the graph.
    """
    graph = StateGraph(VideoState, input_schema=VideoInput, output_schema=VideoOutput)
    wire_nodes(graph, VideoNodes(sleuth, approve, options))
    graph.add_edge(START, "begin")
    return add_limit(graph.compile(), options)


def wire_nodes(graph: "StateGraph[Any, Any, Any, Any]", nodes: "VideoNodes") -> None:
    """Adds the nodes of a run to a graph: `begin` is the first, and `finish` the last."""
    graph.add_node("begin", _run_in_threads(nodes, nodes.begin), destinations=("think", "finish"))
    graph.add_node("think", _run_in_threads(nodes, nodes.think), destinations=("act", "begin", "finish"))
    graph.add_node("act", _run_in_threads(nodes, nodes.act), destinations=("think", "verify", "begin", "finish"))
    graph.add_node("verify", _run_in_threads(nodes, nodes.verify), destinations=("think", "finish"))
    graph.add_node("finish", nodes.finish)
    graph.add_edge("finish", END)


class VideoNodes:
    """The nodes of `agent.loop.graph` over a state of plain JSON."""

    def __init__(
        self,
        sleuth: Sleuth,
        approve: bool,
        options: AskOptions,
        more: MoreState = lambda state, trajectory, step: {},
        follows: bool = False,
    ) -> None:
        """Checks the options.

        Args:
            sleuth: answers the questions.
            approve: interrupt before each look.
            options: the options of every question.
            more: gives what else goes into the state.
            follows: a question about the same videos as the one that is in the state follows it up.

        Raises:
            ValueError: an option is invalid.
        """
        if options.get("samples", 1) != 1 or options.get("strategy") == "uncertain" or options.get("examples"):
            raise ValueError(
                "a graph is one run: leave samples, uncertain and examples out, or call Sleuth.ask inside a node"
            )
        self.sleuth = sleuth
        self._approve = approve
        self._options = options
        self._more = more
        self._follows = follows
        self._read({"video": "video", "question": "question"})

    def begin(self, state: VideoState) -> Command[str]:
        """Opens the video and makes the initial tool calls."""
        asked = self._read(state)
        begun = time.monotonic()
        fresh: VideoState = {**state, "run_id": uuid.uuid4().hex}
        if asked.folder is not None:
            asked = self.sleuth.find_in_folder(asked, begun)
            fresh["video"] = [str(key.path) for key in asked.keys]
        with self.sleuth.borrow_tools(asked, begun) as toolbox:
            limits, policy = asked.limits, self.sleuth.get_policy()
            passed = time.monotonic() - begun
            if toolbox is None:
                ended = make_unopened_trajectory(asked.question, policy.spec, limits, passed, Stop.TIME_LIMIT)
                _tell(fresh, None, ended)
                return self._go("finish", fresh, ended)
            start, context = prepare_run(
                asked.question,
                toolbox,
                policy,
                asked.size_limits(measure_length(toolbox)),
                verify=asked.verify,
                mode=asked.mode,
                strategy=asked.strategy,
                effort=asked.effort,
                opening_seconds=passed,
                earlier=self._list_earlier(state, toolbox),
            )
            _tell(fresh, None, start)
            if not context.opening:
                return self._go("think", fresh, start)
            opened = make_initial_calls({"trajectory": start, "turn": None}, Runtime(context=context))["trajectory"]
        _tell(fresh, start, opened)
        return self._go("think", fresh, opened, is_step=True)

    def think(self, state: VideoState) -> Command[str]:
        """Asks the policy for its next turn."""
        trajectory = from_json(state["trajectory_json"])
        if state["question"] != trajectory.question.text:
            return Command(goto="begin")

        def ask_policy(core: State, runtime: Runtime[RunContext]) -> Command[str]:
            turn = think(core, runtime)["turn"]
            _tell(state, trajectory, turn)
            return Command(goto="act", update={"turn_json": _TURN.dump_json(turn).decode()})

        return self._run_step(state, trajectory, ask_policy)

    def act(self, state: VideoState) -> Command[str]:
        """Applies the policy's turn to the trajectory, once it is approved."""
        trajectory = from_json(state["trajectory_json"])
        turn = _TURN.validate_json(state["turn_json"])
        refused: dict[str, str] = {}
        if self._approve and isinstance(turn.move, Calls):
            reply = interrupt(_make_request(turn, turn.move))
            if isinstance(reply, Mapping) and "question" in reply:
                return Command(goto="begin", update={"question": str(reply["question"])})
            refused = _read_refusals(turn.move, reply)
        if state["question"] != trajectory.question.text:
            return Command(goto="begin")

        def apply(_: State, runtime: Runtime[RunContext]) -> Command[str]:
            after = reconsider(step(trajectory, turn, _ApprovedTools(runtime.context.toolbox, refused)))
            _tell(state, trajectory, after, turn)
            goto = choose_node_after_act({"trajectory": after, "turn": None}, runtime)
            return self._go(goto, state, after, is_step=True)

        return self._run_step(state, trajectory, apply)

    def verify(self, state: VideoState) -> Command[str]:
        """Adds the verification of the answer."""
        trajectory = from_json(state["trajectory_json"])

        def check(core: State, runtime: Runtime[RunContext]) -> Command[str]:
            after = verify(core, runtime)["trajectory"]
            _tell(state, trajectory, after)
            return self._go(choose_node_after_verify({"trajectory": after, "turn": None}), state, after)

        return self._run_step(state, trajectory, check)

    def finish(self, state: VideoState) -> dict[str, Any]:
        """Reads the answer off the trajectory."""
        trajectory = from_json(state["trajectory_json"])
        if trajectory.facts.content_hash:
            trajectory = replace(trajectory, setup=self.sleuth.get_policy().setup)
        result = RunResult(answer_late(trajectory), lambda: nullcontext(lambda _: None))
        output: VideoOutput = {
            "answer": result.text,
            "evidence": to_jsonable_python(result.evidence),
            "confidence": result.confidence,
            "status": result.status,
            "trajectory_json": to_json(result.trajectory),
        }
        return {**output, **self._more(state, result.trajectory, None)}

    def _list_earlier(self, state: VideoState, toolbox: QuestionTools) -> tuple[Trajectory, ...]:
        """The questions before, where they were about these very videos."""
        if not self._follows or not state.get("trajectory_json"):
            return ()
        before = from_json(state["trajectory_json"])
        if before.content_hashes != tuple(one.video.content_hash for one in list_videos(toolbox)):
            return ()
        return before.earlier if before.stop is None else list_questions(before)

    def _read(self, state: VideoState) -> AskedQuestion:
        if missing := [name for name in ("video", "question") if not state.get(name)]:
            raise ValueError(f"the state needs `video` and `question`; {' and '.join(missing)} came without a value")
        return read_options(state["video"], state["question"], self._options)

    def _run_step(
        self,
        state: VideoState,
        trajectory: Trajectory,
        work: Callable[[State, Runtime[RunContext]], Command[str]],
    ) -> Command[str]:
        """Does a step's work with the tools of the video; whatever it raises ends the run."""
        try:
            asked = self._read(state)
            with self.sleuth.borrow_tools(asked) as toolbox:
                assert toolbox is not None, "it is waited for"
                if trajectory.content_hashes != tuple(one.video.content_hash for one in list_videos(toolbox)):
                    raise ValueError(f"{', '.join(asked.question.videos)} changed since the run began: ask again")
                context = make_run_context(
                    toolbox,
                    self.sleuth.get_policy(),
                    verify=asked.verify,
                    mode=asked.mode,
                    strategy=trajectory.strategy,
                )
                return work({"trajectory": trajectory, "turn": None}, Runtime(context=context))
        except Exception as error:
            return self._go("finish", state, end_by_error(trajectory, error))

    def _go(self, goto: str, state: VideoState, after: Trajectory, *, is_step: bool = False) -> Command[str]:
        more = self._more(state, after, after.steps[-1]) if is_step else {}
        update = {
            "video": state["video"],
            "trajectory_json": to_json(after),
            "turn_json": "",
            "run_id": state["run_id"],
        }
        return Command(goto="finish" if goto == END else goto, update=update | more)


@dataclass(frozen=True)
class _ApprovedTools:
    """Tools of which some calls were refused."""

    tools: ToolRunner
    refused: dict[str, str]

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of a call, or the refusal as a mistake that the policy reads.

        Raises:
            ToolError: the call was refused, or is a mistake.
        """
        if (why := self.refused.get(_make_key(name, arguments))) is not None:
            raise ToolError(f"the user refused this call{': ' if why else ''}{why}")
        return self.tools.call(name, arguments)


def _make_key(name: str, arguments: dict[str, Any]) -> str:
    return json.dumps([name, arguments], sort_keys=True)


def _make_request(turn: Turn, move: Calls) -> dict[str, Any]:
    """The look as a request of LangChain's human in the loop."""

    def request(call: ToolCall) -> dict[str, Any]:
        return {"name": call.name, "args": call.arguments, "description": turn.thought}

    names = dict.fromkeys(call.name for call in move.calls)
    return {
        "action_requests": [request(call) for call in move.calls],
        "review_configs": [{"action_name": name, "allowed_decisions": ["approve", "reject"]} for name in names],
    }


def _read_refusals(move: Calls, reply: object) -> dict[str, str]:
    """The refused calls with the reason.

    Raises:
        ValueError: the reply has another form.
    """
    if isinstance(reply, bool):
        return {} if reply else {_make_key(call.name, call.arguments): "" for call in move.calls}
    decisions = reply.get("decisions") if isinstance(reply, Mapping) else None
    if not isinstance(decisions, list) or len(decisions) != len(move.calls):
        raise ValueError(
            f'a look is resumed with True, {{"question": ...}} or {{"decisions": [...]}} for its {len(move.calls)} '
            f"calls; got {reply!r:.200}"
        )
    refused = {}
    for call, decision in zip(move.calls, decisions, strict=True):
        match decision:
            case {"type": "approve"}:
                pass
            case {"type": "reject"}:
                refused[_make_key(call.name, call.arguments)] = str(decision.get("message") or "")
            case _:
                raise ValueError(f"a decision has the type approve or reject; got {decision!r:.200}")
    return refused


def _tell(state: VideoState, before: Trajectory | None, told: Turn | Trajectory, turn: Turn | None = None) -> None:
    """Streams the events of what was reached."""
    reader = EventReader(state["run_id"])
    earlier: list[Turn | Trajectory] = []
    if before is not None:
        earlier = [step.turn for step in before.steps if not step.turn.is_opening]
        earlier += [before] if before.steps else []
    for known in (*earlier, turn):
        for _ in reader.read(known) if known is not None else ():
            pass
    write = get_stream_writer()
    for event in reader.read(told):
        write(event.as_data())


def _run_in_threads(nodes: VideoNodes, work: Callable[[VideoState], Command[str]]) -> RunnableLambda[Any, Any]:
    """The node, in asyncio on the threads of the Sleuth, since the loop's own are as few as six; cancelled with it."""

    async def awork(state: VideoState) -> Command[str]:
        cancellation = Cancellation()

        def cancellable_work() -> Command[str]:
            with cancellable(cancellation):
                return work(state)

        submitted = nodes.sleuth.submit(contextvars.copy_context().run, cancellable_work)
        try:
            return await asyncio.wrap_future(submitted)
        except asyncio.CancelledError:
            cancellation.cancel()
            raise

    return RunnableLambda(work, afunc=awork, name=work.__name__)


def add_limit(graph: VideoGraph, options: AskOptions) -> VideoGraph:
    """The graph with a limit of steps that never stops a run before its own limits do."""
    longest = QuestionBudget({}, options.get("effort", "medium")).for_length(_LONGEST_SECONDS)
    turns = options.get("max_turns", longest.max_turns)
    return graph.with_config(recursion_limit=_NODES_A_TURN * turns + _NODES_BESIDE)
