"""A leaderboard of stored runs as one static page: who is ahead, how surely, against which controls, and at what cost.

    python -m evals.leaderboard RUN ... --html board.html

A table for each question set. Runs under a control are no entries: blind, one frame and the like stand beside the run
of the same policy, since a score that needs no video is no score. Where two can't be told apart they share a rank.
Every entry has its command and the hashes of data, prompt and weights; predictions are written beside the page, in the
format of `evals.predictions`. Nothing is played.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agent.ending import Parser
from agent.outputs import check_writable, write_output
from evals.command_line import end, quote_command, say
from evals.plots.chart import format_short
from evals.predictions import write_predictions
from evals.report.__main__ import load_runs
from evals.report.page import render_page
from evals.report.section import (
    NOT_MEASURED,
    DrawnInterval,
    Intervals,
    Part,
    ReportTable,
    Section,
    format_points,
    format_share,
    render_markdown,
)
from evals.report.stored_run import StoredRun
from evals.statistics.breakdown import estimate_per_1000_tokens, estimate_per_dollar, summarise_costs
from evals.statistics.paired import compare
from evals.statistics.stats import CONFIDENCE

Say = Callable[[str], None]
_SHOWN = 12
"""Hex digits of a hash that the page shows."""
_COSTS = ("frames", "tokens", "seconds", "US dollars")


def make_board(runs: Sequence[StoredRun], number: int, digests: Mapping[int, str]) -> Section:
    """The board of one question set.

    Args:
        runs: its runs, those under controls too.
        number: number of the board on the page, from 1.
        digests: SHA-256 of the predictions of each entry, by the number of its run.
    """
    entries = sorted((run for run in runs if not run.control), key=_place_first)
    ranks = rank_entries(entries)
    drawn = tuple(
        DrawnInterval(run.label, e.mean, e.low, e.high, run.line.chance)
        for run in entries
        if (e := run.line.estimate) is not None
    )
    rows = tuple(_row(run, ranks[run.number], entries[0], runs) for run in entries)
    header = ("entry", "rank", "prompt", "right", "behind the first", "blind", "above blind", *_COSTS)
    parts: list[Part] = [
        *([Intervals("Right answers, strict, in percent", 0.0, 1.0, drawn, "guessing")] if drawn else []),
        ReportTable((*header, "right per 1,000 tokens", "right per dollar"), rows, "Costs are means a question"),
        *([table] if (table := _control_table(entries, runs)) is not None else []),
        _hash_table(entries, digests),
    ]
    lede = (
        f"{len(entries)} entries. The rank of each is one more than the number of those that are surely better: whose "
        "paired difference to it has an interval above zero."
    )
    notes = (
        f"Intervals: {100 * CONFIDENCE:.0f} %, by drawing videos; of ranks without a correction for the number of "
        "pairs. Blind: the same policy without the video; a score is worth what it is above that. "
        f"{NOT_MEASURED} was not measured, which is not zero.",
    )
    return Section(f"board-{number}", entries[0].set_name, lede, tuple(parts), notes)


def _place_first(run: StoredRun) -> tuple[float, int]:
    return (-(run.line.estimate.mean if run.line.estimate is not None else -1.0), run.number)


def rank_entries(entries: Sequence[StoredRun]) -> dict[int, int]:
    """The rank of each entry by the number of its run: 1 and the number of those that are surely better."""
    return {run.number: 1 + sum(_is_surely_better(other, run) for other in entries) for run in entries}


def _is_surely_better(first: StoredRun, second: StoredRun) -> bool:
    found = None if first is second else compare(first.rows, second.rows)
    return found is not None and found.difference.low is not None and found.difference.low > 0


def _row(run: StoredRun, rank: int, best: StoredRun, runs: Sequence[StoredRun]) -> tuple[str, ...]:
    blind = next(iter(_find_controls(run, runs, "blind")), None)
    costs = {cost.name: cost.mean for cost in summarise_costs(run.rows)}
    return (
        _name_entry(run),
        str(rank),
        run.manifest.terms.wording,
        format_share(run.line.estimate),
        NOT_MEASURED if run is best else _difference(run, best),
        NOT_MEASURED if blind is None else format_share(blind.line.estimate),
        NOT_MEASURED if blind is None else _difference(run, blind),
        *(format_short(costs[name]) if name in costs else NOT_MEASURED for name in _COSTS),
        *(
            NOT_MEASURED if ratio is None else f"{ratio.mean:.3g}"
            for ratio in (estimate_per_1000_tokens(run.rows), estimate_per_dollar(run.rows))
        ),
    )


def _name_entry(run: StoredRun) -> str:
    return f"{run.label}: {run.manifest.terms.policy}"


def _difference(run: StoredRun, other: StoredRun) -> str:
    found = compare(run.rows, other.rows)
    return NOT_MEASURED if found is None else format_points(found.difference)


def _find_controls(run: StoredRun, runs: Sequence[StoredRun], name: str = "") -> list[StoredRun]:
    """The runs of an entry's policy and prompt under controls, or under the named one."""
    terms = run.manifest.terms
    return [
        other
        for other in runs
        if other.control
        and other.control == (name or other.control)
        and (other.manifest.terms.policy, other.manifest.terms.wording) == (terms.policy, terms.wording)
    ]


def _control_table(entries: Sequence[StoredRun], runs: Sequence[StoredRun]) -> ReportTable | None:
    found = {run.number: {other.control: other for other in _find_controls(run, runs)} for run in entries}
    names = dict.fromkeys(name for controls in found.values() for name in controls)
    if not names:
        return None
    rows = tuple(
        (
            _name_entry(run),
            *(
                NOT_MEASURED if (other := found[run.number].get(name)) is None else format_share(other.line.estimate)
                for name in names
            ),
        )
        for run in entries
    )
    return ReportTable(("entry", *names), rows, "Right under each control")


def _hash_table(entries: Sequence[StoredRun], digests: Mapping[int, str]) -> ReportTable:
    rows = tuple(
        (
            _name_entry(run),
            _join(run.manifest.files) or run.manifest.terms.questions[:_SHOWN],
            run.manifest.terms.prompt[:_SHOWN],
            _join(run.manifest.weights) or "not at hand",
            digests[run.number][:_SHOWN],
        )
        for run in entries
    )
    header = ("entry", "data", "prompt", "weights", "predictions")
    return ReportTable(
        header, rows, f"The first {_SHOWN} hex digits of SHA-256, of a set without files of its questions"
    )


def _join(hashes: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {digest[:_SHOWN]}" for name, digest in hashes.items())


def main(folders: Sequence[Path], html: Path, command: str = "", say: Say = lambda _: None) -> str:
    """The boards as Markdown; writes the page, and the predictions of each entry into `NAME_predictions` beside it.

    Args:
        folders: folders of the runs.
        html: file of the page.
        command: command line, for the record.
        say: prints a line of progress.

    Raises:
        ValueError: a run can't be read, the page can't be written, or every run is under a control.
    """
    check_writable([html])
    runs = load_runs(folders, say)
    by_set: dict[str, list[StoredRun]] = {}
    for run in runs:
        by_set.setdefault(run.set_key, []).append(run)
    boards = [group for group in by_set.values() if any(not run.control for run in group)]
    if not boards:
        raise ValueError("every run is under a control: a board needs one without")
    beside = html.with_name(f"{html.stem}_predictions")
    digests = {
        run.number: write_predictions(folder, beside / str(run.number)).predictions
        for folder, run in zip(folders, runs, strict=True)
        if not run.control
    }
    sections = [make_board(group, number, digests) for number, group in enumerate(boards, start=1)]
    write_output(html, render_page("Leaderboard", runs, sections, command=command))
    say(f"the page is in {html}, the predictions in {beside}")
    return "\n\n".join(part for part in (f"    {command}" if command else "", render_markdown(sections)) if part) + "\n"


def _command_line() -> str:
    parser = Parser("python -m evals.leaderboard", description="Stored runs as a leaderboard; nothing is played.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a folder that evals.run --out wrote")
    parser.add_argument("--html", type=Path, required=True, metavar="FILE.html", help="one page that fetches nothing")
    got = parser.parse_args()
    return main(got.runs, got.html, quote_command("evals.leaderboard"), say)


if __name__ == "__main__":
    end("evals.leaderboard", _command_line)
