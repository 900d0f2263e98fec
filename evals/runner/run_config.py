"""Options of a run, and what they open: its policy, and the settings by which every question is run."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.cost.estimate import check_cost_limit
from agent.limits import QuestionBudget
from agent.loop.ask import choose_mode
from agent.loop.examples import read_examples
from agent.loop.modes import Mode
from agent.policies.captioner import check_captioner, open_captioner
from agent.policies.registry import open_policy
from agent.policy import Policy, PolicyOptions
from agent.trajectory import Limits, Strategy, Vote
from evals.benchmarks.catalogue import BENCHMARKS
from evals.controls.baselines import TopFrame
from evals.controls.catalogue import ONE_TURN, control_named
from evals.controls.frames import uniform_frames
from evals.datasets.registry import Wording
from evals.runner.runner import RunSettings


@dataclass(frozen=True)
class RunConfig:
    """Options of a run: benchmark, policy, control, limits and folder."""

    benchmark: str
    data: str
    """Folder with the official files; for `clips` also a JSONL file, for `composed` also a recipe."""
    out: Path
    """Folder of the run."""
    policy: str = "lite"
    videos: Path | None = None
    """Folder of the videos of `clips`; beside the questions if None."""
    control: str | None = None
    prompt: Wording = "agent"
    """Whose prompt asks the questions: ours with tools, or the benchmark's own with its frames, in one turn."""
    mode: Mode | None = None
    strategy: Strategy = "direct"
    samples: int = 1
    """Samples that vote on each answer."""
    vote: Vote = "majority"
    examples: Path | None = None
    """Folder of saved runs that were right, of which a model is shown the most similar."""
    captioner: str | None = None
    """Specification of a model that describes windows and is asked about them; None for the packaged captioner."""
    runs: int = 1
    """Runs of each question, each with seeds of its own."""
    limit: int | None = None
    """Number of questions, drawn by the seed; None asks all."""
    verify: bool = True
    """Whether the policy answers a second time from the evidence alone; never under a control."""
    encoder: str | None = None
    """Encoder of the frame index; None takes the default one."""
    limits: Limits = field(default_factory=Limits)
    budget: QuestionBudget | None = None
    """What the limits of a video longer than a clip come from; None has `limits` for all."""
    options: PolicyOptions = field(default_factory=lambda: PolicyOptions(concurrency=1))
    """Sampling options of a model; `concurrency` questions are run at the same time."""
    retry_failed: bool = False
    ray: str | None = None
    """Address of the Ray cluster that runs the questions; None for this process."""
    force: bool = False
    """Whether to ask what can be asked in spite of what is wrong with the rest."""

    def __post_init__(self) -> None:
        for name in ("samples", "runs", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"need --{name} >= 1, got {value}")
        way = f"--mode {self.mode}" if self.mode else "" if self.strategy == "direct" else f"--strategy {self.strategy}"
        if self.prompt == "published" and (way or self.control not in (None, *ONE_TURN)):
            refused = way or f"--control {self.control}"
            raise ValueError(f"the published prompt is sent in one turn with frames and no tools: leave {refused} out")

    def open_policy(self) -> Policy:
        """The policy, open.

        Raises:
            ValueError: there is no such policy.
            MissingPartError: a package that it needs is not installed.
            PolicyError: its model can't be had.
        """
        return TopFrame() if self.policy == TopFrame.spec else open_policy(self.policy, self.options)

    def run_settings(self, policy: Policy) -> RunSettings:
        """The settings by which every question is run with a policy.

        Raises:
            ValueError: the policy or the captioner can't be run so, or would give the same answer in all samples or
                runs.
            PolicyError: the captioner's model can't be had.
        """
        choose_mode(policy, self.mode)
        if self.captioner is not None and policy.setup is None:
            raise ValueError(f"{policy.spec} is no language model: --captioner is for models")
        captioner = None if self.captioner is None else open_captioner(self.captioner, policy)
        check_captioner(captioner, self.mode, self.limits)
        if self.strategy != "direct" and policy.setup is None:
            raise ValueError(f"{policy.spec} is no language model: --strategy is for models")
        check_cost_limit(policy, self.limits)
        if max(self.samples, self.runs) > 1 or self.strategy == "uncertain":
            if policy.setup is None:
                raise ValueError(f"{policy.spec} answers the same each time: --samples and --runs are for models")
            if self.options.temperature == 0:
                raise ValueError("with --temperature 0 all runs are the same: give one above it, e.g. 0.7")
        control, verify = control_named(self.control), self.verify and self.control is None
        if self.prompt == "published":
            if policy.setup is None:
                raise ValueError(f"{policy.spec} reads no prompt: --prompt published is for models")
            if self.control is None:
                control = replace(control, give=uniform_frames(BENCHMARKS[self.benchmark].frames))
        return RunSettings(
            policy,
            self.limits,
            control,
            self.mode,
            self.samples,
            verify,
            self.encoder,
            strategy=self.strategy,
            vote=self.vote,
            budget=self.budget,
            captioner=captioner,
            examples=() if self.examples is None else read_examples(self.examples),
        )
