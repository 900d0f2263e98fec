"""What would be answered by who knows the published answers."""

from evals.benchmarks.item import Item, RawAnswer


def gold_reply(item: Item) -> RawAnswer:
    """What a perfect answer would be; ValueError where it isn't published."""
    if item.gold is None:
        raise ValueError(f"the answer of {item.id} is not published")
    return RawAnswer(item.right, item.gold, item.evidence_seconds)
