"""`agent transcript` and `agent texts`: what is said, and what stands on screen, as subtitles or JSON."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.cli.run_options import add_window_options
from agent.options import add_yes_option
from agent.terminal import Screen

if TYPE_CHECKING:
    from agent.cli import Commands
    from agent.report.subtitles import TimedLine
    from tools.toolbox import Toolbox


def add(commands: "Commands") -> None:
    """Adds the commands `transcript` and `texts` to the parser."""
    transcript = commands.add_parser("transcript", help="write down what is said, as srt, vtt or json")
    transcript.add_argument("--subtitles", metavar="FILE", help="srt, vtt or ass, in place of what is heard")
    transcript.add_argument("--audio", type=int, default=None, metavar="N", help="hear sound track N, from 1")
    texts = commands.add_parser("texts", help="write down the text on screen, as srt, vtt or json")
    for command, work in ((transcript, _write_transcript), (texts, _write_texts)):
        command.add_argument("video", metavar="VIDEO", help="a video file")
        add_window_options(command)
        add_yes_option(command, "fetch what an address names without asking")
        command.add_argument(
            "--format", choices=("srt", "vtt", "json"), default=None, help="by default that of FILE's name, else srt"
        )
        command.add_argument("--save", metavar="FILE", help="where to write it; by default on stdout")
        command.set_defaults(run=work)


def _write_transcript(options: argparse.Namespace) -> int:
    return _write(options, _collect_speech, subtitles=options.subtitles, audio=options.audio)


def _write_texts(options: argparse.Namespace) -> int:
    return _write(options, _collect_texts, subtitles=None, audio=None)


def _write(
    options: argparse.Namespace,
    collect: "Callable[[Toolbox], tuple[list[TimedLine], tuple[str, ...]]]",
    *,
    subtitles: str | None,
    audio: int | None,
) -> int:
    from agent.loop.checks import check_inputs
    from agent.outputs import check_writable, write_output
    from agent.report.subtitles import FORMATS, CaptionFormat, format_lines
    from tools.toolbox import open_toolbox

    suffix = str(options.save or "").rpartition(".")[2].casefold()
    known: dict[str, CaptionFormat] = {form: form for form in FORMATS}
    form = known[options.format or (suffix if suffix in known else "srt")]
    check_inputs(options.video, subtitles)
    check_writable((options.save,), (options.video, subtitles))
    with open_toolbox(
        options.video, start=options.start, until=options.until, subtitles=subtitles, audio=audio
    ) as toolbox:
        lines, gaps = collect(toolbox)
    progress = Screen(stderr=True)
    for gap in gaps:
        progress.print(gap, style="yellow", highlight=False, markup=False, soft_wrap=True)
    doubtful = sum(bool(line.doubt) for line in lines)
    if doubtful and form != "json":
        progress.print(f"{doubtful} doubtful lines are left out; --format json has them", highlight=False)
    text = format_lines(lines, form)
    if options.save:
        write_output(options.save, text)
    else:
        print(text, end="", flush=True)
    return 0


def _collect_speech(toolbox: "Toolbox") -> "tuple[list[TimedLine], tuple[str, ...]]":
    from agent.report.subtitles import TimedLine

    said = toolbox.transcribe()
    lines = [
        TimedLine(line.start_seconds, line.stop_seconds, line.text, line.source, "; ".join(line.doubts))
        for line in said.lines
    ]
    return lines, said.gaps


def _collect_texts(toolbox: "Toolbox") -> "tuple[list[TimedLine], tuple[str, ...]]":
    from agent.report.subtitles import TimedLine

    read = toolbox.read_all_text()
    lines = [
        TimedLine(span.start_seconds, span.stop_seconds, span.text, "screen", span.doubt, span.box)
        for span in read.spans
    ]
    return lines, () if read.covered is None else ("Text was looked for in parts of the video only.",)
