"""Outcomes as plain Markdown, ready for a results page: every share with its n and its interval."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.trajectory import Trajectory
from evals.bootstrap import Estimate, clustered_mean, paired_difference
from evals.controls.baselines import chance
from evals.example import Example
from evals.scoring import Score, evidence_hit, evidence_iou, score


@dataclass(frozen=True)
class Outcome:
    """One example and how it went."""

    example: Example
    trajectory: Trajectory
    score: Score

    @property
    def hit(self) -> bool | None:
        """Whether the evidence meets the reference; None without reference or where it is not scored."""
        return None if self.score.value is None else evidence_hit(self.example, self.trajectory.answer)

    @property
    def iou(self) -> float | None:
        """Overlap of evidence and reference; None without reference or where it is not scored."""
        return None if self.score.value is None else evidence_iou(self.example, self.trajectory.answer)


def outcomes(examples: Sequence[Example], trajectories: Mapping[str, Trajectory]) -> tuple[Outcome, ...]:
    """The examples that were run, scored."""
    return tuple(
        Outcome(example, played, score(example, played))
        for example in examples
        if (played := trajectories.get(example.question.id)) is not None
    )


def accuracy_table(main: Sequence[Outcome], controls: Mapping[str, Sequence[Outcome]]) -> str:
    """Accuracy overall, by kind of question and by need, with chance and the controls beside it."""
    needs = sorted({need for outcome in main for need in outcome.example.needs})
    groups: list[tuple[str, Callable[[Example], bool]]] = [
        ("all", lambda e: True),
        ("multiple choice", lambda e: bool(e.question.options)),
        ("open", lambda e: not e.question.options),
        *((f"`{need}`", lambda e, need=need: need in e.needs) for need in needs),
    ]
    header = ["questions", "n", "videos", "right", "95 % interval", "random", *controls]
    rows = [
        _accuracy_row(name, [o for o in main if holds(o.example)], [_of(c, holds) for c in controls.values()])
        for name, holds in groups
    ]
    return markdown(header, [row for row in rows if row])


def _of(control: Sequence[Outcome], holds: Callable[[Example], bool]) -> list[Outcome]:
    return [outcome for outcome in control if holds(outcome.example)]


def _accuracy_row(name: str, group: Sequence[Outcome], controls: Sequence[Sequence[Outcome]]) -> list[str]:
    if not group:
        return []
    estimate = _share(group, lambda o: o.score.value)
    if estimate is None:
        return [name, "0", "", "not scored", "", percent(chance([o.example for o in group])), *[""] * len(controls)]
    others = [_share(control, lambda o: o.score.value) for control in controls]
    return [
        name,
        str(estimate.n),
        str(estimate.clusters),
        percent(estimate.mean),
        interval(estimate),
        percent(chance([o.example for o in group])),
        *(percent(other.mean) if other else "not measured" for other in others),
    ]


def evidence_table(main: Sequence[Outcome], controls: Mapping[str, Sequence[Outcome]]) -> str:
    """How often the evidence meets the reference, and how tightly."""
    rows = []
    for name, group in (("this policy", main), *controls.items()):
        for what, value in (
            ("evidence hit rate", lambda o: None if o.hit is None else float(o.hit)),
            ("evidence overlap (IoU)", lambda o: o.iou),
        ):
            estimate = _share(group, value)
            if estimate is not None:
                rows.append([what, name, str(estimate.n), percent(estimate.mean), interval(estimate)])
    return markdown(["", "", "n", "mean", "95 % interval"], rows)


def cost_table(main: Sequence[Outcome]) -> str:
    """What a question cost, how often the policy abstained, and what could not be scored."""
    played = [outcome.trajectory for outcome in main]
    answers = [t.answer for t in played if t.answer is not None]
    counts = [
        ["answered", str(len(answers) - sum(a.not_shown for a in answers))],
        ['abstained ("not shown")', str(sum(a.not_shown for a in answers))],
        ["no answer", str(sum(o.trajectory.answer is None and o.score.value is not None for o in main))],
        ["broken off, not scored", str(sum(o.score.value is None for o in main))],
    ]
    costs = [
        # the first question of a video pays for its transcript and its screen text: the mean says so, the median not
        ["seconds, indexing not included", *_spread([t.seconds for t in played], 1)],
        ["turns", *_spread([t.turns for t in played], 1)],
        ["frames", *_spread([len(t.frames_seen) for t in played], 1)],
        ["tokens", *_spread([n for t in played if (n := t.tokens) is not None], 0)],
    ]
    return (
        markdown(["outcome", "questions"], counts) + "\n\n" + markdown(["a question", "mean", "median", "most"], costs)
    )


def difference_sentences(main: Sequence[Outcome], controls: Mapping[str, Sequence[Outcome]]) -> str:
    """The paired difference to each control, over the questions that both were scored on."""
    lines = []
    for name, control in controls.items():
        theirs = {o.example.question.id: o.score.value for o in control}
        pairs = [
            (o.score.value, other, o.example.cluster)
            for o in main
            if o.score.value is not None and (other := theirs.get(o.example.question.id)) is not None
        ]
        if not pairs:
            continue
        first, second, clusters = zip(*pairs, strict=True)
        estimate = paired_difference(first, second, clusters)
        lines.append(f"- Over {name}: {100 * estimate.mean:+.1f} points {interval(estimate)}, n = {estimate.n}.")
    return "\n".join(lines)


def _share(group: Sequence[Outcome], value: Callable[[Outcome], float | None]) -> Estimate | None:
    measured = [(v, o.example.cluster) for o in group if (v := value(o)) is not None]
    return clustered_mean([v for v, _ in measured], [c for _, c in measured]) if measured else None


def _spread(values: Sequence[float], digits: int) -> list[str]:
    """Mean, median and most."""
    if not values:
        return ["not measured"] * 3
    return [f"{value:.{digits}f}" for value in (statistics.mean(values), statistics.median(values), max(values))]


def percent(share: float) -> str:
    """A share as `62.5 %`."""
    return f"{100 * share:.1f} %"


def interval(estimate: Estimate) -> str:
    """The interval as `[50.1, 74.9]`, in percent."""
    if estimate.low is None or estimate.high is None:
        return "none: one video" if estimate.clusters < 2 else "none"
    return f"[{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns line up in plain text too."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
