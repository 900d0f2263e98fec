"""The plots of a training by subject: only what its log measured, so that old logs are drawn too."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evals.plots.chart import COLOURS
from rl.monitor.curves import Bars, Curve, Lines, Panel
from rl.monitor.log import PARTS, Row, own_share, read_number, rollout_share, select_known

_TURN = "runs/readable_turn_"


@dataclass(frozen=True)
class PanelGroup:
    """A subject of the page with its plots."""

    title: str
    lede: str
    panels: tuple[Panel, ...]


def make_subjects(rows: Sequence[Row]) -> tuple[PanelGroup, ...]:
    """The subjects of a log that have at least one plot."""
    found = (
        PanelGroup(
            "Reward", "What the runs are worth by the preset, the policy being trained to raise it.", _reward(rows)
        ),
        PanelGroup("Tools", "Whether it looks before it answers. This is what collapses first.", _tools(rows)),
        PanelGroup("Form", "Whether its turns can be read, and how long they are.", _form(rows)),
        PanelGroup("Learning", "Whether there is anything to learn from, and how the weights move.", _learning(rows)),
        PanelGroup("Time", "What a step's seconds go into, on the clock of the first process.", _time(rows)),
    )
    return tuple(subject for subject in found if subject.panels)


def _reward(rows: Sequence[Row]) -> tuple[Panel, ...]:
    names = sorted({name for row in rows for name in row if name.startswith("score/")})
    parts = [_curve(rows, name, name.removeprefix("score/")) for name in names]
    known_parts = [curve for curve in parts if curve is not None]
    return _without_none(
        _lines(rows, "Score", "score", note="Mean over the runs that count."),
        *(
            Lines(
                "Its components", _colour_curves(known_parts[start : start + COLOURS]), note="Before they are weighed."
            )
            for start in range(0, len(known_parts), COLOURS)
        ),
        _lines(
            rows,
            "Evidence hit",
            "runs/evidence_hit",
            is_share=True,
            note="Share of the answers whose evidence meets the right moment, where that is known.",
        ),
    )


def _tools(rows: Sequence[Row]) -> tuple[Panel, ...]:
    return _without_none(
        _lines(rows, "Tool rate", "runs/with_calls", is_share=True, note="Share of the runs that call any tool."),
        _several(
            rows,
            "Calls a question",
            {"calls": "runs/calls", "repeated": "runs/repeated_calls"},
            note="Repeated: made before with the same arguments.",
        ),
        _lines(
            rows,
            "What tools are worth",
            "runs/tool_gap",
            note="Mean score of runs that call minus that of runs that do not; steps that have both.",
        ),
        _lines(rows, "Pictures a question", "runs/pictures", note="That it was shown, repeats not counted."),
    )


def _form(rows: Sequence[Row]) -> tuple[Panel, ...]:
    numbers = sorted({int(m[1]) for row in rows for name in row if (m := re.fullmatch(_TURN + r"(\d+)", name))})
    turns = {f"turn {number}": f"{_TURN}{number}" for number in numbers[:COLOURS]}
    return _without_none(
        _several(rows, "Parse rate by turn", turns, is_share=True, note="Share of the turns that could be read.")
        or _lines(
            rows, "Parse rate", "runs/readable_turns", is_share=True, note="Share of the turns that could be read."
        ),
        _several(
            rows,
            "Endings",
            {"answered": "runs/answered", "replies cut off": "runs/cut_replies"},
            is_share=True,
            note="Share of the runs that answer, and of the replies that ran into their limit of tokens.",
        ),
        _lines(rows, "Turns a question", "runs/turns"),
        _several(
            rows,
            "Tokens",
            {"a question": "runs/sampled_tokens", "a reply": "runs/reply_tokens"},
            note="That the policy wrote.",
        ),
    )


def _learning(rows: Sequence[Row]) -> tuple[Panel, ...]:
    idle = tuple((step, 1 - share) for step, share in select_known(rows, "groups/teaching"))
    return _without_none(
        Lines(
            "Groups without variance",
            (Curve("groups without variance", idle, 1),),
            is_share=True,
            note="Share of the groups whose runs are all worth the same, before any was replaced.",
        )
        if idle
        else None,
        _several(
            rows,
            "Runs that count, tokens that do",
            {"runs": "runs/counted", "runs trained on": "runs/trained_on", "tokens (mask)": "runs/sampled_share"},
            is_share=True,
            note="The mask leaves the tokens that the policy chose, out of all behind the prompt.",
        ),
        _lines(rows, "Loss", "loss"),
        _lines(rows, "Gradient", "grad_norm", is_log=True, note="Its norm, before it is clipped.")
        or _lines(rows, "Gradient", "norm", is_log=True, note="Its norm, before it is clipped."),
        _lines(rows, "Entropy", "entropy", note="Of the policy, a token, in nats."),
        _lines(rows, "Divergence", "kl", note="From the model as it was (KL), a token."),
        _lines(rows, "Learning rate", "learning_rate"),
    )


def _time(rows: Sequence[Row]) -> tuple[Panel, ...]:
    parts = [name for name in PARTS if select_known(rows, f"seconds/{name}")]
    timed = [row for row in rows if any(read_number(row, f"seconds/{name}") is not None for name in parts)]
    stacked = tuple(
        Curve(name, tuple((row["step"], read_number(row, f"seconds/{name}") or 0.0) for row in timed), number)
        for number, name in enumerate(parts, start=1)
    )
    shares = (("our own code", own_share), ("playing", rollout_share))
    curves = [
        Curve(name, tuple((row["step"], value) for row in timed if (value := share_of(row)) is not None), number)
        for number, (name, share_of) in enumerate(shares, start=1)
    ]
    known_shares = tuple(curve for curve in curves if curve.points)
    return _without_none(
        Bars("Seconds of a step", stacked) if stacked else None,
        Lines(
            "Shares of a step",
            known_shares,
            is_share=True,
            note="Our own code is what the model waits for: tools, decoding, prompts, judging; the goal is under 5 %.",
        )
        if known_shares
        else None,
        None if stacked else _lines(rows, "Seconds of a step", "seconds"),
    )


def _lines(
    rows: Sequence[Row], title: str, name: str, *, is_share: bool = False, is_log: bool = False, note: str = ""
) -> Lines | None:
    curve = _curve(rows, name, title.lower())
    return None if curve is None else Lines(title, (curve,), is_share, is_log, note)


def _several(
    rows: Sequence[Row], title: str, names: dict[str, str], *, is_share: bool = False, note: str = ""
) -> Lines | None:
    found = [_curve(rows, name, told) for told, name in names.items()]
    curves = [curve for curve in found if curve is not None]
    return Lines(title, _colour_curves(curves), is_share, note=note) if curves else None


def _curve(rows: Sequence[Row], name: str, told: str) -> Curve | None:
    points = select_known(rows, name)
    return Curve(told, tuple(points), 1) if points else None


def _colour_curves(curves: Sequence[Curve]) -> tuple[Curve, ...]:
    return tuple(Curve(curve.name, curve.points, number) for number, curve in enumerate(curves, start=1))


def _without_none(*panels: Panel | None) -> tuple[Panel, ...]:
    return tuple(panel for panel in panels if panel is not None)
