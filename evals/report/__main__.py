"""Results of stored runs as Markdown, and as one page with plots and a gallery of misses beside hits.

    python -m evals.report runs/lite runs/blind --html report.html --gallery 12

RUN is a folder that `evals.run --out` wrote, of any policy, set or control; nothing is run. The pages of the
gallery's trajectories are written into a folder beside the page, `report_pages`.
"""

import gc
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from agent.ending import Parser
from agent.outputs import check_writable, write_output
from evals.command_line import end, quote_command, say
from evals.datasets.registry import open_set
from evals.report.breakdowns import breakdowns
from evals.report.claims import claims_section
from evals.report.confidence import abstention_section, calibration_section
from evals.report.costs import cost_section
from evals.report.differences import differences
from evals.report.evidence import evidence_section
from evals.report.gallery import make_galleries
from evals.report.headline import headline
from evals.report.needs_video import needs_video
from evals.report.page import render_page
from evals.report.section import Section, render_markdown
from evals.report.stored_run import StoredRun, read_run
from evals.runner.run_file import TRAJECTORIES
from evals.runner.run_folder import open_run_set, read_run_manifest

GALLERY = 8
"""Default number of misses shown for each run without a control."""

Say = Callable[[str], None]


def load_runs(folders: Sequence[Path], say: Say = lambda _: None) -> tuple[StoredRun, ...]:
    """Reads and scores the runs, in the order of the folders.

    Runs without a control are read first, because they have the length of each question's video.

    Raises:
        ValueError: a folder is no run, is given twice, or its set has changed.
    """
    if len(set(folders)) < len(folders):
        raise ValueError(f"each run once, got {', '.join(map(str, folders))}")
    manifests = {folder: read_run_manifest(folder) for folder in folders}
    opened = cache(open_set)
    names, lengths = _name_folders(folders), defaultdict[str, dict[str, float]](dict)
    runs: dict[Path, StoredRun] = {}
    for folder in sorted(folders, key=lambda f: manifests[f].terms.control is not None):
        say(f"reading {folder}")
        manifest, known = manifests[folder], lengths[manifests[folder].terms.questions]
        questions = open_run_set(folder, manifest, opened)
        number = folders.index(folder) + 1
        runs[folder] = read_run(folder / TRAJECTORIES, number, names[folder], manifest, questions, known)
        known.update(runs[folder].lengths)
    return tuple(runs[folder] for folder in folders)


def make_sections(runs: Sequence[StoredRun]) -> tuple[Section, ...]:
    """All sections of the report for which some run has measurements."""
    found = (
        headline(runs),
        differences(runs),
        breakdowns(runs),
        needs_video(runs),
        cost_section(runs),
        calibration_section(runs),
        abstention_section(runs),
        evidence_section(runs),
        claims_section(runs),
    )
    return tuple(section for section in found if section is not None)


def main(
    folders: Sequence[Path],
    html: Path | None = None,
    gallery: int = GALLERY,
    command: str = "",
    say: Say = lambda _: None,
) -> str:
    """The report as Markdown; writes the page where one is asked for.

    Args:
        folders: folders of the runs.
        html: file of the page; trajectories' pages are written to the folder `NAME_pages` beside it.
        gallery: misses shown for each run without a control; 0 for no gallery.
        command: command line, for the record.
        say: prints a line of progress.

    Raises:
        ValueError: a run can't be read, the page can't be written, or `gallery` is negative.
    """
    if gallery < 0:
        raise ValueError(f"need --gallery >= 0, got {gallery}")
    check_writable([html])
    with _pause_collection():
        runs = load_runs(folders, say)
        sections = make_sections(runs)
    if html is not None:
        mains = [run for run in runs if not run.control]
        galleries = make_galleries(mains, gallery, html.with_name(f"{html.stem}_pages"), say) if gallery else ()
        title = ", ".join(dict.fromkeys(run.set_name for run in runs))
        write_output(html, render_page(title, runs, sections, galleries, command))
        say(f"the page is in {html}")
    return "\n\n".join(part for part in (f"    {command}" if command else "", render_markdown(sections)) if part) + "\n"


@contextmanager
def _pause_collection() -> Iterator[None]:
    """A context without Python's cycle collector: rows have no cycles, and the collector took a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _name_folders(folders: Sequence[Path]) -> dict[Path, str]:
    """Name of each folder: the last part of its path, or as many parts as tell all apart."""
    full = [folder.absolute().parts for folder in folders]
    for count in range(1, max(map(len, full)) + 1):
        short = ["/".join(parts[-count:]) for parts in full]
        if len(set(short)) == len(short):
            return dict(zip(folders, short, strict=True))
    return {folder: str(folder) for folder in folders}


def _command_line() -> str:
    parser = Parser("python -m evals.report", description="Results of stored runs; nothing is played.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a folder that evals.run --out wrote")
    parser.add_argument("--html", type=Path, metavar="FILE.html", help="write one page that fetches nothing")
    parser.add_argument("--gallery", type=int, default=GALLERY, metavar="N", help="misses of each run; 0 for none")
    got = parser.parse_args()
    return main(got.runs, got.html, got.gallery, quote_command("evals.report"), say)


if __name__ == "__main__":
    end("evals.report", _command_line)
