"""Work shared out over the machines of a Ray cluster, each of which sees files and the cache under the paths of here.

What a worker had that died is worked on again by another; of each item comes one result.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from tools.cache import find_cache_root
from tools.observation import MissingPartError
from tools.packaged_weights import is_installed, make_install_command

RETRIES = 3
"""Times that work is tried again whose worker died."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class LostWork:
    """In place of a result: every worker that had the item died."""

    why: str


@contextmanager
def open_ray(address: str) -> Iterator[Any]:
    """The module `ray`, connected to a cluster until the context ends.

    Args:
        address: where the cluster is, as `ray.init` takes it; `local` starts one here, which ends with the context.

    Raises:
        ValueError: there is no such cluster.
        MissingPartError: Ray is not installed.
    """
    if not is_installed("ray"):
        raise MissingPartError(f"Ray is not installed: run `{make_install_command('ray')}`")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray: Any = import_module("ray")
    known = {name: value for name, value in os.environ.items() if name.startswith("VIDEOSLEUTH_")}
    known |= {"VIDEOSLEUTH_CACHE": str(find_cache_root()), "PYTHONPATH": str(Path(__file__).parents[2])}
    local = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address, runtime_env={"env_vars": known}, log_to_driver=False, logging_level="ERROR", **local)
    except Exception as error:  # Ray has no type of its own for a node that does not come up in time, or at all
        raise ValueError(f"no Ray cluster answers at {address}: {error}") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def work_off(
    work: Callable[[Item], Result], items: Iterable[Item], address: str
) -> Iterator[tuple[Item, Result | LostWork]]:
    """Works on items as tasks of a cluster, one CPU each; gives each with its result, in the order in which they end.

    Args:
        work: a function of a module, which runs in the folder of this process.
        items: what can be sent to another process.
        address: address of the cluster; the errors of `open_ray` come here too.
    """
    with open_ray(address) as ray:
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(_work_in).options(name=work.__name__)
        waiting = {task.remote(work, item, str(Path.cwd())): item for item in items}
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            item = waiting.pop(done)
            try:
                yield item, ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                yield item, LostWork(str(error))


def _work_in(work: Callable[[Item], Result], item: Item, folder: str) -> Result:
    os.chdir(folder)  # relative paths mean what they mean where the command was given
    return work(item)
