"""The Policy protocol, a function from a trajectory to the next turn, and the options of a model behind it."""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol

from agent.prompts import compute_prompt_hash
from agent.trajectory import Form, Setup, Trajectory, Turn
from tools.deadline import OutOfTime, run_in_time, set_deadline
from tools.observation import FrameRef, Observation
from tools.schema import ToolSpec


class ToolRunner(Protocol):
    """The one method of a toolbox that runs a tool."""

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of one tool call.

        Raises:
            ToolError: a mistake of the policy, in words for it to read.
        """
        ...


DOWNLOAD = "VIDEOSLEUTH_DOWNLOAD"
"""Environment variable: `yes` allows the model of a policy to be downloaded unasked."""


class ToolAccess(Protocol):
    """The environment as a policy sees it: the specs of the tools, and the pictures behind the references."""

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The specs of the tools that can be called."""
        ...

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference, always the same bytes for one reference; None where the frame is damaged."""
        ...


class Tools(ToolRunner, ToolAccess, Protocol):
    """The tools of a video, which run and whose pictures can be read."""


class Policy(Protocol):
    """A function from the trajectory so far, and nothing else, to the next turn."""

    spec: str
    """Spec of this policy, such as `http:MODEL@URL`: what `--policy` takes."""

    @property
    def setup(self) -> Setup | None:
        """The settings that the policy's model is asked with; None for a policy without a model."""
        ...

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """The next turn; a reply that can't be parsed is a Malformed move, never an exception.

        Raises:
            PolicyError: the model can't be reached, or refuses for good.
        """
        ...


class PolicyError(Exception):
    """A policy that can't give a turn: no server, no key, a refusal. One sentence, for the user to act on."""


class ContextFullError(PolicyError):
    """The conversation is longer than the model can take."""


class WithheldError(PolicyError):
    """A server's content filter withheld the reply: another question may well be answered."""


class OutOfTimeError(PolicyError):
    """The time limit of the question was over before the policy gave its turn."""


_LATE_SECONDS = 1.0
"""Seconds past the deadline that are left to a policy that keeps it itself, as `http` does, and says more about why."""


def ask_in_time(trajectory: Trajectory, policy: Policy, sight: ToolAccess) -> Turn:
    """The policy's next turn; a policy that does not keep the time limit is left running in its thread.

    Args:
        trajectory: what the policy decides from; its limits give the time that is left.
        policy: the policy.
        sight: the tools' specs and pictures.

    Raises:
        PolicyError: the model can't be reached, or refuses for good.
        OutOfTimeError: no whole reply came in time.
    """
    limit = trajectory.limits.max_seconds
    with set_deadline(math.inf if limit is None else limit - trajectory.seconds):
        (turn,) = run_in_time([partial(policy, trajectory, sight)], grace_seconds=_LATE_SECONDS)
    if isinstance(turn, OutOfTime):
        raise OutOfTimeError(f"{policy.spec} gave no whole reply before the time of the question was over")
    return turn


_MOST = {
    "max_reply_tokens": 10**9,
    "max_frame_pixels": 10**9,
    "max_pictures": 10**9,
    "timeout_seconds": 7 * 86_400,
    "max_request_seconds": 7 * 86_400,
    "concurrency": 1024,
}
"""Largest value of an option: above any use, so that more is a slip of the keyboard; infinity and NaN fail it too."""


SAMPLES_TEMPERATURE = 0.7
"""Temperature of several samples where none is given; usual for self-consistency (Wang et al. 2022, section 3.1)."""


@dataclass(frozen=True)
class PolicyOptions:
    """Sampling and request settings of a model. The defaults are the ones that results are reported with."""

    temperature: float = 0.0
    """Sampling temperature, 0..2; 0 is greedy, the same reply each time as far as the engine can."""
    top_p: float = 1.0
    seed: int = 0
    max_reply_tokens: int = 1024
    """Tokens that one turn may sample, thinking included."""
    max_frame_pixels: int = 1280 * 720
    """A picture with more pixels is sent smaller, and said to be. Frames are 640x360 unless more is asked for."""
    max_pictures: int | None = None
    """Pictures in one request; None is no limit. Past it the oldest are left out for their text, in blocks."""
    tools: Literal["auto", "native", "text"] = "auto"
    """Tool calls by the server's own API, or as JSON in the text; auto takes the first where it works."""
    timeout_seconds: float = 120.0
    """Seconds that a request may be silent."""
    max_request_seconds: float = 1800.0
    """Seconds of one request in all, whatever a server sends: room for 1,024 tokens at less than one a second."""
    concurrency: int = 8
    """Requests at the same time."""
    adapter: str = ""
    """Folder of a LoRA adapter, or the name of one that comes with the package, for models in process."""

    def for_samples(self, samples: int) -> "PolicyOptions":
        """The options for a number of samples: greedy sampling is replaced, with which all would give one answer."""
        is_greedy = samples > 1 and self.temperature == 0
        return replace(self, temperature=SAMPLES_TEMPERATURE) if is_greedy else self

    def seed_of(self, trajectory: Trajectory) -> int:
        """The sampling seed of a run's requests: each run of the same question has its own."""
        return self.seed + trajectory.sample

    def setup(
        self,
        form: Form,
        *,
        sees_pictures: bool = True,
        left_out: tuple[str, ...] = (),
        adapted: tuple[str, ...] = (),
    ) -> Setup:
        """The settings as a trajectory records them.

        Args:
            form: how tools are called.
            sees_pictures: False for a text-only model.
            left_out: request parameters that the server refused.
            adapted: changes of the request that the server's refusals led to.
        """
        return Setup(
            form=form,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            max_reply_tokens=self.max_reply_tokens,
            max_frame_pixels=self.max_frame_pixels,
            max_pictures=self.max_pictures,
            prompt_hash=compute_prompt_hash(),
            sees_pictures=sees_pictures,
            left_out=left_out,
            adapted=adapted,
        )

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 2:
            raise ValueError(f"need 0 <= temperature <= 2, got {self.temperature:g}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"need 0 < top_p <= 1, got {self.top_p:g}")
        if not -(2**63) <= self.seed < 2**63:
            raise ValueError(f"need a seed of 64 bits, got {self.seed}")
        for name, most in _MOST.items():
            value = getattr(self, name)
            if value is not None and not 0 < value <= most:
                raise ValueError(f"need 0 < {name} <= {most}, got {value}")
