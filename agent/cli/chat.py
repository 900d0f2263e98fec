"""`agent chat`: questions about one video, several or a folder in a terminal, each of which knows those before it.

Ctrl-C stops an answer and not the chat, Ctrl-D ends it. Arrow keys bring back what was asked, where the terminal's line
editor is there.
"""

import argparse
import io
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.cli.run_options import (
    VIDEO,
    add_asking_options,
    open_asked_policy,
    read_video_options,
    take_folder,
    tell_of_subtitles,
)
from agent.options import read_budget
from agent.outputs import write_output
from agent.paths import escape_path
from agent.terminal import Screen
from agent.trajectory import Question

if TYPE_CHECKING:
    from agent.cli import Commands
    from agent.events import Event
    from agent.run_result import RunResult
    from agent.sessions.options import QuestionOptions
    from agent.sessions.session import Session

_PROMPT = "? "
_HELP = """\
/save FILE    write the chat: `agent chat VIDEO --resume FILE` goes on with it
/report FILE  write a page with the last answer, its evidence and every turn
/help         this
Ctrl-C stops an answer, Ctrl-D ends the chat."""


def add(commands: "Commands") -> None:
    """Adds the command to the parser."""
    chat = commands.add_parser("chat", help="ask about a video, or several, again and again; what was seen is kept")
    chat.add_argument(
        "videos",
        metavar="VIDEO",
        nargs="+",
        help=f"{VIDEO}; several are asked about together; of a folder those that fit each question best",
    )
    add_asking_options(chat)
    chat.add_argument("--resume", metavar="FILE.json", help="go on with a chat, or a run, that was saved")
    chat.set_defaults(run=_run, takes_standard_input=False)  # the questions are read there


def _run(options: argparse.Namespace) -> int:
    from agent.policies.lite import ABOUT
    from agent.sleuth import Sleuth

    progress = Screen(stderr=True)
    first, *others = (escape_path(video) for video in options.videos)
    question = Question(first, "?", other_videos=tuple(others))
    videos = options.videos
    take_folder(options)
    policy = open_asked_policy(options, question, progress, progress)
    tell_of_subtitles(options, progress)
    asked: QuestionOptions = {
        "mode": options.mode,
        "verify": not options.no_verify,
        "samples": options.samples,
        "strategy": options.strategy,
        "vote": options.vote,
        "examples": options.examples,
        "effort": options.effort,
        **read_budget(options).given,  # type: ignore[typeddict-item]  # the names of `Limits`
    }
    opened = read_video_options(options)
    sleuth = Sleuth(policy, encoder=options.encoder, captioner=options.captioner, use_configured_tools=True)
    with sleuth:
        if options.resume is None:
            session = sleuth.open(videos, **opened)
        else:
            session = sleuth.resume(options.resume, videos, **opened)
        if policy.spec == "lite":
            progress.print(ABOUT, style="dim", highlight=False, soft_wrap=True)
        progress.print("Ask; /help says what else there is.", style="dim", highlight=False)
        _ChatLoop(session, asked, progress).talk()
    return 0


class _ChatLoop:
    def __init__(self, session: "Session", asked: "QuestionOptions", progress: Screen) -> None:
        self._session = session
        self._asked = asked
        self._progress = progress
        self._screen = Screen()
        self._last: RunResult | None = None

    def talk(self) -> None:
        """Reads and answers until the input ends."""
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="backslashreplace")  # a slip of the keyboard must not end the chat
        self._remember_lines()
        while True:
            try:
                line = input(_PROMPT if self._screen.is_terminal else "").strip()
            except KeyboardInterrupt:
                self._screen.print()
                continue
            except EOFError:
                if self._screen.is_terminal:
                    self._screen.print()
                return
            try:
                self._do(line)
            except (ValueError, OSError) as error:
                self._progress.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)

    def _remember_lines(self) -> None:
        with suppress(ImportError):  # not everywhere; importing it is all that `input` needs
            import readline

            for run in self._session.trajectories:
                readline.add_history(run.question.text)

    def _do(self, line: str) -> None:
        command, _, file = (part.strip() for part in line.partition(" "))
        if not line.startswith("/"):
            if line:
                self._answer(line)
        elif command == "/save" and file:
            self._session.save(file)
            self._told(f"the chat is in {file}")
        elif command == "/report" and file:
            if self._last is None:
                raise ValueError("nothing was asked yet: there is no answer to report")
            write_output(file, self._last.html().encode("utf-8", errors="replace"))
            self._told(f"the report is in {file}")
        else:
            self._told(_HELP)

    def _told(self, text: str) -> None:
        self._progress.print(text, style="dim", highlight=False, markup=False, soft_wrap=True)

    def _answer(self, question: str) -> None:
        from agent.events import ToolCalled
        from agent.report.console import print_answer, show_working

        run = self._session.start(question, **self._asked)
        try:
            with show_working(self._progress) as shown:
                shown.at_work("opening the video")
                for event in run:
                    _tell(event, self._progress)
                    shown.at_work(event.tool if isinstance(event, ToolCalled) else "thinking")
        except KeyboardInterrupt:
            run.cancel()
        self._last = run.result()
        print_answer(self._last.trajectory, self._screen)
        if self._last.error:
            self._progress.print(self._last.error, style="red", highlight=False, markup=False, soft_wrap=True)


def _tell(event: "Event", progress: Screen) -> None:
    """Tells of an event on a line, as `agent ask` does."""
    from agent.events import AnswerVerified, NoticeGiven, ToolCalled, ToolReturned, TurnTaken
    from agent.report.console import format_call, format_observation, print_short
    from agent.trajectory import ToolCall

    if isinstance(event, TurnTaken):
        if event.thought:
            print_short(progress, "think", event.thought, "magenta")
        if event.malformed:
            print_short(progress, "reply", f"not usable: {event.malformed}", "red")
    elif isinstance(event, ToolCalled):
        call = ToolCall(event.call_id, event.tool, event.arguments)
        print_short(progress, "call", f"{event.call_id} {format_call(call)}", "blue")
    elif isinstance(event, ToolReturned):
        print_short(progress, "saw", f"{event.call_id} {format_observation(event.observation)}", "green")
    elif isinstance(event, NoticeGiven):
        print_short(progress, "note", event.text, "yellow")
    elif isinstance(event, AnswerVerified):
        seen = "agrees" if event.agrees else f"says instead: {event.answer}"
        print_short(progress, "check", "came to no answer" if event.agrees is None else seen, "cyan")
