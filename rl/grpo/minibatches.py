"""How the rows of a batch of rollouts are shared by processes, by updates, and by what is computed at once."""

from dataclasses import dataclass

from rl.grpo.config import Training


@dataclass(frozen=True)
class BatchShare:
    """What one process does with the rollouts of a batch; a micro-batch is what goes through the model at once."""

    batch: int
    """Micro-batches of all rollouts."""
    update: int
    """Micro-batches whose gradients are added up for one update."""


def share_batch(training: Training, processes: int) -> BatchShare:
    """The share of each process.

    Rows keep the log-probabilities that they had before the first update: with several minibatches, or passes, TRL
    computes them when the rollouts are there, and clips the ratio to them (arXiv 1707.06347, equation 7).

    Raises:
        ValueError: the rows can't be shared evenly.
    """
    rows, at_once = training.questions * training.generations, training.rows_at_once * processes
    if rows % at_once:
        raise ValueError(
            f"{rows} rows a step can't be shared by {processes} processes that put {training.rows_at_once} through the "
            "model at once: their product must divide them"
        )
    batch, minibatches = rows // at_once, training.update.minibatches
    if batch % minibatches:
        raise ValueError(
            f"{rows} rows a step are {batch} parts in each of {processes} processes, which {minibatches} minibatches "
            "can't share: make them a divisor"
        )
    return BatchShare(batch, batch // minibatches)
