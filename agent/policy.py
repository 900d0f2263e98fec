"""The Policy protocol, a function from a trajectory to the next turn, and the options of a model behind it."""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol

from agent.prompts import prompt_hash
from agent.trajectory import Form, Setup, Trajectory, Turn
from tools.deadline import OutOfTime, deadline, run_in_time
from tools.observation import FrameRef, Observation
from tools.schema import ToolSpec


class ToolRunner(Protocol):
    """What a step needs of a toolbox."""

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """What the tool brings; ToolError for a mistake of the policy."""
        ...


DOWNLOAD = "VIDEOSLEUTH_DOWNLOAD"
"""Environment variable: `yes` allows the model of a policy to be downloaded unasked."""


class ToolAccess(Protocol):
    """What a policy may see of a video: its tools by name, and the pictures behind the references."""

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools that can be called."""
        ...

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference, always the same bytes for the same one; None where the frame is damaged."""
        ...


class Tools(ToolRunner, ToolAccess, Protocol):
    """The tools of a video: they run, and what they show can be seen."""


class Policy(Protocol):
    """Decides the next move from the whole record so far, and from nothing else."""

    spec: str
    """What `--policy` takes to get this one."""

    @property
    def setup(self) -> Setup | None:
        """How its model is asked; None if it has none."""
        ...

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """The next turn. A reply that can't be read is a Malformed move, never an exception.

        Raises:
            PolicyError: the model can't be reached, or refuses for good.
        """
        ...


class PolicyError(Exception):
    """A policy that can't play on: no server, no key, a refusal. One sentence, for the user to act on."""


class OutOfTimeError(PolicyError):
    """The time that the question may take was over before the policy had its turn."""


_LATE_SECONDS = 1.0
"""A policy that looks at its time itself, as `http` does, may end so late and say more about why."""


def turn_in_time(trajectory: Trajectory, policy: Policy, sight: ToolAccess) -> Turn:
    """The policy's next turn; one that does not keep the time limit is left behind.

    Raises:
        PolicyError: the model can't be reached, or refuses for good; an OutOfTimeError if it was too late.
    """
    limit = trajectory.limits.max_seconds
    with deadline(math.inf if limit is None else limit - trajectory.seconds):
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
"""What is more is a slip of the keyboard; infinity and NaN never come through."""


SAMPLES_TEMPERATURE = 0.7
"""Of several samples where none is given; the usual value for self-consistency (Wang et al. 2022, section 3.1)."""


@dataclass(frozen=True)
class PolicyOptions:
    """How to ask a model. The defaults are the ones that results are reported with."""

    temperature: float = 0.0
    """0 is greedy, the same reply each time as far as the engine can."""
    top_p: float = 1.0
    seed: int = 0
    max_reply_tokens: int = 1024
    """Of one turn, thinking included."""
    max_frame_pixels: int = 1280 * 720
    """A picture with more pixels is sent smaller, and said to be. Frames are 640x360 unless more is asked for."""
    max_pictures: int | None = None
    """Pictures a request; None is no limit. Past it the oldest are left out for their text, in blocks."""
    tools: Literal["auto", "native", "text"] = "auto"
    """Tool calls by the server's own API, or as JSON in the text; auto takes the first where it works."""
    timeout_seconds: float = 120.0
    """Of one request, without a sign of life."""
    max_request_seconds: float = 1800.0
    """Of one request in all, whatever a server sends: room for 1,024 tokens at less than one a second."""
    concurrency: int = 8
    """Requests at the same time."""
    adapter: str = ""
    """Folder of a LoRA adapter, or the name of one that comes with the package, for models in process."""

    def for_samples(self, samples: int) -> "PolicyOptions":
        """The same for so many samples, which need some chance: without it they would all give the same answer."""
        is_greedy = samples > 1 and self.temperature == 0
        return replace(self, temperature=SAMPLES_TEMPERATURE) if is_greedy else self

    def seed_of(self, trajectory: Trajectory) -> int:
        """The seed of the next request of a run: each run of the same question has its own."""
        return self.seed + trajectory.sample

    def setup(
        self,
        form: Form,
        *,
        sees_pictures: bool = True,
        left_out: tuple[str, ...] = (),
        adapted: tuple[str, ...] = (),
    ) -> Setup:
        """What a run records of them."""
        return Setup(
            form=form,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            max_reply_tokens=self.max_reply_tokens,
            max_frame_pixels=self.max_frame_pixels,
            max_pictures=self.max_pictures,
            prompt_hash=prompt_hash(),
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
