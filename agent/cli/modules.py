"""`agent eval NAME` and `agent train NAME`: the commands of the packages `evals` and `rl`, in any working folder.

`python -m evals.run` takes a folder `evals` in the working folder for ours; a command that was installed does not.
"""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from runpy import run_module
from typing import TYPE_CHECKING

import agent
from agent.ending import suggest_nearest

if TYPE_CHECKING:
    from agent.cli import Commands

PACKAGES = {
    "eval": {
        "run": ("evals.run", "ask a policy the questions of a benchmark"),
        "score": ("evals.score", "score stored runs again"),
        "judge": ("evals.judge", "ask another model about open answers"),
        "diff": ("evals.diff", "compare two stored runs turn by turn"),
        "report": ("evals.report", "tables and a page of stored runs"),
        "leaderboard": ("evals.leaderboard", "stored runs as a ranked page"),
        "predictions": ("evals.predictions", "a run's answers for others, and theirs scored"),
        "overlap": ("evals.text_metrics", "BLEU, chrF and ROUGE of open answers"),
        "compose": ("evals.composed", "write videos whose answers are known"),
        "fetched": ("evals.composed.fetched", "make material for them from what was fetched"),
        "calibration": ("evals.calibration", "does a confidence mean what it says"),
        "budget": ("evals.perf.budget", "what a question takes"),
        "prefix": ("evals.perf.prefix_cache", "what a prefix cache saves"),
        "speed": ("evals.perf.speed", "the speed goals, measured"),
    },
    "train": {
        "grpo": ("rl.train", "reinforcement learning on the graph that users run"),
        "preset": ("rl.preset", "a training file with the values of a publication"),
        "sft": ("rl.sft", "imitation of kept runs"),
        "dpo": ("rl.dpo", "learning from pairs of a good and a bad run"),
        "curate": ("rl.data.curation", "training questions out of candidates"),
        "export": ("rl.data.export", "kept runs as data of ms-swift or LLaMA-Factory"),
        "collect": ("rl.collect", "play composed questions and keep the runs"),
        "verify": ("rl.verify", "pairs of a good and a bad run"),
        "compare": ("rl.compare", "accuracy of runs with intervals and paired tests"),
        "dashboard": ("rl.dashboard", "the curves of a training"),
        "attacks": ("rl.attacks", "what each published reward gives away"),
        "cost": ("rl.cost", "how often a training works on each picture"),
    },
}
"""Module and description by command and name."""
_ABOUT = {
    "eval": "benchmarks, composed videos, scores and reports",
    "train": "collecting, imitation, GRPO, comparisons",
}


def add(commands: "Commands") -> None:
    """Adds the commands `eval` and `train` to the parser, for its help; their modules read the arguments."""
    for command, about in _ABOUT.items():
        commands.add_parser(command, help=about, add_help=False).add_argument("name", choices=tuple(PACKAGES[command]))


def run(command: str, arguments: Sequence[str]) -> int:
    """Runs a module of a package as if it were given to Python.

    Raises:
        ValueError: there is no such name; another package lies in the place of ours.
    """
    named = PACKAGES[command]
    if not arguments or arguments[0] in ("-h", "--help"):
        lines = (f"  {name:12} {about}" for name, (_, about) in named.items())
        print("\n".join((f"usage: agent {command} NAME ...", "", f"{_ABOUT[command]}:", *lines)))
        print(f"\nagent {command} NAME --help has the options of each.")
        return 0
    name, *rest = arguments
    if name not in named:
        raise ValueError(f"agent {command} has no {name}{suggest_nearest(name, named)}: give one of {', '.join(named)}")
    module = named[name][0]
    _check_ours(module.partition(".")[0])
    sys.argv[1:] = rest
    run_module(module, run_name="__main__", alter_sys=True)
    return 0


def _check_ours(package: str) -> None:
    ours = Path(agent.__file__).parent.parent / package
    found = find_spec(package)
    if found is None or found.origin is None or Path(found.origin).parent != ours or not (ours / "py.typed").exists():
        raise ValueError(
            f"another package lies in the place of our {package}: install Video Sleuth in an environment of its own, "
            "for instance with `uv tool install` or pipx"
        )
