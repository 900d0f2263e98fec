"""`agent clip`: the evidence of a saved answer, or a stretch of a video, as files of their own."""

import argparse
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.run_options import VIDEO, add_window_options
from agent.options import add_yes_option
from agent.paths import escape_path
from agent.terminal import Screen

if TYPE_CHECKING:
    from agent.cli import Commands
    from agent.report.clip import ClipSpan
    from agent.trajectory import Evidence, Trajectory
    from tools.video.source import VideoSource

FORMATS = ("mp4", "gif")
_AROUND_SECONDS = 1.0
"""Seconds before and after evidence that its clip shows too: much of it is one frame."""


def add(commands: "Commands") -> None:
    """Adds the command `clip` to the parser."""
    clip = commands.add_parser(
        "clip",
        help="cut the evidence of a saved answer, or a part of a video, out as mp4 or gif",
        description="Of a saved answer each piece of evidence becomes a file, with a second before and after it; its "
        "words stand below the picture. Of a video --from and --to say what is cut out.",
    )
    clip.add_argument("source", metavar="RUN.json|VIDEO", help=f"what `--save` wrote, or {VIDEO}")
    add_window_options(clip)
    clip.add_argument("--caption", default="", metavar="TEXT", help="words below the picture of a part of a video")
    clip.add_argument("--format", choices=FORMATS, default=None, help="by default that of FILE's name, else mp4")
    clip.add_argument(
        "--save", metavar="FILE", help="where to write it; of several pieces of evidence, FILE-2 and so on"
    )
    clip.add_argument(
        "--video",
        metavar="FILE",
        action="append",
        help="where the video of a saved answer is now, if it has moved; of several each in turn",
    )
    add_yes_option(clip, "fetch what an address names without asking")
    clip.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from agent.outputs import check_writable

    source = Path(options.source)
    form = options.format or _read_format(options.save)
    is_run = source.suffix.casefold() == ".json"
    if is_run and (options.start is not None or options.until is not None or options.caption):
        raise ValueError("a saved answer says itself what is cut out: leave --from, --to and --caption out")
    if not is_run and options.start is None and options.until is None:
        raise ValueError("say what is cut out: --from TIME, --to TIME, or both")
    first = Path(options.save) if options.save else Path(f"{source.stem}-clip.{form}")
    check_writable((first,), (source,))
    return _cut_evidence(options, source, first, form) if is_run else _cut_part(options, source, first, form)


def _read_format(path: str | None) -> str:
    suffix = "" if path is None else Path(path).suffix.casefold().removeprefix(".")
    return suffix if suffix in FORMATS else FORMATS[0]


def _cut_part(options: argparse.Namespace, source: Path, path: Path, form: str) -> int:
    from agent.loop.checks import check_inputs
    from agent.report.clip import ClipSpan
    from tools.video.other_sources import open_video

    check_inputs(source, None)
    video = open_video(source)
    try:
        end = video.info.duration_seconds
        start, stop = options.start or 0.0, end if options.until is None else options.until
        if not 0 <= start < min(stop, end):
            raise ValueError(f"need --from before --to and before the end, {end:.2f} s; got {start:g} to {stop:g} s")
        _write(video, ClipSpan(start, min(stop, end), options.caption), path, form)
    finally:
        video.close()
    return 0


def _cut_evidence(options: argparse.Namespace, source: Path, path: Path, form: str) -> int:
    from agent.cli.recorded_videos import list_recorded_videos
    from agent.report.clip import ClipSpan
    from agent.trajectory import collect_evidence, load
    from tools.video.other_sources import open_video

    recorded = load(source)
    evidence = () if recorded.answer is None else collect_evidence(recorded.answer)
    if not evidence:
        raise ValueError(f"{source} holds no answer with evidence")
    paths = list_recorded_videos(recorded, options.video, None)
    asked = recorded.question
    videos = [
        open_video(one, asked.until_seconds, asked.picture_stream, asked.from_seconds, asked.fps) for one in paths
    ]
    try:
        if tuple(video.content_hash for video in videos) != recorded.content_hashes:
            raise ValueError(f"{', '.join(map(escape_path, paths))}: another video than the run had")
        for number, item in enumerate(evidence, start=1):
            video = videos[(item.video or 1) - 1]
            start = max(video.info.start_seconds, item.start_seconds - _AROUND_SECONDS)
            stop = min(video.info.duration_seconds, item.stop_seconds + _AROUND_SECONDS)
            target = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
            _write(video, ClipSpan(start, stop, _describe(recorded, item, video)), target, form)
    finally:
        for video in videos:
            video.close()
    return 0


def _describe(recorded: "Trajectory", item: "Evidence", video: "VideoSource") -> str:
    from agent.coverage import format_mmss

    words = item.quote or item.note or (recorded.answer.text if recorded.answer is not None else "")
    return f"{video.path.name} {format_mmss(item.start_seconds)}: {words}"


def _write(video: "VideoSource", span: "ClipSpan", path: Path, form: str) -> None:
    """Writes a clip whole or not at all."""
    from agent.report.clip import write_gif, write_mp4

    handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.", suffix=f".{form}")
    os.close(handle)
    beside = Path(name)
    try:
        (write_gif if form == "gif" else write_mp4)(video, span, beside)
        beside.chmod(0o644)
        beside.replace(path)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()
    Screen(stderr=True).print(
        f"{escape_path(str(path))}: {span.start_seconds:.2f} to {span.stop_seconds:.2f} s of "
        f"{escape_path(str(video.path))}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
