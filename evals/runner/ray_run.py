"""Runs the tasks of a run on a Ray cluster: those of one video together, as one task of the cluster.

The rows are written here, as they come back. A worker that dies before its video is done leaves none, so the video is
run again whole, and each question has one row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from agent.trajectory import Trajectory
from evals.runner.run_config import RunConfig
from evals.runner.run_file import key_of
from evals.runner.runner import RunSettings, Task, make_crashed, run_tasks
from tools.runtime.ray_cluster import LostWork, work_off


@dataclass(frozen=True)
class VideoJob:
    """The tasks of one video."""

    config: RunConfig
    tasks: tuple[Task, ...]


def run_on_ray(
    tasks: Sequence[Task], config: RunConfig, keep: Callable[[Task, Trajectory], None], address: str
) -> None:
    """Runs all tasks on the workers of a cluster, each of which opens the policy of the run for itself.

    Args:
        tasks: the tasks, those of a video next to each other.
        config: options of the run; `concurrency` tasks of a video are run at the same time.
        keep: gets each trajectory, in this thread.
        address: where the cluster is, as `ray.init` takes it; `local` starts one here.

    Raises:
        ValueError: there is no such cluster.
        MissingPartError: Ray, or something that the policy needs, is not installed.
        PolicyError: a worker can't have the policy.
        CacheError: the disk is full, or may not be written.
    """
    jobs = [VideoJob(config, tuple(of_video)) for _, of_video in groupby(tasks, key=lambda task: task.shown)]
    for job, found in work_off(run_video, jobs, address):
        by_key = {task.key: task for task in job.tasks}
        if isinstance(found, LostWork):
            why = f"the worker that had it died, again and again: {found.why}"
            found = [make_crashed(task, config.policy, config.limits, why) for task in job.tasks]
        for trajectory in found:
            keep(by_key[key_of(trajectory)], trajectory)


def run_video(job: VideoJob) -> list[Trajectory]:
    """Runs the tasks of one video in this process, in the order in which they end."""
    settings, done = _open_once(job.config), list[Trajectory]()
    run_tasks(job.tasks, settings, lambda _, run: done.append(run), concurrency=job.config.options.concurrency)
    return done


_opened: dict[str, RunSettings] = {}
"""Settings with an open policy, by the options of their run, of which a worker sees one."""


def _open_once(config: RunConfig) -> RunSettings:
    key = repr(config)  # it has dictionaries, and so no hash
    if key not in _opened:
        _opened[key] = config.run_settings(config.open_policy())
    return _opened[key]
