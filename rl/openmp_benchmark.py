"""What OpenMP's workers of other threads cost a model that generates: `python -m rl.openmp_benchmark [--rows N]`.

Twenty threads compute once and wait, as runs do whose turn it is not; then a batch is generated, alternately with the
workers of the twenty kept and dismissed. Prints both medians and their ratio, for SmolLM2 in bfloat16.
"""

from agent.ending import check_arguments_first, end_process
from rl import command_lines

if __name__ == "__main__":  # before torch is imported
    check_arguments_first("rl.openmp_benchmark", command_lines.make_openmp_parser(__doc__))

import random
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from agent.policies.local.token_sampling import SamplingParams
from agent.policies.transformers import Prompt
from agent.policy import PolicyOptions
from agent.rendering.tokens import Tokens
from rl.sampling.bf16_copy import HalfPolicy
from tools.runtime.openmp import release_openmp_threads

_OTHERS = 20
"""Number of other threads that have computed before."""
_BEGINNING, _PROMPT, _REPLY = 560, 1000, 40
"""Number of tokens of the prefix of all prompts, of a prompt, and of the longest reply."""


def main(rows: int, repeats: int, model: str) -> tuple[list[float], list[float]]:
    """Seconds of each batch, with the OpenMP workers of other threads kept and released.

    Args:
        rows: prompts of a batch.
        repeats: batches of each kind.
        model: folder or hub id of the model.
    """
    policy = HalfPolicy(model, PolicyOptions(max_reply_tokens=_REPLY, temperature=1.0))
    prompts = _make_prompts(rows, policy.model.config.vocab_size)
    policy.generate(prompts)
    kept: list[float] = []
    dismissed: list[float] = []
    with ThreadPoolExecutor(_OTHERS) as pool:
        for _ in range(repeats):
            _run_in_each(pool, _compute)
            kept.append(_time_work(lambda: policy.generate(prompts)))
            _run_in_each(pool, release_openmp_threads)
            dismissed.append(_time_work(lambda: policy.generate(prompts)))
    return kept, dismissed


def _make_prompts(rows: int, vocabulary: int) -> list[Prompt]:
    draw, ids = random.Random(0), range(vocabulary)
    beginning = draw.choices(ids, k=_BEGINNING)
    none, no = (None,) * _PROMPT, (False,) * _PROMPT
    return [
        Prompt(
            Tokens(tuple(beginning + draw.choices(ids, k=_PROMPT - _BEGINNING)), no, none, no),
            (),
            SamplingParams(1.0, 1.0, row),
        )
        for row in range(rows)
    ]


def _run_in_each(pool: ThreadPoolExecutor, work: Callable[[], object]) -> None:
    """Runs the work once in every thread of the pool."""
    meet = threading.Barrier(_OTHERS)

    def one() -> None:
        meet.wait()
        work()

    for done in [pool.submit(one) for _ in range(_OTHERS)]:
        done.result()


def _compute() -> None:
    torch.ones(1000, 1000).exp()


def _time_work(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _command_line(arguments: Sequence[str] | None = None) -> int:
    given = command_lines.make_openmp_parser(__doc__).parse_args(arguments)
    kept, dismissed = (statistics.median(times) for times in main(given.rows, given.repeats, given.model))
    print(
        f"{given.rows} rows: {kept:.1f} s with workers kept, {dismissed:.1f} s dismissed, {kept / dismissed:.2f} times"
    )
    return 0


if __name__ == "__main__":
    end_process("rl.openmp_benchmark", _command_line)
