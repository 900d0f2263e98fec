"""Report section: which questions need their video, and its order, by VBenchComp's split.

A policy of the report votes if it was run without a control, blind, and with shuffled frames; all votes must agree.
"""

from collections.abc import Sequence

from evals.report.section import NOT_MEASURED, ReportTable, Section, format_share
from evals.report.stored_run import StoredRun
from evals.statistics.breakdown import break_down
from evals.statistics.splits import KEY, LABELS, LabelSplit, Probed, Rule, VoterAnswer, label_rows, split_questions

_SHOWN: dict[str, Probed] = {"": "full", "blind": "blind", "shuffled-frames": "shuffled"}
"""Kind of vote that runs under each control give; other controls give none."""
_CHOICES = 4
"""Number of options for which the chance of a lucky label is stated."""


def needs_video(runs: Sequence[StoredRun]) -> Section | None:
    """A section with a table for each set that has votes; None where none has."""
    tables, notes = [], []
    for key in dict.fromkeys(run.set_key for run in runs):
        theirs = [run for run in runs if run.set_key == key]
        probed = _gather_votes(theirs)
        if not probed:
            continue
        found = split_questions([probe for votes in probed for probe in votes], Rule(len(probed), len(probed)))
        tables.append(_table(theirs, found))
        notes.append(
            f"{theirs[0].set_name}: {len(probed)} votes, all needed ({', '.join(found.voters)}). Guessing alone makes "
            f"{100 * found.rule.luck(_CHOICES):.1f} % of questions with {_CHOICES} options LLM-answerable."
        )
    if not tables:
        return None
    lede = (
        "LLM-answerable: right without the video. Semantic: right with it, whatever the order of its frames. Temporal: "
        "right only in order. Labels hang on who voted."
    )
    return Section("needs-video", "What the questions need", lede, tuple(tables), tuple(notes))


def _gather_votes(runs: Sequence[StoredRun]) -> list[list[VoterAnswer]]:
    """Votes of each policy that has all three kinds of run, from the first run of each."""
    by_policy: dict[str, dict[Probed, StoredRun]] = {}
    for run in runs:
        if (shown := _SHOWN.get(run.control)) is not None:
            by_policy.setdefault(run.manifest.terms.policy, {}).setdefault(shown, run)
    whole = {policy: found for policy, found in by_policy.items() if len(found) == len(_SHOWN)}
    return [
        [
            VoterAnswer(row.question, policy, 0, shown, None if row.value is None else row.value == 1.0)
            for shown, run in found.items()
            for row in run.rows
            if row.run == 0
        ]
        for policy, found in whole.items()
    ]


def _table(runs: Sequence[StoredRun], found: LabelSplit) -> ReportTable:
    lines = {run.label: {x.label: x for x in break_down(label_rows(run.rows, found), KEY, LABELS)} for run in runs}
    counts = {label: sum(given == label for given in found.labels.values()) for label in LABELS}
    rows = tuple(
        (
            label,
            str(counts[label]),
            *(format_share(of[label].estimate) if label in of else NOT_MEASURED for of in lines.values()),
        )
        for label in LABELS
    )
    return ReportTable(("", "questions", *lines), rows, runs[0].set_name)
