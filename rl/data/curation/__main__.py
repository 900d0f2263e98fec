"""Builds training questions out of candidates, most of which are dropped.

    python -m rl.data.curation --data drawn,level=1,count=75 --out RUN --student lite
    python -m rl.data.curation --videos FOLDER --writer http:MODEL@URL --solver http:MODEL@URL --bank bank.jsonl \\
        --probe http:SMALL@URL --against video-mme=FOLDER --out RUN

Candidates are a set whose answers are known, or are written by a model about videos. Dropped is what was asked before,
what a benchmark asks or shows, what can be answered without the video, from one frame three times, or from four frames;
what is answered differently the second time, what no run bears out, and what is too easy or too hard.
RUN/candidates.jsonl says of every candidate why it went. RUN is data for `rl.sft` as it is, and
`data = "built,folder=RUN"` for `rl.train`. The command goes on where it stopped when it is given again.
"""

from collections.abc import Sequence
from pathlib import Path

from agent.ending import Parser
from agent.terminal import tell
from evals.command_line import end_with_page
from rl.data.curation.building import BuildConfig, build, render_building


def parse_arguments(arguments: Sequence[str] | None = None) -> BuildConfig:
    """Reads the options of a building.

    Raises:
        ValueError: an option is missing, or options contradict each other.
    """
    parser = Parser("python -m rl.data.curation", description="Builds training questions out of candidates.")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--data", default="", metavar="SET", help="drawn,level=1,count=75, or a folder of questions")
    parser.add_argument("--videos", type=Path, metavar="FOLDER", help="write candidates about these, instead of --data")
    parser.add_argument("--writer", default="", metavar="SPEC", help="the model that writes them")
    parser.add_argument("--bank", type=Path, metavar="FILE", help="JSONL of term, definition, video?")
    parser.add_argument("--rounds", type=int, default=BuildConfig.rounds, metavar="N", help="a video and skill")
    parser.add_argument("--against", nargs="+", default=(), metavar="NAME=FOLDER", help="benchmarks to keep apart from")
    parser.add_argument("--probe", nargs="+", default=BuildConfig.probes, metavar="SPEC", dest="probes")
    parser.add_argument("--solver", default=BuildConfig.solver, metavar="SPEC", help="expert, or a policy")
    parser.add_argument("--solver-samples", type=int, default=BuildConfig.solver_samples, metavar="N")
    parser.add_argument("--judge", default="", metavar="SPEC", help="another model, which judges the reasoning")
    parser.add_argument("--student", default="", metavar="SPEC", help="the policy to be trained, for the difficulty")
    parser.add_argument("--student-samples", type=int, default=BuildConfig.student_samples, metavar="N")
    parser.add_argument("--pass-rate", type=float, nargs=2, default=BuildConfig.pass_rate, metavar=("MIN", "MAX"))
    parser.add_argument("--encoder", metavar="SPEC", help="of the frame index")
    parser.add_argument("--concurrency", type=int, default=BuildConfig.concurrency, metavar="N")
    given = vars(parser.parse_args(arguments))
    return BuildConfig(**given | {name: tuple(given[name]) for name in ("against", "probes", "pass_rate")})


def main(arguments: Sequence[str] | None = None) -> str:
    """The numbers of a building as Markdown."""
    return render_building(build(parse_arguments(arguments), tell))


if __name__ == "__main__":
    end_with_page("rl.data.curation", main)
