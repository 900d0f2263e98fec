"""What sampling one step ahead gains over waiting, with stated latencies in place of a model and an engine.

    python -m rl.grpo.early_rollouts_benchmark [--steps 20] [--second 0.1] [--spread 0.3] [--train 1] [--sample 0.5,1]

`rl.grpo.early_rollouts` itself samples ahead; a batch of rollouts and its update are sleeps, whose lengths are given in
units of `--second`. With s for the rollouts and t for the update, waiting takes s + t a step, sampling ahead the
longer of both, so that 2 is the most there is, and 1.9 is there only where they differ by a tenth or less. Rollouts of
unequal length (`--spread`, the deviation of the logarithm of s) cost more, for each step waits for the longer one.
Nothing here is a figure of a GPU: sending weights takes no time, and engine and update do not slow each other.
"""

from agent.ending import check_arguments_first, end_process
from rl.grpo.benchmark_arguments import make_early_parser

if __name__ == "__main__":  # before torch is imported
    check_arguments_first("rl.grpo.early_rollouts_benchmark", make_early_parser(__doc__))

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.trajectory import Question, Trajectory, VideoFacts
from evals.runner.run_file import Key
from rl.grpo.early_rollouts import EarlyRollouts
from rl.sampling.sampler import Rollout


@dataclass(frozen=True)
class SimulatedGain:
    """Seconds of the same steps, made in both ways."""

    waiting: float
    ahead: float
    expected: float
    """The ratio that the latencies allow."""
    staleness: float
    """Mean age in steps of the weights that sampled."""

    @property
    def ratio(self) -> float:
        """How many times as fast sampling ahead is."""
        return self.waiting / self.ahead


def expect(sampling: Sequence[float], training: float) -> float:
    """The ratio that is possible: the first batch has nothing to be sampled beside, the last update nothing to sample.

    Args:
        sampling: seconds of each step's rollouts.
        training: seconds of an update.
    """
    ahead = sampling[0] + sum(max(training, one) for one in sampling[1:]) + training
    return (sum(sampling) + len(sampling) * training) / ahead


def simulate(sampling: Sequence[float], training: float) -> SimulatedGain:
    """Makes the same steps by waiting and by sampling ahead; arguments as of `expect`."""

    def play(keys: Sequence[Key]) -> list[Rollout]:
        time.sleep(sampling[keys[0][1]])
        return [Rollout(Trajectory(Question("v", "What?", id=name), _FACTS, sample=n), None) for name, n in keys]

    begun = time.perf_counter()
    for step in range(len(sampling)):
        play([("q", step)])
        time.sleep(training)
    waiting = time.perf_counter() - begun
    early, ages, begun = EarlyRollouts(play), list[int](), time.perf_counter()
    for step in range(len(sampling)):
        early.wait()
        taken = early.take([("q", step)])
        _, weights = (play([("q", step)]), step) if taken is None else taken
        ages.append(step - weights)
        if step + 1 < len(sampling):
            early.start([("q", step + 1)], step)
        time.sleep(training)
    ahead = time.perf_counter() - begun
    return SimulatedGain(waiting, ahead, expect(sampling, training), float(np.mean(ages)))


def draw_seconds(mean: float, spread: float, steps: int) -> list[float]:
    """Seconds of each step's rollouts, lognormal, and the same ones in every call.

    Args:
        mean: their mean.
        spread: deviation of their logarithm.
        steps: how many there are.
    """
    normal = np.random.default_rng(0).standard_normal(steps)
    return list(map(float, mean * np.exp(spread * normal - spread**2 / 2)))


def main(arguments: Sequence[str] | None = None) -> list[SimulatedGain]:
    """Measures and prints the table; gives its rows."""
    given = make_early_parser(__doc__).parse_args(arguments)
    found = []
    print("| rollouts / update | waiting | one step ahead | ratio | possible | age of the weights |")
    print("|---|---|---|---|---|---|")
    for mean in map(float, given.sample.split(",")):
        seconds = draw_seconds(mean * given.second, given.spread, given.steps)
        gain = simulate(seconds, given.train * given.second)
        print(
            f"| {mean / given.train:g} | {gain.waiting:.2f} s | {gain.ahead:.2f} s | {gain.ratio:.2f} | "
            f"{gain.expected:.2f} | {gain.staleness:.2f} |",
            flush=True,
        )
        found.append(gain)
    return found


_FACTS = VideoFacts("", 1.0, 1, 1)


def _command_line() -> None:
    main(sys.argv[1:])


if __name__ == "__main__":
    end_process("rl.grpo.early_rollouts_benchmark", _command_line)
