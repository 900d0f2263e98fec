"""Preference pairs for DPO from several runs of a question, by reward and by whether the thought fits the answer.

python -m rl.verify RUN [RUN ...] --data drawn,level=1,count=64 --out runs/pairs

Writes `chosen` and `rejected` into the folder, trajectories line by line: line n of one is preferred to line n of the
other. A run is chosen if it is correct and its last thought does not lead elsewhere; wrong runs are rejected first,
then correct ones whose thought leads elsewhere. After VerIPO (arXiv 2505.19000), whose verifier is a small language
model and whose code was not to be had; ours compares words.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.ending import Parser, end_process
from agent.rendering.answer_parser import LETTERS
from agent.terminal import escape_controls
from agent.trajectory import Answer, Trajectory, to_json
from evals.example import Example
from evals.runner.run_file import TRAJECTORIES, read_stored
from evals.scoring.normalize import split_words
from evals.scoring.scoring import score
from rl.data.questions import find_boxes, list_measurable, open_questions
from rl.data.references import Need
from rl.rewards.aids import Aids
from rl.rewards.groups import check_needs
from rl.rewards.preset import Preset, load_preset
from rl.rewards.turns import own_steps

CHOSEN, REJECTED = "chosen", "rejected"


@dataclass(frozen=True)
class Verified:
    """A run with its reward, correctness and consistency."""

    run: Trajectory
    reward: float
    """Total reward by the preset."""
    is_right: bool
    is_consistent: bool | None
    """Whether the last thought leads to the given answer; None if it names none."""

    @property
    def is_good(self) -> bool:
        """Whether the run may be preferred: it is correct, and its thought does not lead elsewhere."""
        return self.is_right and self.is_consistent is not False


@dataclass(frozen=True)
class PreferencePair:
    """Two runs of one question, one preferred to the other."""

    chosen: Verified
    rejected: Verified


def score_runs(preset: Preset, example: Example, runs: Sequence[Trajectory]) -> tuple[Verified, ...]:
    """Scores the runs of a question; those that do not count are left out.

    Args:
        preset: the reward.
        example: the question with its reference.
        runs: the runs of the question.
    """
    totals = preset.group(example, runs).totals_G
    scores = [score(example, run).value for run in runs]
    return tuple(
        Verified(run, total, value == 1.0, is_consistent(run))
        for run, total, value in zip(runs, totals, scores, strict=True)
        if total is not None and value is not None
    )


def make_pairs(runs: Sequence[Verified], most: int = 1, least_margin: float = 0.1) -> tuple[PreferencePair, ...]:
    """Pairs the best good runs with the worst bad ones, each run at most once.

    Args:
        runs: the scored runs of one question.
        most: most pairs.
        least_margin: least difference in reward of a correct run over a wrong one.
    """
    good = sorted((run for run in runs if run.is_good), key=lambda run: -run.reward)
    bad = sorted((run for run in runs if not run.is_good), key=lambda run: (run.is_right, run.reward))
    pairs = [PreferencePair(one, other) for one, other in zip(good, bad, strict=False)]
    return tuple(p for p in pairs if p.rejected.is_right or p.chosen.reward - p.rejected.reward >= least_margin)[:most]


def is_consistent(run: Trajectory) -> bool | None:
    """Whether the last thought leads to the answer: the option that it names last is the one that is given.

    For an open question, whether the thought has the words of the answer. None where nothing was thought or answered,
    or the thought names no option: then nothing speaks against the run.
    """
    steps = own_steps(run)
    answer = run.answer
    if not steps or answer is None or answer.abstains:
        return None
    thought = _normalise(steps[-1].turn.thought)
    if not thought:
        return None
    if not run.question.options:
        return _find_last(thought, _normalise(answer.text)) >= 0
    return _find_named_last(thought, answer, run.question.options)


def _find_named_last(thought: str, answer: Answer, options: Sequence[str]) -> bool | None:
    """Whether the option named last is the answer; of two at the same place, as "red" in "dark red", the longer
    counts."""
    named = [
        (place + len(name), len(name), number)
        for number, option in enumerate(options)
        for name in (_normalise(option), f"option {LETTERS[number].lower()}")
        if (place := _find_last(thought, name)) >= 0
    ]
    return max(named)[2] == answer.option if named else None


def _normalise(text: str) -> str:
    return " ".join(word.text for word in split_words(text))


def _find_last(thought: str, words: str) -> int:
    """Place of the last occurrence of these words, as whole words; -1 where there is none."""
    return f" {thought} ".rfind(f" {words} ") if words else -1


def make_all_pairs(
    runs: Iterable[Trajectory], examples: Mapping[str, Example], preset: Preset, most: int, least_margin: float
) -> Iterator[PreferencePair]:
    """The pairs of each question, in the order in which questions first occur.

    Args:
        runs: runs of any questions.
        examples: the questions by id.
        preset: the reward.
        most: most pairs of a question.
        least_margin: least difference in reward of a correct run over a wrong one.

    Raises:
        ValueError: a run answers a question that is not in `examples`.
    """
    by_question: dict[str, list[Trajectory]] = defaultdict(list)
    for run in runs:
        by_question[run.question.id].append(run)
    if unknown := [key for key in by_question if key not in examples]:
        raise ValueError(
            f"the run answers {unknown[0]!r}, which --data does not ask: name the questions it was played on"
        )
    for key, played in by_question.items():
        yield from make_pairs(score_runs(preset, examples[key], played), most, least_margin)


def write_pairs(pairs: Sequence[PreferencePair], out: Path) -> None:
    """Writes both sides of the pairs as runs that `rl.finetune.rows` reads."""
    for name, side in ((CHOSEN, [p.chosen for p in pairs]), (REJECTED, [p.rejected for p in pairs])):
        (out / name).mkdir(parents=True, exist_ok=True)
        lines = "".join(to_json(one.run) + "\n" for one in side)
        (out / name / TRAJECTORIES).write_text(lines, encoding="utf-8")


def summarize_pairs(pairs: Sequence[PreferencePair], runs: int) -> str:
    """One line of text: number of pairs, and why runs were rejected."""
    wrong = sum(not pair.rejected.is_right for pair in pairs)
    right = len(pairs) - wrong
    return f"{len(pairs)} pairs of {runs} runs: {wrong} rejected are wrong, {right} are right against their thought"


def main(
    folders: Sequence[Path],
    data: str,
    out: Path,
    preset: str = "sleuth",
    questions: int = 100,
    most: int = 1,
    least_margin: float = 0.1,
) -> str:
    """Writes the pairs of the runs; gives a summary as one line.

    Args:
        folders: folders of the runs.
        data: the questions that were run, as in a training file.
        out: folder for the pairs.
        preset: name of the reward.
        questions: number of questions, for data without end.
        most: most pairs of a question.
        least_margin: least difference in reward of a correct run over a wrong one.

    Raises:
        ValueError: a folder has no run, the questions are others, the reward can't be measured, or there is no pair.
    """
    asked = open_questions(data, questions)
    runs = [run for folder in folders for run in read_stored(folder)]
    reward = load_preset(preset, Aids(boxes=find_boxes(asked)))
    second_look: set[Need] = {"second look"} if any(run.second_look is not None for run in runs) else set()
    check_needs(reward, list_measurable(asked) | second_look)
    pairs = list(make_all_pairs(runs, asked.examples, reward, most, least_margin))
    if not pairs:
        raise ValueError(
            f"no pair in {len(runs)} runs: no question has both a right run and another; play more runs of each, at a "
            "higher temperature or on questions that are neither always nor never answered"
        )
    write_pairs(pairs, out)
    return summarize_pairs(pairs, len(runs))


def _command_line() -> None:
    parser = Parser("python -m rl.verify", description="Pairs of a good and a bad run of a question.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="RUN", help="that evals.run or rl.collect wrote")
    parser.add_argument("--data", required=True, help="the questions that were played, as in a training file")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--preset", default="sleuth", metavar="NAME", help="the reward that tells good from bad")
    parser.add_argument("--questions", type=int, default=100, metavar="N", help="of data without end")
    parser.add_argument("--most", type=int, default=1, metavar="N", help="pairs of a question")
    parser.add_argument("--least-margin", type=float, default=0.1, metavar="X", help="in reward, of right above wrong")
    print(escape_controls(main(**vars(parser.parse_args()))))


if __name__ == "__main__":
    end_process("rl.verify", _command_line)
