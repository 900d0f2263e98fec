"""`ask`: one question about a video or several, run to its end; the command line, benchmarks and others call it."""

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from agent.cost.estimate import add_captioner, check_cost_limit, estimate_for_policy
from agent.limits import compute_scale
from agent.loop.checkpoint import open_sqlite_checkpointer
from agent.loop.examples import ask_with_examples, rank_examples
from agent.loop.graph import OnEvent, RunContext, build_graph, run_graph
from agent.loop.modes import TOOLS, Mode, NamedTools, OfferedTools, WordTools, plan_initial_calls
from agent.loop.run_pictures import RunPictures
from agent.loop.self_consistency import AT_ONCE, ask_where_unsure, ask_with_voting
from agent.loop.several_videos import SeveralVideos, VideoTools
from agent.loop.strategies import check_strategy, choose_tools
from agent.loop.tracing import trace_question
from agent.policies.captioner import ModelCaptioner
from agent.policy import Policy, Tools
from agent.trajectory import (
    Effort,
    ExampleRun,
    Limits,
    Question,
    Strategy,
    ToolCall,
    Trajectory,
    VideoFacts,
    Vote,
    make_call_ids,
)
from tools.toolbox import OPTIONAL_TOOLS, TOOL_NAMES
from tools.vision.clip_captions import count_clips

QuestionTools = VideoTools | SeveralVideos
"""The tools of a question: those of its video, or of its several videos."""


def ask(
    question: Question,
    toolbox: QuestionTools,
    policy: Policy,
    limits: Limits | None = None,
    *,
    verify: bool = True,
    look_again: bool = True,
    mode: Mode | None = None,
    strategy: Strategy = "direct",
    opening: tuple[ToolCall, ...] | None = None,
    sample: int = 0,
    samples: int = 1,
    vote: Vote = "majority",
    effort: Effort = "medium",
    examples: Sequence[ExampleRun] = (),
    opening_seconds: float = 0.0,
    keep: Path | None = None,
    resume: bool = False,
    earlier: tuple[Trajectory, ...] = (),
    on_event: OnEvent = lambda _: None,
) -> Trajectory:
    """The finished trajectory of a question.

    Args:
        question: the question.
        toolbox: the tools of its video, or of its videos in their order.
        policy: the policy.
        limits: bounds of the run; the defaults of Limits if None.
        verify: answer a second time from the evidence alone. A policy that is no language model is not asked again: its
            rules would read the same lines in the same way, and their agreement would say nothing.
        look_again: where that second answer disagrees, let the policy look once more before it answers for good.
        mode: what a model is given of the video; None is `look`, or `captions` for a model that sees no pictures.
            `captions-first` needs tools with a captioner.
        strategy: how a model goes about it (`agent.loop.strategies`).
        opening: tool calls made before the first turn in place of the mode's; any tool of `toolbox` can be called.
        sample: index of this run among several of the question, from 0; added to the seed. With several `samples`, the
            index of the first.
        samples: number of runs that vote on the answer, in place of a second look by one of them.
        vote: what a run's vote weighs: one, or the confidence that it states.
        effort: what `limits` were made by; the first look at a long video goes by it.
        examples: runs that were right, of which a model is shown the most similar, and others while it is unsure.
        opening_seconds: seconds that have passed already; counted against the time limit.
        keep: a SQLite file in which every step is kept, so that an interrupted run can be resumed; None keeps nothing.
        resume: go on from the checkpoint that `keep` holds of this very question, if it holds one.
        earlier: runs of earlier questions about the video, oldest first. A model is sent them before this question, and
            may cite what they brought; the limits are those of this question alone.
        on_event: called with the trajectory at the start, with every turn and after every step.

    Raises:
        ValueError: the toolbox shows more than the question allows, or other videos than `earlier` is about, or not as
            many as the question names; the policy has no such mode, or no price that is known under a cost limit.
    """
    limits = limits or Limits()

    if examples and (samples > 1 or strategy == "uncertain"):
        raise ValueError("examples are shown to one run at a time: leave samples and uncertain out")

    def run_once(
        number: int, density: int, left: Limits, notice: str = "", shown: tuple[ExampleRun, ...] = ()
    ) -> Trajectory:
        start, context = prepare_run(
            question,
            toolbox,
            policy,
            left,
            verify=verify and samples == 1 and notice != AT_ONCE,
            look_again=look_again,
            mode=mode,
            strategy=strategy,
            effort=effort,
            opening=opening,
            density=density,
            sample=sample + number,
            opening_seconds=opening_seconds if number == 0 else 0.0,
            earlier=earlier,
        )
        start, context = replace(start, examples=shown), replace(context, notice=notice)
        on_event(start)
        with ExitStack() as stack:
            saver = stack.enter_context(open_sqlite_checkpointer(keep)) if keep is not None else None
            described = find_captioner(list_videos(toolbox))
            by = "" if described is None else f" {described.spec}"
            name = make_thread_id(start, opening=repr(context.opening) + notice + by)
            span = stack.enter_context(trace_question(start))
            ended = run_graph(
                start, context, graph=build_graph(saver), thread_id=name, resume=resume, on_event=on_event
            )
            span.end_question(ended)
        # known only now: some backends find out during the first request what the server takes
        return replace(ended, setup=policy.setup)

    if examples and policy.setup is not None:
        hashes = [video.video.content_hash for video in list_videos(toolbox)]
        ranked = rank_examples(question, hashes, examples)
        return ask_with_examples(lambda number, left, shown: run_once(number, 1, left, shown=shown), ranked, limits)
    if strategy == "uncertain":
        return ask_where_unsure(run_once, samples, limits, vote)
    return run_once(0, 1, limits) if samples == 1 else ask_with_voting(run_once, samples, limits, vote=vote)


class PreparedRun(NamedTuple):
    """A run that has not begun."""

    start: Trajectory
    context: RunContext


def prepare_run(
    question: Question,
    toolbox: QuestionTools,
    policy: Policy,
    limits: Limits,
    *,
    verify: bool = True,
    look_again: bool = True,
    mode: Mode | None = None,
    strategy: Strategy = "direct",
    effort: Effort = "medium",
    opening: tuple[ToolCall, ...] | None = None,
    density: int = 1,
    sample: int = 0,
    opening_seconds: float = 0.0,
    earlier: tuple[Trajectory, ...] = (),
) -> PreparedRun:
    """The first trajectory of a run and its context, for `ask` and for graphs that a host runs.

    Args:
        question: the question.
        toolbox: the tools of its video, or of its videos in their order.
        policy: the policy.
        limits: bounds of the run.
        verify: answer a second time from the evidence alone, where the policy is a model.
        look_again: let the policy look once more where that second answer disagrees.
        mode: what a model is given of the video; None is the policy's usual mode.
        strategy: how a model goes about it.
        effort: what `limits` were made by.
        opening: tool calls made before the first turn in place of the mode's.
        density: how many times as many frames as usual the mode's initial calls show.
        sample: index of the run among several of the question, from 0.
        opening_seconds: seconds that have passed already; counted against the time limit.
        earlier: runs of earlier questions about the video, oldest first.

    Raises:
        ValueError: what `ask` refuses.
    """
    videos = list_videos(toolbox)
    if len(videos) != len(question.videos):
        raise ValueError(f"the question names {len(question.videos)} videos, and there are tools of {len(videos)}")
    facts, *others = (read_video_facts(video) for video in videos)
    _check_end(question, facts)
    check_strategy(strategy, question, policy)
    start = Trajectory(question, facts, policy.spec, limits, sample=sample, opening_seconds=opening_seconds)
    start = replace(start, earlier=earlier, other_facts=tuple(others), strategy=strategy, effort=effort)
    if any(run.content_hashes != start.content_hashes for run in earlier):
        named = ", ".join(str(video.video.path) for video in videos)
        raise ValueError(f"{named}: not the video of the earlier questions, whose content differs")
    check_cost_limit(policy, limits)
    context = make_run_context(
        toolbox, policy, verify=verify, look_again=look_again, mode=mode, strategy=strategy, opening=opening
    )
    estimate = estimate_for_policy(policy, start, verify=context.verify)
    is_due = opening is None and not any(step.turn.is_opening for run in earlier for step in run.steps)
    if is_due:
        context = replace(context, opening=_plan_opening(start, videos, policy, mode, density))
    if (captioner := find_captioner(videos)) is not None:
        captioned = [call for call in context.opening if call.name == "read_captions"]
        clips = sum(count_clips(facts.length_seconds) for facts in start.facts_by_number.values()) if captioned else 0
        estimate = add_captioner(estimate, captioner.policy, start, clips)
    return PreparedRun(replace(start, estimate=estimate), context)


def find_captioner(videos: Sequence[VideoTools]) -> ModelCaptioner | None:
    """The model that describes windows of the videos; None without one, as behind the tools of a control."""
    found = (getattr(video, "captioner", None) for video in videos)
    return next((one for one in found if isinstance(one, ModelCaptioner)), None)


def _plan_opening(
    start: Trajectory, videos: Sequence[VideoTools], policy: Policy, wanted: Mode | None, density: int
) -> tuple[ToolCall, ...]:
    """The initial calls of a mode for each video; none for a policy that is no language model."""
    planned: list[ToolCall] = []
    for (number, facts), video in zip(start.facts_by_number.items(), videos, strict=True):
        mode = _choose_mode_for([video], policy, wanted)
        has_captioner = any(spec.name == "read_captions" for spec in video.specs)
        if mode == "captions-first" and not has_captioner:
            raise ValueError("the mode captions-first needs a captioner that describes the clips")
        scale = compute_scale(start.effort, facts.length_seconds)
        calls = () if mode is None else plan_initial_calls(mode, facts, density, scale, has_captioner=has_captioner)
        named = {} if number is None else {"video": number}
        planned += [replace(call, arguments=call.arguments | named) for call in calls]
    ids = make_call_ids(start, len(planned))
    return tuple(replace(call, id=name) for call, name in zip(planned, ids, strict=True))


def make_run_context(
    toolbox: QuestionTools,
    policy: Policy,
    *,
    verify: bool = True,
    look_again: bool = True,
    mode: Mode | None = None,
    strategy: Strategy = "direct",
    opening: tuple[ToolCall, ...] | None = None,
) -> RunContext:
    """The context of a run, without the initial calls of its mode; the arguments are those of `ask`.

    Args:
        toolbox: the tools of the video.
        policy: the policy.
        verify: answer a second time from the evidence alone, where the policy is a model.
        look_again: let the policy look once more where that second answer disagrees.
        mode: what a model is given of the video; None is the policy's usual mode.
        strategy: how a model goes about it.
        opening: tool calls made before the first turn in place of the mode's.

    Raises:
        ValueError: the policy has no such mode.
    """
    mode = _choose_mode_for(list_videos(toolbox), policy, mode)
    if opening is not None:
        mode = None
    tools = choose_tools(strategy, RunPictures(_narrow_to_mode(toolbox, mode)))
    # what the mode shows first is not the policy's choice: it is shown without the policy having the tool
    first = _narrow_to_mode(toolbox.whole, mode) if isinstance(toolbox, NamedTools) else None
    return RunContext(
        policy, tools, verify and policy.setup is not None, look_again, opening or (), opening_tools=first
    )


def _narrow_to_mode(toolbox: QuestionTools, mode: Mode | None) -> Tools:
    if mode in TOOLS:
        of_others = {spec.name for spec in toolbox.specs} - {*TOOL_NAMES, *OPTIONAL_TOOLS}
        return WordTools(toolbox, TOOLS[mode] | of_others)
    return toolbox if mode is None else OfferedTools(toolbox)


def _choose_mode_for(videos: Sequence[VideoTools], policy: Policy, wanted: Mode | None) -> Mode | None:
    mode = choose_mode(policy, wanted)
    return mode if mode is None or any(one.video.info.has_pictures for one in videos) else "subtitles"


def _check_end(question: Question, facts: VideoFacts) -> None:
    if (question.from_seconds or 0.0) != facts.start_seconds:
        raise ValueError(
            f"the toolbox begins at {facts.start_seconds:g} s, and the question at {question.from_seconds or 0.0:g} s: "
            f"open it with start={question.from_seconds}"
        )
    if question.until_seconds is not None and facts.duration_seconds > question.until_seconds:
        raise ValueError(
            f"the toolbox goes on to {facts.duration_seconds:g} s, past the question's {question.until_seconds:g} s: "
            f"open it with until={question.until_seconds:g}"
        )


def choose_mode(policy: Policy, wanted: Mode | None) -> Mode | None:
    """The mode that a policy runs in; None for one that is no language model and decides on all its calls itself.

    Raises:
        ValueError: the policy does not have the wanted mode.
    """
    setup = policy.setup
    if setup is None:
        if wanted not in (None, "look"):
            raise ValueError(f"{policy.spec} is no language model and has no mode {wanted!r}: give --policy a model")
        return None
    if not setup.sees_pictures and wanted == "look":
        raise ValueError(f"{policy.spec} sees no pictures: take the mode captions or subtitles")
    if setup.sees_pictures:
        return wanted or "look"
    return "captions" if wanted in (None, "captions-first") else wanted


def list_videos(toolbox: QuestionTools) -> tuple[VideoTools, ...]:
    """The tools of each video of a question by itself, with those that the policy is not given."""
    if isinstance(toolbox, SeveralVideos):
        return toolbox.videos
    return (toolbox.whole if isinstance(toolbox, NamedTools) else toolbox,)


def measure_length(toolbox: QuestionTools) -> float:
    """The length of all videos of a question together, in seconds."""
    return sum(one.video.info.length_seconds for one in list_videos(toolbox))


def read_video_facts(toolbox: VideoTools) -> VideoFacts:
    """The video's properties as a trajectory records them."""
    info = toolbox.video.info
    width, height = (info.width, info.height) if info.has_pictures else (0, 0)
    return VideoFacts(
        content_hash=toolbox.video.content_hash,
        duration_seconds=info.duration_seconds,
        width=width,
        height=height,
        is_cut_off=info.is_cut_off,
        has_speech_track=info.has_audio,
        has_subtitles=toolbox.has_subtitles,
        gaps=info.gaps,
        start_seconds=info.start_seconds,
        created_at=info.created_at,
    )


def make_thread_id(start: Trajectory, opening: str = "") -> str:
    """The checkpointer's name for a run, a hash of all that makes it the same run.

    Args:
        start: the trajectory before its first turn: video, question, options, policy, limits and sample.
        opening: the initial tool calls, as text.
    """
    question = start.question
    asked = (question.task, question.text, *question.options)
    if question.audio_track is not None:
        asked += (f"sound track {question.audio_track}",)
    if start.earlier:
        asked += (repr(start.earlier),)
    if start.strategy != "direct":
        asked += (start.strategy,)
    if start.examples:
        asked += (repr(start.examples),)
    parts = (*start.content_hashes, *asked, start.policy, repr(start.limits), str(start.sample), opening)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
