"""The transition function: a trajectory and a turn give the next trajectory.

Asking, benchmarks, replay and training all go through `step`, so that the same moves give the same record
everywhere. A mistake of the policy becomes text that it reads next; anything else that a tool raises is a bug of
ours and is raised.
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from agent.limits import MAX_CALLS_A_TURN, estimate_answer_seconds, find_reached_limit
from agent.loop.tracing import trace_tool_call
from agent.policy import ToolRunner
from agent.trajectory import Answer, Calls, Limits, Malformed, Result, Step, Stop, ToolCall, Trajectory, Turn
from tools.deadline import OutOfTime, run_in_time, set_deadline
from tools.observation import FrameRef, Observation, ToolError
from tools.runtime.spending import limit_spending

_WORKERS = 4
"""Tool calls of one turn that run at the same time."""
_MOST_ERROR_LETTERS = 2000
"""Characters of a tool's error message that are kept: it may quote all that it was given."""


def step(trajectory: Trajectory, turn: Turn, toolbox: ToolRunner) -> Trajectory:
    """The trajectory with one more step: the turn and the observations of its calls, ended where the turn ends it.

    Args:
        trajectory: a trajectory that has not ended.
        turn: the policy's turn, or the initial tool calls.
        toolbox: runs the tool calls.

    Raises:
        ValueError: the trajectory has ended already.
    """
    if trajectory.stop is not None:
        raise ValueError(f"the trajectory has ended ({trajectory.stop.value}); nothing can be added to it")
    due = (
        None if turn.is_opening else find_reached_limit(trajectory)
    )  # limits are the policy's, not those of initial calls
    move = turn.move if turn.is_opening else _check_move(trajectory, turn.move)
    turn = replace(turn, move=move)
    if isinstance(move, Answer):
        return _append_step(trajectory, Step(turn)).ended(due or Stop.ANSWERED)
    if due is not None:  # an answer was asked for and did not come
        return _append_step(trajectory, Step(turn)).ended(due)
    if isinstance(move, Malformed):
        return _correct(trajectory, turn, move)
    started = time.perf_counter()
    with set_deadline(_compute_seconds_for_tools(trajectory, turn)), limit_spending(*_compute_left(trajectory, turn)):
        results = _run_all(trajectory, move.calls, toolbox)
    return _add_notice(_append_step(trajectory, Step(turn, results, seconds=time.perf_counter() - started)))


def _compute_seconds_for_tools(before: Trajectory, turn: Turn) -> float:
    """The seconds that the tools of a turn may take, so that time for an answer is left."""
    if before.limits.max_seconds is None:
        return math.inf
    thinking = 0.0 if turn.is_opening else turn.usage.seconds
    return before.limits.max_seconds - before.seconds - thinking - estimate_answer_seconds(before.limits, turn)


def _compute_left(before: Trajectory, turn: Turn) -> tuple[float, float]:
    """The tokens and dollars that the tools of a turn may spend on a model of their own."""
    limits, asked = before.limits, turn.usage
    tokens = math.inf if limits.max_tokens is None else limits.max_tokens - (before.tokens or 0) - (asked.tokens or 0)
    spent = (before.cost_usd or 0.0) + (asked.cost_usd or 0.0)
    return tokens, math.inf if limits.max_cost_usd is None else limits.max_cost_usd - spent


def _append_step(trajectory: Trajectory, new: Step) -> Trajectory:
    return replace(trajectory, steps=(*trajectory.steps, new))


def _add_notice(trajectory: Trajectory, notice: str = "") -> Trajectory:
    if (due := find_reached_limit(trajectory)) is not None:
        notice = f"{notice} The {due.value} is reached: give your best answer now, from what you have seen.".strip()
    *earlier, last = trajectory.steps
    return replace(trajectory, steps=(*earlier, replace(last, notice=notice)))


def reopen(trajectory: Trajectory, notice: str) -> Trajectory:
    """The answered trajectory, open again with a notice on its answer; unchanged where no further turn is left.

    Args:
        trajectory: a trajectory that has ended.
        notice: what the policy is told.
    """
    again = replace(trajectory, stop=None)
    if trajectory.stop is not Stop.ANSWERED or find_reached_limit(again) is not None:
        return trajectory
    *earlier, last = trajectory.steps
    return replace(again, steps=(*earlier, replace(last, notice=notice)))


def _check_move(trajectory: Trajectory, move: Answer | Calls | Malformed) -> Answer | Calls | Malformed:
    if isinstance(move, Answer) and trajectory.question.options:
        count = len(trajectory.question.options)
        if not move.abstains and (move.option is None or not 0 <= move.option < count):
            return Malformed(move.text, f"the answer must be one of the {count} options")
    if isinstance(move, Answer) and move.not_shown and trajectory.question.unseen_videos:
        return _doubt_absence(trajectory, move)
    if isinstance(move, Calls):
        used = {call.id for call in trajectory.as_one.calls}
        ids = [call.id for call in move.calls]
        if not ids:
            return Malformed("", "the turn has neither a call nor an answer")
        if len(ids) > MAX_CALLS_A_TURN:
            return Malformed("", f"{len(ids)} calls in one turn; at most {MAX_CALLS_A_TURN} are run")
        if len(set(ids)) < len(ids) or used & set(ids):
            return Malformed("", f"call ids must be new, got {ids}")
    return move


def _doubt_absence(trajectory: Trajectory, move: Answer) -> Answer:
    """ "I can't tell" in place of "not shown", where videos of the folder were not looked into."""
    said = f"I can't tell. It is not shown in the {len(trajectory.question.videos)} videos that were looked into, and "
    rest = f"{trajectory.question.unseen_videos} others of the folder were not."
    return replace(move, text=said + rest, confidence=None, not_shown=False, cannot_tell=True)


def _correct(trajectory: Trajectory, turn: Turn, move: Malformed) -> Trajectory:
    after = _append_step(trajectory, Step(turn))
    last = after.steps[-after.limits.max_malformed :]
    if len(last) == after.limits.max_malformed and all(isinstance(s.turn.move, Malformed) for s in last):
        return after.ended(Stop.MALFORMED, _explain_malformed(turn, move))
    return _add_notice(after, f"That turn could not be used: {move.why}. Call tools, or answer.")


def _explain_malformed(turn: Turn, move: Malformed) -> str:
    cut = turn.reply is not None and turn.reply.is_cut
    advice = "; --max-reply-tokens leaves more room for thinking" if cut else ""
    return f"reply after reply could not be used, the last one because {move.why}{advice}"


def _run_all(trajectory: Trajectory, calls: Sequence[ToolCall], toolbox: ToolRunner) -> tuple[Result, ...]:
    earlier = {_make_key(call): call.id for call in reversed(trajectory.calls)}
    known = {result.call_id: result for result in trajectory.results}
    fresh: dict[str, ToolCall] = {}
    for call in calls:
        if _make_key(call) not in earlier:
            fresh.setdefault(_make_key(call), call)
    ran = _run_parallel(list(fresh.values()), toolbox)
    by_key = {_make_key(call): result for call, result in zip(fresh.values(), ran, strict=True)}
    results = [
        by_key[_make_key(call)]
        if call is fresh.get(_make_key(call))
        else _repeat_result(
            call, known[earlier[_make_key(call)]] if _make_key(call) in earlier else by_key[_make_key(call)]
        )
        for call in calls
    ]
    return _apply_frame_limit(trajectory, results, trajectory.limits)


def _make_key(call: ToolCall) -> str:
    return f"{call.name} {json.dumps(call.arguments, sort_keys=True, default=str)}"


def _run_parallel(calls: Sequence[ToolCall], toolbox: ToolRunner) -> list[Result]:
    started = time.perf_counter()
    ran = run_in_time([partial(_run, call, toolbox) for call in calls], _WORKERS)
    seconds = time.perf_counter() - started
    return [
        _make_late_result(call, seconds) if isinstance(result, OutOfTime) else result
        for call, result in zip(calls, ran, strict=True)
    ]


def _make_late_result(call: ToolCall, seconds: float) -> Result:
    gap = f"{call.name} was not done when the time for it was over."
    return Result(call.id, Observation(gap, is_error=True, gaps=(gap,)), seconds=seconds)


def _run(call: ToolCall, toolbox: ToolRunner) -> Result:
    started = time.perf_counter()
    with trace_tool_call(call) as span:
        try:
            observation = toolbox.call(call.name, call.arguments)
        except ToolError as mistake:
            observation = Observation(_cut_error(str(mistake)), is_error=True)
        span.end_tool_call(observation)
    return Result(call.id, observation, seconds=time.perf_counter() - started)


def _cut_error(text: str) -> str:
    return text if len(text) <= _MOST_ERROR_LETTERS else f"{text[:_MOST_ERROR_LETTERS]}… ({len(text)} letters)"


def _repeat_result(call: ToolCall, first: Result) -> Result:
    said = f"You called this before ({first.call_id}); the result is the same:\n"
    observation = replace(first.observation, text=said + first.observation.text)
    return Result(call.id, observation, repeat_of=first.call_id)


def _apply_frame_limit(trajectory: Trajectory, results: list[Result], limits: Limits) -> tuple[Result, ...]:
    if limits.max_frames is None:
        return tuple(results)
    seen: set[FrameRef] = set(trajectory.frames_seen)
    kept = []
    for result in results:
        frames = []
        for frame in result.observation.frames:
            if frame in seen or len(seen) < limits.max_frames:
                seen.add(frame)
                frames.append(frame)
        kept.append(_keep_frames(result, tuple(frames), limits.max_frames))
    return tuple(kept)


def _keep_frames(result: Result, frames: tuple[FrameRef, ...], max_frames: int) -> Result:
    held_back = len(result.observation.frames) - len(frames)
    if not held_back:
        return result
    text = f"{result.observation.text}\n({held_back} frames are not shown: the limit is {max_frames} frames.)"
    return replace(result, observation=replace(result.observation, frames=frames, text=text))
