"""Numbers over many questions, in percent: mean score, share that could be read, and one mean for each group."""

from collections.abc import Callable, Mapping, Sequence

from evals.benchmarks.benchmark import Profile
from evals.benchmarks.item import Item
from evals.scoring import Score

Scorer = Callable[[Item, str | None, Profile], Score]
Metrics = Callable[[Sequence[Item], Mapping[str, str], Profile], dict[str, float]]


def percent(values: Sequence[float | None]) -> float | None:
    """The mean of those that are scored; None where none is."""
    scored = [value for value in values if value is not None]
    return 100 * sum(scored) / len(scored) if scored else None


def score_metrics(score: Scorer, *, task_mean: str = "") -> Metrics:
    """`accuracy`, `coverage`, `accuracy key=label` for each group; `mean over KEY` where papers report that, too.

    What has no scored question is not in the result.
    """

    def metrics(items: Sequence[Item], said: Mapping[str, str], profile: Profile) -> dict[str, float]:
        scores = {item.id: score(item, said.get(item.id), profile) for item in items}
        found: dict[str, float | None] = {
            "accuracy": percent([s.value for s in scores.values()]),
            "coverage": percent([float(bool(s.extracted)) for s in scores.values()]),
        }
        labels = dict.fromkeys(group for item in items for group in item.groups)
        for key, label in labels:
            values = [scores[item.id].value for item in items if (key, label) in item.groups]
            found[f"accuracy {key}={label}"] = percent(values)
        if task_mean:
            means = [m for (key, x) in labels if key == task_mean and (m := found[f"accuracy {key}={x}"]) is not None]
            found[f"mean over {task_mean}"] = sum(means) / len(means) if means else None
        return {name: value for name, value in found.items() if value is not None}

    return metrics
