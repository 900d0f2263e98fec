"""A training as one page, `dashboard.html` in its folder: curves, alarms, numbers; no script, nothing fetched.

    python -m rl.dashboard RUN_FOLDER
    python -m rl.dashboard RUN_FOLDER --picture curves.svg

It is written after every step; the command writes it for any folder with a `log.jsonl`, of imitation too. The picture
is four curves for a README.
"""

from pathlib import Path

from agent.ending import Parser
from evals.command_line import end
from rl.monitor.curves import picture
from rl.monitor.log import LOG, read_log
from rl.monitor.page import PAGE, write_page
from tools.cache import write_atomically


def main(folder: Path, svg: Path | None = None) -> str:
    """Writes the page of a training, or the four curves as SVG; gives back the path.

    Raises:
        ValueError: the folder has no log, or one that can't be read.
    """
    rows = read_log(folder / LOG)
    if not rows:
        raise ValueError(f"{folder} has no steps to show: give the `out` folder of a training, with its {LOG}")
    if svg is None:
        write_page(folder, rows)
        return str(folder / PAGE)
    write_atomically(svg, picture(rows))
    return str(svg)


def _command_line() -> str:
    parser = Parser("python -m rl.dashboard", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER", help="the `out` folder of a training")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="write four curves instead of the page")
    got = parser.parse_args()
    return main(got.run, got.picture)


if __name__ == "__main__":
    end("rl.dashboard", _command_line)
