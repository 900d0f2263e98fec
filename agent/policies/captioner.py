"""A model of any policy backend as the second pair of eyes: it describes windows, and answers questions about them.

`--captioner http:MODEL@URL` or `Sleuth(captioner=...)` names it. It is sent frames of one window with a question of
ours, word for word, and nothing of the run: so what it says of a window depends on the window alone, and can be kept.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.cost.estimate import check_cost_limit
from agent.policies.registry import open_policy
from agent.policy import Policy, PolicyError, ask_in_time
from agent.prompts import read_prompt
from agent.trajectory import Answer, Calls, Limits, Question, Result, Step, ToolCall, Trajectory, Turn, VideoFacts
from tools.deadline import get_seconds_left
from tools.observation import FrameRef, Observation, ToolError
from tools.runtime.spending import get_spending
from tools.runtime.user_config import read_default
from tools.sampling import format_seconds
from tools.schema import ToolSpec
from tools.vision.captioner import Captioner, CaptionModel, WindowWords


class WindowSight:
    """The environment of a captioner: the pictures of its window, and no tools."""

    specs: tuple[ToolSpec, ...] = ()

    def __init__(self, picture: Callable[[FrameRef], bytes | None]) -> None:
        self.picture = picture


class ModelCaptioner:
    """A policy with a model that sees, as a captioner. Threads may share it."""

    def __init__(self, policy: Policy) -> None:
        """Takes an open policy.

        Raises:
            ValueError: it is no language model, or sees no pictures.
        """
        setup = policy.setup
        if setup is None:
            raise ValueError(f"{policy.spec} is no language model: name one as captioner, as in http:MODEL@URL")
        if not setup.sees_pictures:
            raise ValueError(f"{policy.spec} sees no pictures: it can't describe any")
        self.policy = policy
        """The policy that is asked."""
        self.spec = policy.spec
        settings = (setup.temperature, setup.top_p, setup.seed, setup.max_reply_tokens, setup.max_frame_pixels)
        parts = (self.spec, *map(str, settings), read_prompt("caption"))
        self.identity = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
        """Hash of the model's spec, its settings and the prompt of captions."""

    def look_at(
        self,
        window: tuple[float, float],
        frames: Sequence[FrameRef],
        picture: Callable[[FrameRef], bytes | None],
        *,
        question: str = "",
        focus: str = "",
    ) -> WindowWords:
        """The model's description of a window, or its answer to a question about it.

        Args:
            window: (start, stop) in seconds.
            frames: frames of it, in order of time.
            picture: gives the JPEG of a frame.
            question: what to answer; a description is asked for where it is empty.
            focus: what a description pays attention to.

        Raises:
            ToolError: the model can't be asked, refuses, or says nothing.
        """
        asked = _write_question(window, frames, question, focus)
        try:
            turn = ask_in_time(_show(asked, frames, self.spec), self.policy, WindowSight(picture))
        except PolicyError as error:
            raise ToolError(f"the captioner {self.spec} gives nothing: {error}") from error
        if (room := len(frames) - len(turn.dropped)) < len(frames):  # the server takes no more pictures at once
            if not room:
                raise ToolError(f"the captioner {self.spec} takes no pictures")
            get_spending().add(turn.usage)
            fewer = [frames[int((number + 0.5) * len(frames) / room)] for number in range(room)]
            return self.look_at(window, fewer, picture, question=question, focus=focus)
        words = turn.move.text.rpartition("</think>")[2].strip() if isinstance(turn.move, Answer) else ""
        if not words:
            why = getattr(turn.move, "why", "its reply holds no words")
            raise ToolError(f"the captioner {self.spec} gives nothing: {why}")
        return WindowWords(words, replace(turn.usage, seconds=0.0), len(frames))


def open_captioner(
    captioner: str | Policy | Captioner | CaptionModel | None, policy: Policy | None = None
) -> ModelCaptioner | Captioner | CaptionModel | None:
    """The captioner that a user names or gives, else the one in their configuration; None without one.

    `lite` gets no model: its rules read the colours that the packaged captioner measures.

    Args:
        captioner: spec of a policy, an open policy, or a captioner of the user's own.
        policy: the policy that asks; a spec that is its own opens no second one.

    Raises:
        ValueError: it is no model that sees.
        PolicyError: its model can't be had.
    """
    if captioner is None:
        captioner = read_default("captioner")
    if not captioner:
        return None
    if isinstance(captioner, Captioner):
        return captioner
    if policy is not None and policy.spec == "lite":
        return None
    if isinstance(captioner, str):
        is_same = policy is not None and policy.spec == captioner
        return ModelCaptioner(policy if policy is not None and is_same else open_policy(captioner))
    return captioner if isinstance(captioner, CaptionModel) else ModelCaptioner(captioner)


def check_captioner(captioner: Captioner | CaptionModel | None, mode: str | None, limits: Limits) -> None:
    """Refuses a mode that needs a captioner where there is none, and a cost limit that its price is not known for.

    Args:
        captioner: the captioner; None without one.
        mode: what the model is given of the video.
        limits: bounds of the run.

    Raises:
        ValueError: either is so; says what to do.
    """
    if captioner is None and mode == "captions-first":
        raise ValueError("the mode captions-first needs a model that describes the clips: --captioner http:MODEL@URL")
    if isinstance(captioner, ModelCaptioner):
        check_cost_limit(captioner.policy, limits)


def _write_question(window: tuple[float, float], frames: Sequence[FrameRef], question: str, focus: str) -> str:
    prompt = read_prompt("ask_window" if question else "caption")
    known = {
        "count": str(len(frames)),
        "times": ", ".join(f"{format_seconds(frame.seconds)} s" for frame in frames),
        "start": format_seconds(window[0]),
        "stop": format_seconds(window[1]),
    }
    for name, value in known.items():
        prompt = prompt.replace("{" + name + "}", value)
    prompt = prompt.replace("{question}", question)
    return f"{prompt}\n\nPay attention to this above all: {focus}" if focus and not question else prompt


def _show(asked: str, frames: Sequence[FrameRef], spec: str) -> Trajectory:
    """The frames and the question as a trajectory, of which a policy makes its request."""
    seen = Result("t1c1", Observation("", tuple(frames)))
    shown = Step(Turn("", Calls((ToolCall("t1c1", "select_frames", {}),)), is_opening=True), (seen,))
    seconds, dollars = get_seconds_left(), get_spending().dollars
    limits = Limits(
        max_frames=None,
        max_seconds=None if math.isinf(seconds) else max(seconds, 1e-3),
        max_cost_usd=None if math.isinf(dollars) else max(dollars, 1e-6),
    )
    return Trajectory(Question("", asked, is_verbatim=True), VideoFacts("", 0.0, 0, 0), spec, limits, (shown,))
