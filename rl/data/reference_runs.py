"""Writes runs that answer as the reference does, after evenly spread frames: supervised training on published sets.

    python -m rl.data.reference_runs next-qa,folder=DATA ... --frames 16 --out RUN

DATA is what the `data` of a training file names (`rl.data.questions`); RUN is data for `rl.sft`. Videos that can't be
opened are left out, and said to be. Given again, the command goes on where it stopped.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agent.ending import Parser, end_process
from agent.policy import PolicyOptions, ToolAccess
from agent.terminal import tell
from agent.trajectory import Answer, Limits, Trajectory, Turn
from evals.example import Example
from evals.runner.run_file import TRAJECTORIES, RunFile, lock_folder
from evals.runner.runner import RunSettings
from rl.data.game import Game
from rl.data.questions import open_questions


class ReferencePolicy:
    """A policy that knows the reference answers, and cites nothing. Threads may share it."""

    spec = "reference"

    def __init__(self, examples: Mapping[str, Example]) -> None:
        """Takes the examples by the id of the question."""
        self.setup = PolicyOptions().setup("text")
        self._examples = examples

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """The reference answer, without a look of its own."""
        del sight
        example = self._examples[trajectory.question.id]
        return Turn("", Answer(example.answer or "", example.option, not_shown=example.answer is None))


def main(
    data: Sequence[str], out: Path, frames: int = 16, count: int | None = None, say: Callable[[str], object] = tell
) -> int:
    """Writes the runs; gives the number of those that are there.

    Args:
        data: sources of questions.
        out: folder for the runs.
        frames: evenly spread frames of each.
        count: questions of each source at most, the first ones; None for all.
        say: prints a line of progress.

    Raises:
        ValueError: a source can't be read, or none of its videos opened.
    """
    out.mkdir(parents=True, exist_ok=True)
    with lock_folder(out):
        kept = RunFile(out / TRAJECTORIES)
        done = {question_id for question_id, _ in kept.ends}
        for source in data:
            questions = open_questions(source, count or 1)
            if left_out := questions.check_videos(skip=True):
                say(f"{source}: {left_out}")
            policy = ReferencePolicy(questions.examples)
            settings = RunSettings(policy, Limits(), Game(frames).under(), verify=False, encoder="hashing")
            wanted = [(key, 0) for key in list(questions.examples)[:count] if key not in done]
            questions.play(wanted, settings, lambda _, run: kept.add(run), 1)
            done |= {key for key, _ in wanted}
            say(f"{source}: {len(wanted)} runs added to {out}")
    return len(done)


def _command_line() -> None:
    parser = Parser("python -m rl.data.reference_runs", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("data", nargs="+", metavar="DATA")
    parser.add_argument("--frames", type=int, default=16, metavar="N", help="evenly spread frames of each video")
    parser.add_argument("--count", type=int, metavar="N", help="questions of each source at most; all")
    parser.add_argument("--out", required=True, type=Path, metavar="RUN")
    options = parser.parse_args()
    main(options.data, options.out, options.frames, options.count)


if __name__ == "__main__":
    end_process("rl.data.reference_runs", _command_line)
