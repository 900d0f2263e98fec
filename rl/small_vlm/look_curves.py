"""The curves of run 3's training by reward, the mean of one or several seeds, as a picture.

    python -m rl.small_vlm.look_curves runs/run3/videos/train curves.svg runs/run3/grpo
The file of a training must have `keep_runs`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from agent.trajectory import Trajectory
from evals.command_line import end
from evals.datasets.clips import open_clips
from evals.plots.chart import svg_file
from evals.runner.run_file import read_stored
from evals.scoring.scoring import score
from rl.monitor.curves import CANVAS, Curve, Lines, draw_panel
from rl.monitor.log import LOG, TERMS, read_log, select_known
from rl.small_vlm import command_lines
from rl.small_vlm.look_set import LARGE, SMALL
from rl.small_vlm.zooms import find_zooms, is_hit, list_known
from tools.cache import write_atomically
from tools.plain_data import loads_json

SIZES = {SMALL: 1, LARGE: 2}
"""Number of the colour of each size of needle."""


def draw_curves(videos: Path, runs: Sequence[Path]) -> str:
    """Four curves over the steps, as an SVG file: right answers, zooms and hits by the size of the needle, and score.

    Args:
        videos: folder of the videos that were trained on.
        runs: folder of the training by reward of each seed.

    Raises:
        ValueError: a folder has no runs, or no log.
    """
    subjects, examples = list_known(open_clips(videos))
    logs = [read_log(run / LOG) for run in runs]
    played = [one for run in runs for one in _number_steps(run)]
    if not all(logs):
        raise ValueError(f"a training has no {LOG}: give the `grpo` folder of each seed")

    def make_lines(title: str, happened: Callable[[Trajectory], bool]) -> Lines:
        curves = []
        for size, colour in SIZES.items():
            some = [(step, float(happened(run))) for step, run in played if size in examples[run.question.id].needs]
            curves += [Curve(size, _average(some), colour)] if some else []
        return Lines(title, tuple(curves), is_share=True)

    panels = [
        make_lines("Right answers", lambda run: score(examples[run.question.id], run).value == 1.0),
        make_lines("Runs that zoom", lambda run: bool(find_zooms(run))),
        make_lines("Runs that hit", lambda run: is_hit(run, subjects[run.question.id])),
        Lines("Reward", (Curve("score", _average(one for log in logs for one in select_known(log, "score")), 1),)),
    ]
    last = max(step for step, _ in played)
    heads = [panel.title + (": small needles, large (orange)" if panel.is_share else "") for panel in panels]
    return svg_file([(head, draw_panel(panel, 1, last)) for head, panel in zip(heads, panels, strict=True)], CANVAS)


def _number_steps(run: Path) -> list[tuple[int, Trajectory]]:
    """The runs of a training with their step, from 1: samples of a question are numbered on, one group a step."""
    group = loads_json((run / TERMS).read_text(encoding="utf-8"))["generations"]
    return [(one.sample // group + 1, one) for one in read_stored(run / "runs-0")]


def _average(values: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """The mean of the values of each step, in order."""
    of = defaultdict[int, list[float]](list)
    for step, value in values:
        of[step].append(value)
    return [(step, sum(some) / len(some)) for step, some in sorted(of.items())]


def _command_line() -> str:
    given = command_lines.make_curves_parser(__doc__).parse_args()
    write_atomically(given.picture, draw_curves(given.videos, given.runs))
    return str(given.picture)


if __name__ == "__main__":
    end("rl.small_vlm.look_curves", _command_line)
