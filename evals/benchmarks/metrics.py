"""Metrics over many questions, in percent: mean score, share that could be read, and a mean for each group."""

from collections.abc import Callable, Mapping, Sequence

from evals.benchmarks.benchmark import Profile
from evals.benchmarks.item import Item
from evals.scoring.scoring import Score

Scorer = Callable[[Item, str | None, Profile], Score]
Metrics = Callable[[Sequence[Item], Mapping[str, str], Profile], dict[str, float]]


def percent(values: Sequence[float | None]) -> float | None:
    """Mean of the scored values, in percent; None where none is scored."""
    scored = [value for value in values if value is not None]
    return 100 * sum(scored) / len(scored) if scored else None


def score_metrics(score: Scorer, *, task_mean: str = "", within: str = "") -> Metrics:
    """Makes a function of the metrics `accuracy`, `coverage`, and `accuracy key=label` for each group with scores.

    Args:
        score: the score function of a benchmark.
        task_mean: key for which `mean over KEY`, which papers report, is added; empty for none.
        within: key within whose labels each other group is added, as `accuracy duration=long domain=Law`.
    """

    def metrics(items: Sequence[Item], said: Mapping[str, str], profile: Profile) -> dict[str, float]:
        scores = {item.id: score(item, said.get(item.id), profile) for item in items}
        found: dict[str, float | None] = {
            "accuracy": percent([s.value for s in scores.values()]),
            "coverage": percent([float(bool(s.extracted)) for s in scores.values()]),
        }
        by_group: dict[str, list[float | None]] = {}
        labels = dict.fromkeys(group for item in items for group in item.groups)
        for item in items:
            for name in _names(item, within):
                by_group.setdefault(name, []).append(scores[item.id].value)
        found |= {f"accuracy {name}": percent(values) for name, values in by_group.items()}
        if task_mean:
            means = [m for (key, x) in labels if key == task_mean and (m := found[f"accuracy {key}={x}"]) is not None]
            found[f"mean over {task_mean}"] = sum(means) / len(means) if means else None
        return {name: value for name, value in found.items() if value is not None}

    return metrics


def _names(item: Item, within: str) -> list[str]:
    names = [f"{key}={label}" for key, label in item.groups]
    outer = [name for name in names if name.startswith(f"{within}=")] if within else []
    return [*names, *(f"{name} {other}" for name in outer for other in names if other not in outer)]
