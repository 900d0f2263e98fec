"""Asks every question of a file and says how many are right, beside the controls.

    python -m evals.questions questions.jsonl --videos FOLDER --policy lite --out run.jsonl --controls

Prints Markdown on stdout and progress on stderr. A run that was stopped goes on when the command is given again.
With `--concurrency N` so many questions are played at once, so that a server or engine has something to batch; the run
file then has them in the order in which they ended.
"""

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.asking import ask
from agent.policy import Policy, PolicyOptions, open_policy
from agent.trajectory import Limits, Stop, Trajectory
from evals.controls.baselines import TopFrame
from evals.controls.blind import BLIND_SECONDS
from evals.controls.grey_clip import write_grey_clip
from evals.example import Example, load_examples
from evals.run_file import RunFile
from evals.scoring import score
from evals.shared_toolboxes import SharedToolboxes
from evals.tables import Outcome, accuracy_table, cost_table, difference_sentences, evidence_table, outcomes
from tools.toolbox import Toolbox, open_toolbox

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
_BLIND = "blind"


@dataclass(frozen=True)
class Config:
    """What is run."""

    questions: Path
    videos: Path
    """Folder of the videos."""
    policy: str = "lite"
    out: Path | None = None
    """Where trajectories are kept; None keeps them in memory only."""
    controls: bool = False
    encoder: str | None = None
    """Encoder of the frame index; None takes the default one."""
    limits: Limits = field(default_factory=Limits)
    concurrency: int = 1
    """Questions at once."""

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ValueError(f"need concurrency >= 1, got {self.concurrency}")

    @property
    def options(self) -> PolicyOptions:
        """How a model is asked: as many requests at once as questions."""
        return PolicyOptions(concurrency=self.concurrency)


@dataclass(frozen=True)
class Run:
    """One pass over the questions by one policy."""

    name: str
    policy: Policy
    file: RunFile
    verify: bool


def main(config: Config, command: str = "", say: Callable[[str], None] = lambda _: None) -> str:
    """The results as Markdown.

    Raises:
        ValueError: the questions, a video, the policy or the run file can't be used.
        KeyboardInterrupt: stopped by the user; what was run is kept.
    """
    examples = load_examples(config.questions, config.videos)
    run = Run("policy", open_policy(config.policy, config.options), RunFile(config.out), verify=True)
    play(run, examples, config, say)
    controls = _play_controls(config, examples, say) if config.controls else {}
    return _page(command, run, outcomes(examples, run.file.trajectories), controls)


def play(run: Run, examples: Sequence[Example], config: Config, say: Callable[[str], None]) -> None:
    """Asks what the run file does not have yet, video by video."""
    missing = run.file.missing(examples, run.policy.spec, config.limits)
    videos = list(dict.fromkeys(example.question.video for example in missing))
    for path in videos:
        if not Path(path).is_file():
            raise ValueError(f"no video at {path}; --videos must name the folder that holds it")

    def opened(path: str) -> Toolbox:
        return _indexed(run.name, path, config.encoder, say)

    with closing(SharedToolboxes((e.question.video for e in missing), opened)) as toolboxes:

        def ask_one(example: Example) -> None:
            with toolboxes.use(example.question.video) as toolbox:
                run.file.add(_played(run, example, toolbox, config.limits))
            _report(run, example, examples, say)

        _each(ask_one, sorted(missing, key=lambda e: videos.index(e.question.video)), config.concurrency)


def _indexed(name: str, path: str, encoder: str | None, say: Callable[[str], None]) -> Toolbox:
    started = time.perf_counter()
    toolbox = open_toolbox(path, encoder=encoder)
    try:  # every question finds the same index, and none pays for it
        toolbox.index.wait()
    except BaseException:
        toolbox.close()
        raise
    say(f"{name}: {Path(path).name} indexed in {time.perf_counter() - started:.1f} s")
    return toolbox


def _each(work: Callable[[Example], None], examples: Sequence[Example], concurrency: int) -> None:
    """Works on so many examples at once; alone, in this thread, where Ctrl-C stops a question at once."""
    if concurrency == 1:
        for example in examples:
            work(example)
        return
    pool = ThreadPoolExecutor(concurrency)
    try:
        for done in as_completed([pool.submit(work, example) for example in examples]):
            done.result()
    finally:  # after Ctrl-C too: what is being played is played to its end and kept, and nothing new begins
        pool.shutdown(cancel_futures=True)


def _played(run: Run, example: Example, toolbox: Toolbox, limits: Limits) -> Trajectory:
    trajectory = ask(example.question, toolbox, run.policy, limits, verify=run.verify)
    if trajectory.stop is Stop.INTERRUPTED:
        raise KeyboardInterrupt
    return trajectory


def _report(run: Run, example: Example, examples: Sequence[Example], say: Callable[[str], None]) -> None:
    trajectory = run.file.trajectories[example.question.id]
    scored = score(example, trajectory)
    mark = {1.0: "right", 0.0: "wrong", None: "not scored"}[scored.value]
    done = f"{len(run.file.trajectories)}/{len(examples)}"
    say(f"{run.name} {done} {example.question.id}: {mark}, {scored.why} ({trajectory.seconds:.1f} s)")
    if trajectory.error:
        say(trajectory.error)


def _play_controls(
    config: Config, examples: Sequence[Example], say: Callable[[str], None]
) -> dict[str, tuple[Outcome, ...]]:
    top = Run("top-1 frame", TopFrame(), RunFile(_beside(config.out, "top1")), verify=False)
    play(top, examples, config, say)
    blind = Run(_BLIND, open_policy(config.policy, config.options), RunFile(_beside(config.out, "blind")), verify=False)
    with _without_video(examples) as grey:
        play(blind, grey, config, say)
    return {run.name: outcomes(examples, run.file.trajectories) for run in (blind, top)}


@contextmanager
def _without_video(examples: Sequence[Example]) -> Iterator[tuple[Example, ...]]:
    """The same questions, each of a clip in which nothing is shown."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "grey.mp4"
        write_grey_clip(clip)
        yield tuple(replace(e, question=replace(e.question, video=str(clip))) for e in examples)


def _beside(out: Path | None, name: str) -> Path | None:
    return None if out is None else out.with_name(f"{out.stem}.{name}{out.suffix}")


def _page(command: str, run: Run, main: Sequence[Outcome], controls: dict[str, tuple[Outcome, ...]]) -> str:
    parts = [f"    {command}"] if command else []
    parts.append(f"Policy `{run.policy.spec}`. Intervals: 95 %, clustered by video.")
    # times in the grey clip say nothing of the video
    seeing = {name: control for name, control in controls.items() if name != _BLIND}
    parts += [accuracy_table(main, controls), evidence_table(main, seeing), cost_table(main)]
    if controls:
        parts.append(difference_sentences(main, controls))
        parts.append(
            "Random: expected value of choosing an option by chance; an open question is never right by chance. "
            f"Blind: the same policy on a grey clip of {BLIND_SECONDS} s. Top-1 frame: the option that fits one "
            "indexed frame best; for open questions it has evidence and no answer."
        )
    return "\n\n".join(part for part in parts if part) + "\n"


def _parsed(arguments: Sequence[str] | None) -> Config:
    parser = argparse.ArgumentParser("python -m evals.questions", description="How many questions are answered right.")
    parser.add_argument("questions", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--videos", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--policy", default=Config.policy, metavar="SPEC")
    parser.add_argument("--out", type=Path, metavar="RUN.jsonl", help="keep trajectories here, and go on from it")
    parser.add_argument("--controls", action="store_true", help="run blind and top-1 frame too")
    parser.add_argument("--encoder", metavar="SPEC")
    defaults = Limits()
    parser.add_argument("--max-turns", type=int, default=defaults.max_turns, metavar="N")
    parser.add_argument("--max-frames", type=int, default=defaults.max_frames, metavar="N")
    parser.add_argument("--concurrency", type=int, default=Config.concurrency, metavar="N", help="questions at once")
    got = parser.parse_args(arguments)
    limits = Limits(max_turns=got.max_turns, max_frames=got.max_frames)
    return Config(got.questions, got.videos, got.policy, got.out, got.controls, got.encoder, limits, got.concurrency)


def _command_line() -> int:
    command = shlex.join(["python", "-m", "evals.questions", *sys.argv[1:]])
    try:
        print(main(_parsed(None), command, lambda line: print(line, file=sys.stderr, flush=True)))
    except (ValueError, OSError) as error:
        print(f"evals.questions: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("evals.questions: interrupted; give the command again to go on", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(_command_line())
