"""Runs tasks one after the other or concurrently, each through the same graph as `agent ask`.

Whatever happens to one question becomes its row: a video that can't be opened and a bug of ours are data, and the next
question is run. Only Ctrl-C and a full disk end a run.
"""

import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agent.limits import QuestionBudget
from agent.loop.ask import ask, measure_length
from agent.loop.modes import Mode
from agent.policy import Policy
from agent.trajectory import ExampleRun, Limits, Stop, Strategy, Trajectory, VideoFacts, Vote
from evals.controls.blind import no_video
from evals.controls.control import AS_IT_IS, NO_VIDEO, Control, ControlledQuestion, PolicyInputs, open_view
from evals.datasets.dataset import DatasetEntry
from evals.datasets.sources import Opened, Source
from evals.runner.run_file import Key
from evals.runner.shared_toolboxes import SharedToolboxes
from tools.cache import CacheError
from tools.runtime.openmp import release_openmp_threads
from tools.toolbox import Toolbox, make_toolbox
from tools.video.source import VideoSource
from tools.vision.captioner import Captioner, CaptionModel


@dataclass(frozen=True)
class RunSettings:
    """Policy, limits, control and options by which every question of a run is run."""

    policy: Policy
    limits: Limits
    control: Control = AS_IT_IS
    mode: Mode | None = None
    samples: int = 1
    """Samples that vote on each answer; 1 is one run without a vote."""
    verify: bool = True
    encoder: str | None = None
    """Encoder of the frame index; None takes the default one."""
    strategy: Strategy = "direct"
    vote: Vote = "majority"
    examples: tuple[ExampleRun, ...] = ()
    captioner: Captioner | CaptionModel | None = None
    """The captioner in place of the packaged one."""
    budget: QuestionBudget | None = None
    """What the limits of a video longer than a clip come from; None has `limits` for all."""


@dataclass(frozen=True)
class Task:
    """One run of one question: what is asked, and the video that is shown."""

    asked: ControlledQuestion
    entry: DatasetEntry
    """Entry of the question in the set."""
    shown: Source
    first_sample: int
    """Number of the first sample, by which the runs of one question differ."""

    @property
    def key(self) -> Key:
        """Key of the task's row: question id and sample number."""
        return self.asked.question.id, self.first_sample


@dataclass(frozen=True)
class NoVideo:
    """A grey clip as the source of questions that are asked without their video."""

    name: str = NO_VIDEO

    def problem(self) -> str | None:
        """None: a grey clip can always be opened."""
        return None

    def open(self, scratch: Path) -> Opened:
        """Opens the grey clip, which is as long for every question."""
        return Opened(no_video())


def make_tasks(
    asked: Sequence[ControlledQuestion],
    entries: Sequence[DatasetEntry],
    runs: int = 1,
    seeds_a_run: int = 1,
) -> tuple[Task, ...]:
    """The tasks of a run, ordered by video, so that each video is opened once.

    Args:
        asked: the questions as they are asked.
        entries: all entries of the set, since a control may show the video of any of them.
        runs: runs of each question.
        seeds_a_run: seeds that one run of a question may use.
    """
    by_id = {entry.id: entry for entry in entries}
    tasks = [
        Task(one, by_id[one.of], NoVideo() if one.video_of is None else by_id[one.video_of].source, number)
        for number in range(0, runs * seeds_a_run, seeds_a_run)
        for one in asked
    ]
    order = {source: number for number, source in enumerate(dict.fromkeys(task.shown for task in tasks))}
    return tuple(sorted(tasks, key=lambda task: order[task.shown]))


def run_tasks(
    tasks: Sequence[Task],
    settings: RunSettings,
    keep: Callable[[Task, Trajectory], None],
    *,
    concurrency: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Runs all tasks.

    Args:
        tasks: the tasks.
        settings: how each is run.
        keep: gets each trajectory as it ends, from several threads where several tasks run at once.
        concurrency: tasks at the same time.
        say: prints a line of progress.

    Raises:
        KeyboardInterrupt: Ctrl-C. Tasks in other threads are run to their end and kept.
        CacheError: the disk is full, or may not be written.
    """
    with tempfile.TemporaryDirectory() as scratch:

        def opened(source: Source) -> Toolbox:
            return _open_toolbox(source, settings, Path(scratch), say)

        with closing(SharedToolboxes((task.shown for task in tasks), opened)) as toolboxes:
            _run_each(lambda task: keep(task, _run_task(task, settings, toolboxes)), tasks, concurrency)


def _open_toolbox(source: Source, settings: RunSettings, scratch: Path, say: Callable[[str], None]) -> Toolbox:
    say(f"opening {source.name}")
    opened = source.open(scratch)
    toolbox = make_toolbox(
        opened.footage, encoder=settings.encoder, subtitles=opened.subtitles, captioner=settings.captioner
    )
    try:  # every question finds the same index, and none pays for it
        toolbox.index.wait_tiled()
    except BaseException:
        toolbox.close()
        raise
    return toolbox


def _run_each(work: Callable[[Task], None], tasks: Sequence[Task], concurrency: int) -> None:
    """Works on tasks concurrently; with `concurrency` 1 in this thread, where Ctrl-C stops a question at once."""
    if concurrency == 1:
        for task in tasks:
            work(task)
        return
    release_openmp_threads()  # this thread has loaded the model, and waits from here on
    pool = ThreadPoolExecutor(concurrency)
    try:
        for done in as_completed([pool.submit(work, task) for task in tasks]):
            done.result()
    finally:  # after Ctrl-C too: running tasks end and are kept, and none begins
        pool.shutdown(cancel_futures=True)


def _run_task(task: Task, settings: RunSettings, toolboxes: SharedToolboxes[Source]) -> Trajectory:
    budget = settings.budget
    try:
        with toolboxes.use(task.shown) as toolbox, _open_view(task, settings, toolbox) as shown:
            trajectory = ask(
                task.asked.question,
                shown.tools,
                settings.policy,
                settings.limits if budget is None else budget.for_length(measure_length(shown.tools)),
                verify=settings.verify,
                mode=shown.mode or settings.mode,
                opening=shown.opening,
                sample=task.first_sample,
                samples=settings.samples,
                strategy=settings.strategy,
                vote=settings.vote,
                examples=settings.examples,
                effort="medium" if budget is None else budget.effort,
            )
    except CacheError:  # a full disk is the user's to mend, and every other question would meet it too
        raise
    except Exception as bug:  # the runner's boundary, as the graph has its own: one question is not the end of a run
        trajectory = make_crashed(task, settings.policy.spec, settings.limits, "".join(traceback.format_exception(bug)))
    if trajectory.stop is Stop.INTERRUPTED:
        raise KeyboardInterrupt
    return replace(trajectory, sample=task.first_sample)


def make_crashed(task: Task, policy: str, limits: Limits, why: str) -> Trajectory:
    """The trajectory of a question of which nothing is known but why it crashed.

    Args:
        task: the question.
        policy: spec of the policy.
        limits: limits of the run.
        why: the error.
    """
    nothing_known = VideoFacts("", 0.0, 0, 0)
    crashed = Trajectory(task.asked.question, nothing_known, policy=policy, limits=limits).ended(Stop.CRASHED, why)
    return replace(crashed, sample=task.first_sample)


@contextmanager
def _open_view(task: Task, settings: RunSettings, toolbox: Toolbox) -> Iterator[PolicyInputs]:
    def over(footage: VideoSource) -> Toolbox:
        return make_toolbox(footage, encoder=settings.encoder, captioner=settings.captioner)

    is_model = settings.policy.setup is not None
    with open_view(settings.control, task.entry.subject, toolbox, over, is_model=is_model) as shown:
        yield shown
