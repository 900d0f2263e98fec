"""Asking, as one call: what the command line, the benchmarks and other programs use."""

import hashlib
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from agent.checkpoint import sqlite_checkpointer
from agent.graph import OnEvent, Players, build_graph, run
from agent.policy import Policy
from agent.trajectory import Limits, Question, Trajectory, VideoFacts
from tools.toolbox import Toolbox


def ask(
    question: Question,
    toolbox: Toolbox,
    policy: Policy,
    limits: Limits | None = None,
    *,
    verify: bool = True,
    keep: Path | None = None,
    resume: bool = False,
    on_event: OnEvent = lambda _: None,
) -> Trajectory:
    """The question, played to its end.

    Args:
        question: what is asked.
        toolbox: the tools of its video.
        policy: who plays.
        limits: what it may cost; the defaults of Limits if None.
        verify: answer a second time from the evidence alone.
        keep: a SQLite file in which every step is kept, so that an interrupted run can be resumed; None keeps nothing.
        resume: go on from what `keep` holds of this very question, if it holds anything.
        on_event: told of every turn and every step.
    """
    start = Trajectory(question, video_facts(toolbox), policy=policy.spec, limits=limits or Limits())
    players = Players(policy, toolbox, verify)
    with ExitStack() as stack:
        saver = stack.enter_context(sqlite_checkpointer(keep)) if keep is not None else None
        graph = build_graph(saver)
        ended = run(start, players, graph=graph, thread_id=thread_id(start), resume=resume, on_event=on_event)
    # known only now: some backends find out during the first request what the server takes
    return replace(ended, setup=policy.setup)


def video_facts(toolbox: Toolbox) -> VideoFacts:
    """What a trajectory records of the video before the first turn."""
    info = toolbox.video.info
    return VideoFacts(
        content_hash=toolbox.video.content_hash,
        duration_seconds=info.duration_seconds,
        width=info.width,
        height=info.height,
        is_cut_off=info.is_cut_off,
        has_speech_track=info.has_audio,
        has_subtitles=toolbox.has_subtitles,
    )


def thread_id(start: Trajectory) -> str:
    """Names a run by what makes it the same run: video, question, options, policy and limits."""
    question = start.question
    parts = (start.facts.content_hash, question.text, *question.options, start.policy, repr(start.limits))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
