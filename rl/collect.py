"""Collects runs on composed questions: the expert's and lite's for SFT, a policy's own correct ones, or all.

python -m rl.collect --policy expert --questions 200 --out RUN
python -m rl.collect --policy transformers:smollm2 --adapter ADAPTER --temperature 1 --out RUN
python -m rl.collect --policy transformers:smollm2 --adapter ADAPTER --split heldout --keep all --out RUN

When the command is given again it goes on where it stopped; questions whose runs were not kept are run again. The file
has one trajectory a line, as in every other run.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from agent.ending import Parser, end_process
from agent.loop.ask import ask, read_video_facts
from agent.loop.modes import plan_initial_calls
from agent.policies.registry import open_policy
from agent.policy import Policy, PolicyOptions
from agent.terminal import escape_controls, tell
from agent.trajectory import Calls, Limits, Malformed, Stop, Trajectory
from evals.composed.families import FAMILIES
from evals.composed.recipe import Split
from evals.runner.patience import PolicyPatience
from evals.runner.run_file import TRAJECTORIES, RunFile, lock_folder
from evals.scoring.scoring import score
from rl.data.as_reply import write_replies
from rl.data.curriculum import ComposedQuestions, ComposedTask, Curriculum, View
from rl.data.expert import PictureEyes, ScriptedExpert, WordEyes
from tools.runtime.openmp import release_openmp_threads

EXPERT = "expert"


@dataclass(frozen=True)
class CollectConfig:
    """Options of a collection: questions, policy, and which runs are kept."""

    out: Path
    policy: str = EXPERT
    """Policy of the runs: `expert`, or what `agent ask --policy` takes."""
    in_words: bool = False
    """Whether the expert names an option by its words and not by its letter."""
    questions: int = 100
    start: int = 0
    """Number of the first question."""
    seed: int = 0
    split: Split = "train"
    level: int = 1
    families: tuple[str, ...] = ()
    """Families of questions that are run; () for all."""
    view: View = "words"
    opening: bool = False
    """Whether a model has the initial looks of `agent ask` and `evals.run`; only with pictures."""
    keep: Literal["right", "all"] = "right"
    """Runs that are kept: correct ones for imitation, all for measuring accuracy."""
    concurrency: int = 1
    blind: bool = False
    """Whether a grey clip replaces every video."""
    adapter: str = ""
    half: bool = False
    """Whether the model runs in bfloat16, which is twice as fast on a CPU that multiplies in it."""
    temperature: float = 0.0
    max_reply_tokens: int = 384
    max_turns: int = 8


@dataclass(frozen=True)
class QuestionResult:
    """Correctness, turns, calls and errors of one trajectory."""

    family: str
    is_right: bool | None
    """Whether the answer is correct; None where the run broke off through no fault of the policy."""
    turns: int
    malformed: int
    calls: int
    errors: int
    """Number of calls that a tool refused."""


@dataclass
class Left:
    """Counter of the questions whose runs have not ended."""

    count: int


def main(config: CollectConfig, say: Callable[[str], None] = lambda _: None) -> list[QuestionResult]:
    """Runs the questions and keeps their trajectories in the folder; gives the result of each that was run now.

    Raises:
        ValueError: there is no such policy, options contradict each other, or another process writes to the folder.
        PolicyError: the policy's model can't be had, or fails again and again.
    """
    questions = ComposedQuestions(
        config.seed, split=config.split, curriculum=Curriculum(config.level, config.level), view=config.view
    )
    if config.opening and config.view == "words":
        raise ValueError("a first look brings pictures, and with the view words there are none: leave --opening out")
    left = Left(0)
    policy_for = policy_of(config, lambda: min(left.count, config.concurrency))
    results: list[QuestionResult] = []
    started = time.perf_counter()
    with lock_folder(config.out):
        kept = RunFile(config.out / TRAJECTORIES)
        numbers = range(config.start, config.start + config.questions)
        known = {key for key, _ in kept.ends}
        asked = [
            one
            for one in map(questions.compose_question, numbers)
            if one.example.question.id not in known and one.asked.family in (config.families or FAMILIES)
        ]
        left.count = len(asked)
        patience = PolicyPatience(len(asked))
        for posed, trajectory in _run_questions(asked, policy_for, config):
            left.count -= 1
            results.append(summarize_result(posed, trajectory))
            if config.keep == "all" or is_to_imitate(posed, trajectory):
                kept.add(write_replies(trajectory) if trajectory.setup is None else trajectory)
            patience.check(trajectory)
            say(f"{len(results)} played in {time.perf_counter() - started:.0f} s, {len(kept.ends)} kept")
    return results


def policy_of(config: CollectConfig, in_play: Callable[[], int] | None = None) -> Callable[[ComposedTask], Policy]:
    """The policy for each question; `in_play` gives the number of active runs, so that batches can be full."""
    if config.policy == EXPERT:
        return lambda posed: ScriptedExpert(posed.asked, _eyes(posed, config.view), in_words=config.in_words)
    options = PolicyOptions(
        temperature=config.temperature,
        seed=config.seed,
        max_reply_tokens=config.max_reply_tokens,
        concurrency=config.concurrency,
        adapter=config.adapter,
    )
    policy = _open_half_policy(config.policy, options, in_play) if config.half else open_policy(config.policy, options)
    return lambda posed: policy


def _open_half_policy(spec: str, options: PolicyOptions, in_play: Callable[[], int] | None) -> Policy:
    kind, _, where = spec.partition(":")
    if kind != "transformers":
        raise ValueError(f"only transformers:MODEL runs in half precision, got {spec!r}: leave --half out")
    from rl.sampling.bf16_copy import HalfPolicy

    return HalfPolicy(where, options, in_play)


def _eyes(posed: ComposedTask, view: View) -> WordEyes | PictureEyes:
    return WordEyes() if view == "words" else PictureEyes(posed.episode)


def _run_questions(
    asked: Sequence[ComposedTask], policy_for: Callable[[ComposedTask], Policy], config: CollectConfig
) -> Iterable[tuple[ComposedTask, Trajectory]]:
    release_openmp_threads()  # this thread has loaded the model, and waits from here on
    pool = ThreadPoolExecutor(config.concurrency)
    try:
        playing = {
            pool.submit(
                run_question, one, policy_for(one), config.view, config.max_turns, config.opening, config.blind
            ): one
            for one in asked
        }
        for done in as_completed(playing):
            yield playing[done], done.result()
    finally:  # nothing new begins once the policy has failed too often
        pool.shutdown(cancel_futures=True)


def run_question(
    posed: ComposedTask, policy: Policy, view: View, max_turns: int = 8, opening: bool = False, blind: bool = False
) -> Trajectory:
    """Runs one question through the graph, without the second look.

    Args:
        posed: the question.
        policy: the policy.
        view: how the policy observes the video.
        max_turns: most turns of the run.
        opening: whether the loop makes the initial looks.
        blind: whether a grey clip replaces the video.
    """
    with posed.tools(view, is_blind=blind) as tools:
        limits = Limits(max_turns=max_turns, max_frames=None)
        looks = plan_initial_calls("look", read_video_facts(tools)) if opening else ()
        return ask(posed.example.question, tools, policy, limits, verify=False, opening=looks)


def is_to_imitate(posed: ComposedTask, trajectory: Trajectory) -> bool:
    """Whether a run is correct, ended by itself, and has no malformed turn and no refused call."""
    result = summarize_result(posed, trajectory)
    return trajectory.stop is Stop.ANSWERED and result.is_right is True and not result.malformed and not result.errors


def summarize_result(posed: ComposedTask, trajectory: Trajectory) -> QuestionResult:
    """Correctness, turns, calls and errors of one trajectory."""
    value = score(posed.example, trajectory).value
    return QuestionResult(
        family=posed.asked.family,
        is_right=None if value is None else value == 1.0,
        turns=trajectory.turns,
        malformed=sum(isinstance(step.turn.move, Malformed) for step in trajectory.steps),
        calls=sum(len(s.turn.move.calls) for s in trajectory.steps if isinstance(s.turn.move, Calls)),
        errors=sum(result.observation.is_error for result in trajectory.results),
    )


def summarize_results(told: Sequence[QuestionResult]) -> str:
    """Summary of several results as text: a line for all and one for each family."""
    scored = [one for one in told if one.is_right is not None]
    turns, calls = sum(one.turns for one in told), sum(one.calls for one in told)
    lines = [
        f"{len(told)} questions, {_share([bool(one.is_right) for one in scored])} right of {len(scored)} scored; "
        f"{_share([not one.malformed for one in told])} without a malformed turn, "
        f"{1 - sum(one.malformed for one in told) / max(1, turns):.0%} of {turns} turns parse; "
        f"{calls / max(1, len(told)):.1f} calls a question, {sum(one.errors for one in told)} refused"
    ]
    for family in sorted({one.family for one in scored}):
        theirs = [bool(one.is_right) for one in scored if one.family == family]
        lines.append(f"  {family}: {sum(theirs)} of {len(theirs)}")
    return "\n".join(lines)


def _share(flags: Sequence[bool]) -> str:
    return f"{sum(flags) / len(flags):.0%}" if flags else "none"


def _parse_arguments(arguments: Sequence[str] | None) -> CollectConfig:
    parser = Parser("python -m rl.collect", description="Plays composed questions, keeps the runs.")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument(
        "--policy", default=CollectConfig.policy, metavar="SPEC", help="expert, or as agent ask --policy"
    )
    parser.add_argument("--questions", type=int, default=CollectConfig.questions, metavar="N")
    parser.add_argument(
        "--start", type=int, default=CollectConfig.start, metavar="N", help="number of the first question"
    )
    parser.add_argument("--seed", type=int, default=CollectConfig.seed, metavar="S")
    parser.add_argument("--split", choices=get_args(Split), default=CollectConfig.split)
    parser.add_argument("--level", type=int, default=CollectConfig.level, help="1, 30 s with 1, to 5, 600 s with 6")
    parser.add_argument(
        "--families", nargs="+", choices=sorted(FAMILIES), default=(), help="of the questions, only these kinds"
    )
    parser.add_argument("--view", choices=get_args(View), default=CollectConfig.view)
    parser.add_argument("--opening", action="store_true", help="with a first look, as agent ask takes it for a model")
    parser.add_argument("--keep", choices=("right", "all"), default=CollectConfig.keep)
    parser.add_argument("--concurrency", type=int, default=CollectConfig.concurrency, metavar="N")
    parser.add_argument("--adapter", default="", metavar="FOLDER", help="LoRA, for transformers:MODEL")
    parser.add_argument("--in-words", action="store_true", help="the expert names options by their words")
    parser.add_argument("--blind", action="store_true", help="a grey clip in place of every video")
    parser.add_argument("--half", action="store_true", help="in bfloat16, for transformers:MODEL")
    parser.add_argument("--temperature", type=float, default=CollectConfig.temperature)
    parser.add_argument("--max-reply-tokens", type=int, default=CollectConfig.max_reply_tokens, metavar="N")
    parser.add_argument("--max-turns", type=int, default=CollectConfig.max_turns, metavar="N")
    given = vars(parser.parse_args(arguments))
    return CollectConfig(**given | {"families": tuple(given["families"])})


def _command_line() -> None:
    print(escape_controls(summarize_results(main(_parse_arguments(None), tell))))


if __name__ == "__main__":
    end_process("rl.collect", _command_line)
