"""Sends the requests of a probe to a policy, one after the other, as turns of ordinary trajectories."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MethodType

from agent.policies.http import HttpPolicy
from agent.policy import Policy, PolicyError
from agent.probe.frames import LARGE, SMALL, NumberedFrame, encode_jpeg, make_chart, make_numbered
from agent.probe.measured import Measured, Repeat
from agent.probe.reading import (
    CALL_BOX,
    CALL_SECONDS,
    Exchange,
    count_right_times,
    explain_unusable,
    find_call_fault,
    measure_frame_tokens,
    measure_large_frame_tokens,
    read_charts,
    read_rung,
    sum_bill,
)
from agent.trajectory import Calls, Limits, Question, Result, Step, ToolCall, Trajectory, Turn, VideoFacts
from tools.observation import FrameRef, Observation
from tools.observation_text import format_frame_times
from tools.schema import ToolSpec, describe
from tools.toolbox import TOOL_NAMES, Toolbox

COUNTS = (1, 4, 8, 16, 32)
"""Pictures in the requests, one after the other; 32 is as many as a usual question shows in all."""
TIMED = 4
"""Pictures of the request that asks for times too, and is sent twice."""

_APART_SECONDS = 2.5  # between two generated frames
_FIRST_SECONDS = CALL_SECONDS
_NUMBERS = (
    "Each frame shows one number of four digits. Write down the numbers of all frames, in the order of the frames, "
    "separated by spaces, and nothing else."
)
_TIMES = (
    "Each frame shows one number of four digits, and the text before each frame tells its time. Write down the time "
    "and the number of every frame, in the order of the frames, as in: 0.50 = 1000, 0.75 = 2000."
)
_CHART = (
    "The frame shows numbers of four digits, from large to very small. Write down every number that you can read, "
    "separated by spaces. Leave out those that are too small to read: do not guess."
)
_CALL = (
    f"Call the tool zoom once, with seconds {CALL_SECONDS} and box {list(CALL_BOX)}, and nothing else. "
    "Do not answer before you have its result."
)
_DUE = "These are all the frames there are. Give your answer now."


class ProbeSight:
    """A tool access in place of a toolbox: the specs of the real tools, and generated frames."""

    def __init__(self, shown: Sequence[NumberedFrame]) -> None:
        self._shown = {item.ref.seconds: item for item in shown}

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Specs of a real video's tools, so that the prompt is as long as it will be."""
        # a schema is read off a bound method, and there is no video to open a toolbox on
        return tuple(describe(MethodType(getattr(Toolbox, name), self)) for name in TOOL_NAMES)

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG of the generated frame of a time, at the size of the reference."""
        return encode_jpeg(self._shown[ref.seconds], ref)


def probe_model(policy: Policy, seed: int, on_request: Callable[[str], None] = lambda _: None) -> Measured:
    """Probes what a policy's model sees and does.

    Args:
        policy: a policy with a language model; its `setup` is not None.
        seed: seed of the numbers in the frames; a new one each time keeps the server's cache out of the first request.
        on_request: called with the name of each request before it is sent.

    Raises:
        PolicyError: no request goes through, with pictures or without.
    """
    if isinstance(policy, HttpPolicy):
        policy.makes_room = False
    return _ProbeRound(policy, seed, on_request).measured()


class _ProbeRound:
    """The requests of one probe, in order."""

    def __init__(self, policy: Policy, seed: int, on_request: Callable[[str], None]) -> None:
        self._policy = policy
        self._seed = seed
        self._dice = random.Random(seed)
        self._on_request = on_request
        self._done: list[Exchange] = []

    def measured(self) -> Measured:
        first = self._numbers(1)
        call = self._call() if first.error else None
        if call is not None and call.error:  # not even a request without pictures goes through
            raise PolicyError(first.error)
        ladder, repeat = self._ladder(first)
        is_blind = not any(read_rung(exchange).seen for exchange in ladder)
        beside = self._beside_question() if is_blind else None
        charts = None if is_blind else (self._chart(SMALL), self._chart(LARGE))
        call = call or self._call()
        replies = [e.turn.reply for e in self._done if e.turn is not None and e.turn.reply is not None]
        return Measured(
            spec=self._policy.spec,
            setup=self._policy.setup,
            dialect=self._policy.dialect if isinstance(self._policy, HttpPolicy) else None,
            seed=self._seed,
            why_unusable=explain_unusable(first.turn),
            first_seconds=first.seconds,
            rungs=tuple(read_rung(exchange) for exchange in ladder),
            seen_beside_question=None if beside is None else bool(read_rung(beside).seen),
            times_right=count_right_times(ladder[1]) if len(ladder) > 1 else None,
            charts=None if charts is None else read_charts(*charts),
            call_fault=find_call_fault(call),
            frame_tokens=measure_frame_tokens(ladder),
            large_frame_tokens=None if charts is None else measure_large_frame_tokens(ladder, *charts),
            repeat=repeat,
            has_token_ids=any(reply.token_ids is not None for reply in replies),
            has_logprobs=any(reply.logprobs is not None for reply in replies),
            bill=sum_bill(self._done),
        )

    def _ladder(self, first: Exchange) -> tuple[list[Exchange], Repeat | None]:
        """Requests of more pictures each time, until some are lost; the one with times is sent twice."""
        ladder: list[Exchange] = [first]
        repeat: Repeat | None = None
        for count in COUNTS[1:]:
            # a model that reads nothing in one picture gets four once, to count the tokens of a picture, and no more
            last = read_rung(ladder[-1])
            if (len(ladder) > 1 and last.is_lossy) or last.left_out or last.error:
                break
            ladder.append(self._numbers(count))
            if count == TIMED and not ladder[-1].error:
                repeat = self._repeated(ladder[-1])
        return ladder, repeat

    def _numbers(self, count: int) -> Exchange:
        times = [_FIRST_SECONDS + number * _APART_SECONDS for number in range(count)]
        is_timed = count == TIMED
        shown = make_numbered(times, self._dice, has_time=not is_timed)
        what = f"{count} pictures" if count > 1 else "1 picture"
        return self._exchange(what, _TIMES if is_timed else _NUMBERS, shown, (_make_step(shown),))

    def _repeated(self, once: Exchange) -> Repeat | None:
        again = self._exchange(f"the same {TIMED} pictures again", _TIMES, once.shown, (_make_step(once.shown),))
        if again.turn is None:
            return None
        cached = again.turn.usage.cached_tokens
        return Repeat(once.seconds, again.seconds, again.prompt_tokens, cached, is_same=again.said == once.said)

    def _beside_question(self) -> Exchange:
        shown = make_numbered([_FIRST_SECONDS], self._dice, has_time=True)
        opening = _make_step(shown)
        step = replace(opening, turn=replace(opening.turn, is_opening=True))
        return self._exchange("1 picture beside the question", _NUMBERS, shown, (step,))

    def _chart(self, size: tuple[int, int]) -> Exchange:
        shown = (make_chart(_FIRST_SECONDS, size, self._dice),)
        return self._exchange(f"small print at {size[0]}x{size[1]}", _CHART, shown, (_make_step(shown),))

    def _call(self) -> Exchange:
        return self._exchange("a tool call", _CALL, (), ())

    def _exchange(self, what: str, text: str, shown: tuple[NumberedFrame, ...], steps: tuple[Step, ...]) -> Exchange:
        self._on_request(what)
        trajectory = _make_trajectory(text, self._policy.spec, steps)
        started, turn, error = time.perf_counter(), None, ""
        try:
            turn = self._policy(trajectory, ProbeSight(shown))
        except PolicyError as failure:
            error = str(failure)
        exchange = Exchange(shown, turn, error, time.perf_counter() - started)
        self._done.append(exchange)
        return exchange


def _make_trajectory(text: str, spec: str, steps: tuple[Step, ...]) -> Trajectory:
    duration = _FIRST_SECONDS + _APART_SECONDS * COUNTS[-1]
    facts = VideoFacts("probe", duration, *LARGE)
    return Trajectory(Question("probe", text), facts, spec, Limits(max_turns=1 if steps else 8), steps)


def _make_step(shown: tuple[NumberedFrame, ...]) -> Step:
    """A step whose call brought the generated frames, as a video's tools bring theirs, with an answer due."""
    refs = tuple(item.ref for item in shown)
    stop = refs[-1].seconds + _APART_SECONDS / 2
    call = ToolCall("t1c1", "select_frames", {"start": 0.0, "stop": stop, "count": len(refs)})
    return Step(Turn("", Calls((call,))), (Result("t1c1", Observation(format_frame_times(refs), refs)),), notice=_DUE)
