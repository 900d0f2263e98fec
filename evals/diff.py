"""Compares two stored runs turn by turn: where they part, and which answers became right or wrong.

    python -m evals.diff RUN_A RUN_B --show 20

Questions are matched by id and number of the run. Nothing is played.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from agent.ending import Parser
from agent.trajectory import Answer, Calls, Malformed, Move, Trajectory
from evals.command_line import end_with_page
from evals.runner.run_file import Key, key_of, read_stored
from evals.score import read_run
from evals.statistics.tables import render_table

_SHOWN = 20
"""Questions in the table, unless more are asked for."""
_WIDTH = 80
"""Characters of a move that the table shows."""


@dataclass(frozen=True)
class RunDifference:
    """One question in two runs."""

    key: Key
    turn: int | None
    """Number of the first turn in which they differ, from 1; None where no turn does."""
    first: str
    """What the first run did in that turn; empty where it had ended."""
    second: str
    scores: tuple[float | None, float | None]
    """Strict scores of both runs."""

    @property
    def outcome(self) -> str:
        """What became of the score: gained, lost, or the same."""
        before, after = (value or 0.0 for value in self.scores)
        return "gained" if after > before else "lost" if after < before else "same"


def compare_runs(first: Path, second: Path) -> tuple[RunDifference, ...]:
    """The differences of two runs, over the questions that both have.

    Raises:
        ValueError: a folder holds no run, or the runs share no question.
    """
    pairs = [{key_of(t): t for t in read_stored(folder)} for folder in (first, second)]
    scores = [_score_rows(folder, rows) for folder, rows in zip((first, second), pairs, strict=True)]
    shared = [key for key in pairs[0] if key in pairs[1]]
    if not shared:
        raise ValueError(f"{first} and {second} share no question: compare runs on the same set")
    return tuple(
        RunDifference(key, *find_parting(pairs[0][key], pairs[1][key]), (scores[0][key], scores[1][key]))
        for key in shared
    )


def _score_rows(folder: Path, rows: dict[Key, Trajectory]) -> dict[Key, float | None]:
    run = read_run(folder)
    asked = {one.question.id: one for one in run.asked}
    found: dict[Key, float | None] = {}
    for key, trajectory in rows.items():
        one, answer = asked[key[0]], trajectory.answer
        said = None if answer is None else one.restore_option(answer)
        found[key] = run.questions.score(one.of, said, "strict").value if one.is_answerable else None
    return found


def find_parting(first: Trajectory, second: Trajectory) -> tuple[int | None, str, str]:
    """The number of the first turn in which two trajectories differ, and what each did in it; None for no turn."""
    moves = [
        [step.turn.move for step in trajectory.steps if not step.turn.is_opening] for trajectory in (first, second)
    ]
    for number, (ours, theirs) in enumerate(zip_longest(*moves), start=1):
        said = describe_move(ours), describe_move(theirs)
        if said[0] != said[1]:
            return number, *said
    return None, "", ""


def describe_move(move: Move | None) -> str:
    """A move in one line: its calls, its answer, or what was malformed; empty for none."""
    if isinstance(move, Calls):
        return "; ".join(f"{call.name} {json.dumps(call.arguments, sort_keys=True)}" for call in move.calls)
    if isinstance(move, Answer):
        spans = ", ".join(f"{e.start_seconds:g}-{e.stop_seconds:g} s" for e in move.evidence)
        return f"answers {move.text!r}" + (f" ({spans})" if spans else "")
    return f"malformed: {move.why}" if isinstance(move, Malformed) else ""


def render_differences(found: Sequence[RunDifference], shown: int = _SHOWN) -> str:
    """Markdown of the differences: counts, in which turn the runs part, and the first questions that part.

    Args:
        found: the differences.
        shown: questions in the table; those whose score changed come first.
    """
    counts = Counter(one.outcome for one in found)
    parted = [one for one in found if one.turn is not None]
    lines = [
        f"{len(found)} questions in both: {counts['gained']} gained, {counts['lost']} lost, {counts['same']} scored "
        f"the same. {len(parted)} take another course.",
    ]
    by_turn = sorted(Counter(one.turn for one in parted if one.turn is not None).items())
    if by_turn:
        lines.append(render_table(["first turn that differs", "questions"], [[str(t), str(n)] for t, n in by_turn]))
    ordered = sorted(parted, key=lambda one: one.outcome == "same")[:shown]
    if ordered:
        rows = [[one.key[0], one.outcome, str(one.turn), _cut(one.first), _cut(one.second)] for one in ordered]
        lines.append(render_table(["question", "score", "turn", "first run", "second run"], rows))
    return "\n\n".join(lines) + "\n"


def _cut(text: str) -> str:
    plain = " ".join(text.replace("|", "/").split()) or "(had ended)"
    return plain if len(plain) <= _WIDTH else plain[: _WIDTH - 1] + "…"


def main(arguments: Sequence[str] | None = None) -> str:
    """The differences of two runs as Markdown.

    Raises:
        ValueError: there is no such run, or they share no question.
    """
    parser = Parser("python -m evals.diff", description="Compares two stored runs turn by turn.")
    parser.add_argument("first", type=Path, metavar="RUN_A")
    parser.add_argument("second", type=Path, metavar="RUN_B")
    parser.add_argument("--show", type=int, default=_SHOWN, metavar="N", help="questions in the table")
    got = parser.parse_args(arguments)
    return render_differences(compare_runs(got.first, got.second), got.show)


if __name__ == "__main__":
    end_with_page("evals.diff", main)
