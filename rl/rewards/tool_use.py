"""Rewards for tool use: does the policy use its tools, in earnest, and no more than it needs.

Only the policy's own calls count, never the initial looks of the loop. Whether tools are rewarded only where the answer
is correct is up to the preset.
"""

import re

from agent.trajectory import Calls, Result, ToolCall, Trajectory
from evals.example import Example
from rl.rewards.turns import is_strict, own_steps

_NUMBER = re.compile(r"(?<![\d.:])\d+(?:\.\d+)?(?![\d:])")
_TIME = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?\b|\b\d+(?:\.\d+)?\s*(?:s|sec|seconds?|min|minutes?)\b", re.I)
_CLOSE_SECONDS = 0.05
"""Difference up to which a time in a thought is the same as that of a call."""


def list_own_calls(trajectory: Trajectory) -> tuple[tuple[ToolCall, Result | None], ...]:
    """The policy's calls, each with its result; None for one that a limit kept from running."""
    results = {result.call_id: result for result in trajectory.results}
    moves = (step.turn.move for step in own_steps(trajectory))
    return tuple((call, results.get(call.id)) for move in moves if isinstance(move, Calls) for call in move.calls)


def find_worked_calls(trajectory: Trajectory) -> tuple[tuple[ToolCall, Result], ...]:
    """The policy's calls that ran without an error and were no repeats, each with its result."""
    return tuple(
        (call, result)
        for call, result in list_own_calls(trajectory)
        if result is not None and not result.observation.is_error and result.repeat_of is None
    )


def calls_tools(example: Example, trajectory: Trajectory) -> float | None:  # noqa: ARG001 (a reward by its signature)
    """1 if some call could be parsed, whatever its result, else 0."""
    return float(bool(list_own_calls(trajectory)))


def uses_tools(example: Example, trajectory: Trajectory) -> float | None:  # noqa: ARG001 (as above)
    """1 if some call worked (`find_worked_calls`), else 0."""
    return float(bool(find_worked_calls(trajectory)))


def looks(example: Example, trajectory: Trajectory) -> float | None:  # noqa: ARG001 (as above)
    """1 if some call worked and showed a picture, else 0."""
    return float(any(result.observation.frames for _, result in find_worked_calls(trajectory)))


def tool_levels(example: Example, trajectory: Trajectory) -> float | None:  # noqa: ARG001 (as above)
    """ParaVT's tool reward: 0 without a call, 0.1 with one that could be parsed, 0.3 with one that ran.

    A call ran here if the tool did not refuse it; in ParaVT if the text has a response.
    """
    if not list_own_calls(trajectory):
        return 0.0
    return 0.3 if find_worked_calls(trajectory) else 0.1


def calls_made(example: Example, trajectory: Trajectory) -> float | None:  # noqa: ARG001 (as above)
    """Number of calls that worked (`find_worked_calls`): PyVision-RL's n_tc, which counts code that ran."""
    return float(len(find_worked_calls(trajectory)))


def crops(example: Example, trajectory: Trajectory, *, most: float = 0.6) -> float | None:  # noqa: ARG001 (as above)
    """1 if the last picture that the policy asked for is a crop of at most this share of the frame, else 0: ERGO.

    Args:
        example: not used.
        trajectory: the run that is scored.
        most: area of the crop, as a share of the frame, up to which it counts.
    """
    frames = [frame for _, result in find_worked_calls(trajectory) for frame in result.observation.frames]
    if not frames:
        return 0.0
    left, top, right, bottom = frames[-1].box
    return float((right - left) * (bottom - top) <= most)


def calls_beyond(example: Example, trajectory: Trajectory, *, free: int = 1) -> float | None:  # noqa: ARG001 (as above)
    """Pixel-Reasoner's cost of calls, min(free - calls, 0): a whole number, at most 0.

    Args:
        example: not used.
        trajectory: the run that is scored.
        free: number of calls without cost.
    """
    return float(min(free - len(list_own_calls(trajectory)), 0))


def repeat_ratio(example: Example, trajectory: Trajectory) -> float | None:  # noqa: ARG001 (as above)
    """Repeated calls over new ones (LongVideo-R1); may exceed 1; 0 without calls."""
    repeats = [_is_repeat(result) for _, result in list_own_calls(trajectory)]
    return sum(repeats) / (len(repeats) - sum(repeats)) if repeats else 0.0


def failed_share(example: Example, trajectory: Trajectory) -> float | None:  # noqa: ARG001 (as above)
    """Share of calls that the tool refused, 0..1; 0 without calls."""
    calls = list_own_calls(trajectory)
    return sum(result is not None and result.observation.is_error for _, result in calls) / len(calls) if calls else 0.0


def frame_cost(example: Example, trajectory: Trajectory, *, full_at_frames: int = 128) -> float | None:  # noqa: ARG001
    """Distinct frames seen, as a share of `full_at_frames`, 0..1.

    Args:
        example: not used.
        trajectory: the run that is scored.
        full_at_frames: frames from which the value is 1.
    """
    return min(1.0, len(trajectory.frames_seen) / full_at_frames)


def names_the_file(example: Example, trajectory: Trajectory) -> float | None:
    """1 if the policy writes the name of the video's file, without its extension, else 0; None without a reply.

    Names under four characters are not looked for: they turn up by chance.
    """
    name = example.question.video.replace("\\", "/").rpartition("/")[2].rpartition(".")[0].casefold()
    replies = [step.turn.reply for step in own_steps(trajectory)]
    if None in replies or not replies:
        return None
    texts = (f"{reply.reasoning} {reply.text} {reply.tool_calls}".casefold() for reply in replies if reply)
    return float(len(name) >= 4 and any(name in text for text in texts))


def consistent_calls(example: Example, trajectory: Trajectory) -> float | None:  # noqa: ARG001 (a reward by its signature)
    """1 if every turn has its form, no call repeats, and windows are the last two numbers of their thought, else 0.

    FrameThinker's checks as far as they apply here: there are no frame numbers to look up.
    """
    steps = own_steps(trajectory)
    stricts = [is_strict(step) for step in steps]
    if None in stricts:
        return None
    if not all(stricts) or any(_is_repeat(result) for _, result in list_own_calls(trajectory)):
        return 0.0
    turns = [(step.turn.thought, step.turn.move) for step in steps]
    return float(all(_says_window(thought, move.calls) for thought, move in turns if isinstance(move, Calls)))


def asked_time_looked_at(example: Example, trajectory: Trajectory) -> float | None:
    """1 if the question names a time and some call that worked was about it, else 0: FrameThinker's bonus."""
    times = [_seconds(match[0]) for match in _TIME.finditer(example.question.text)]
    windows = [window for call, _ in find_worked_calls(trajectory) if (window := read_window(call)) is not None]
    return float(any(start <= time <= stop for time in times for start, stop in windows))


def read_window(call: ToolCall) -> tuple[float, float] | None:
    """The seconds that a call names as `start` and `stop`, or `seconds` twice; None if it names none."""
    named = {key.removesuffix("_seconds"): value for key, value in call.arguments.items()}
    start, stop = named.get("start", named.get("seconds")), named.get("stop", named.get("seconds"))
    numbers = [x for x in (start, stop) if isinstance(x, int | float) and not isinstance(x, bool)]
    return (float(numbers[0]), float(numbers[1])) if len(numbers) == 2 else None


def _says_window(thought: str, calls: tuple[ToolCall, ...]) -> bool:
    windows = [window for call in calls if (window := read_window(call)) is not None]
    if not windows:
        return True
    last = tuple(float(number) for number in _NUMBER.findall(thought)[-2:])
    wanted = windows[-1] if windows[-1][0] != windows[-1][1] else windows[-1][:1]
    said = last[-len(wanted) :]
    return len(said) == len(wanted) and all(abs(a - b) <= _CLOSE_SECONDS for a, b in zip(said, wanted, strict=True))


def _seconds(named: str) -> float:
    if ":" in named:
        seconds = 0.0
        for part in named.split(":"):
            seconds = 60 * seconds + float(part)
        return seconds
    number = float(re.findall(r"\d+(?:\.\d+)?", named)[0])
    return number * (60 if "min" in named.casefold() else 1)


def _is_repeat(result: Result | None) -> bool:
    return result is not None and result.repeat_of is not None
