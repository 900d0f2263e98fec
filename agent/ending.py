"""The runner of the commands, which turns every error into one sentence on stderr and a status of `exit_codes`."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from functools import partial
from typing import NoReturn

from agent.exit_codes import EXIT_BAD_INPUT, EXIT_BUG, EXIT_INTERRUPTED, EXIT_NO_READER, EXIT_POLICY_FAILED
from agent.loop.tracing import flush
from agent.policy import PolicyError
from agent.terminal import escape_line, show_warnings, tell
from tools.deadline import is_anyone_left_behind
from tools.observation import MissingPartError

BUG = "this is a bug of ours: please report it with the lines above and with what `agent doctor` prints"


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence: what is wrong, and what was meant where that can be guessed."""

    def error(self, message: str) -> NoReturn:
        """Raises what argparse finds wrong, instead of ending the process.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{message} (see {self.prog} --help)")

    def parse_known_args(  # type: ignore[override]  # argparse has two overloads of it
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parses the arguments and lets none be left over: argparse would leave that to the outermost parser.

        Raises:
            ValueError: an argument is left over that the command does not take.
        """
        options, left = super().parse_known_args(args, namespace)
        if left and not self._take_over(options, left):
            self.error(self._left_over(options, left))
        return options, []

    def _take_over(self, options: argparse.Namespace, left: Sequence[str]) -> bool:
        """Whether words behind an option could be added to several words before it, of which the last is another one.

        Of `ask a.mp4 b.mp4 --json QUESTION` argparse takes b.mp4 for the question, and leaves the question over.
        """
        positional = [action for action in self._actions if not action.option_strings]
        if [action.nargs for action in positional] != [argparse.ONE_OR_MORE, None] or any(w[:1] == "-" for w in left):
            return False
        several, last = (action.dest for action in positional)
        first: list[str] = getattr(options, several)
        words = [*first, getattr(options, last), *left]
        setattr(options, several, words[:-1])
        setattr(options, last, words[-1])
        return True

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> object:
        """Refuses the empty word that an unset variable leaves, which a path would take for the working folder."""
        if "" in arg_strings and action.nargs != argparse.PARSER and action.dest != "question":
            raise argparse.ArgumentError(action, "got an empty text; is a variable of the shell not set?")
        return super()._get_values(action, arg_strings)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                action, f"{value!s} is none of {', '.join(known)}{suggest_nearest(value, known)}"
            )

    def _left_over(self, options: argparse.Namespace, left: Sequence[str]) -> str:
        """The error of arguments that the command does not take, as a sentence."""
        unknown = next((word for word in left if word.startswith("-")), None)
        if unknown is not None:
            name = unknown.partition("=")[0]
            return f"there is no option {name}{suggest_nearest(name, self._option_string_actions)}"
        last = next((a for a in reversed(self._actions) if not a.option_strings), None)
        if last is None or last.nargs not in (None, argparse.OPTIONAL):
            return f"too much is given: {' '.join(left)}"
        whole = f"{getattr(options, last.dest)} {' '.join(left)}"
        return f'{last.metavar} has several words: put it in quotes, "{whole}"'


def suggest_nearest(given: object, known: Iterable[str]) -> str:
    """`; did you mean X?` with the known word nearest to the given one; empty where none is near."""
    near = get_close_matches(str(given), list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def run_command(name: str, work: Callable[[], int | None], interrupted: str = "interrupted") -> int:
    """Runs a command and gives its exit status; an error is one sentence on stderr.

    Args:
        name: name of the command, which every message begins with.
        work: the whole command, reading its arguments included; gives the status, None for 0.
        interrupted: message after Ctrl-C.
    """
    show_warnings()
    try:
        return work() or 0
    except BrokenPipeError:
        return EXIT_NO_READER
    except (ValueError, OSError, MissingPartError) as error:
        # what users can get wrong is a ValueError or an OSError at the door; anything else is a bug
        return _tell_failure(name, format_error(error), EXIT_BAD_INPUT)
    except MemoryError:
        return _tell_failure(name, "there is not enough memory for this", EXIT_BAD_INPUT)
    except PolicyError as error:
        return _tell_failure(name, format_error(error), EXIT_POLICY_FAILED)
    except KeyboardInterrupt:
        return _tell_failure(name, interrupted, EXIT_INTERRUPTED)
    except Exception:
        tell(traceback.format_exc())
        return _tell_failure(name, BUG, EXIT_BUG)


def end_process(name: str, work: Callable[[], int | None], interrupted: str = "interrupted") -> NoReturn:
    """Runs a command and ends the process with its status, at once where the user interrupted it.

    Args:
        name: name of the command, which every message begins with.
        work: the whole command, reading its arguments included; gives the status, None for 0.
        interrupted: message after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a letter that the terminal has not must not cost the answer
            stream.reconfigure(errors="backslashreplace")
    try:
        status = run_command(name, work, interrupted)
    except SystemExit as ended:  # argparse, after --help or --version
        status = ended.code if isinstance(ended.code, int) else 0
    status = _flush_output(name, status)
    if status == EXIT_INTERRUPTED or is_anyone_left_behind():
        flush()
        os._exit(status)  # a tool may still be at work in a thread, which Python would wait for; all is saved by now
    sys.exit(status)


def check_arguments_first(name: str, parser: Parser) -> None:
    """Ends the process where help is asked for or the arguments are wrong, before imports that take seconds."""
    if {"-h", "--help"}.isdisjoint(sys.argv):
        try:
            parser.parse_args()
            return
        except ValueError:
            pass  # said below, as everywhere
    end_process(name, partial(_read, parser))


def _read(parser: Parser) -> None:
    parser.parse_args()


def format_error(error: Exception) -> str:
    """The message of an error on one line."""
    if isinstance(error, OSError) and error.strerror:
        return escape_line(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    return escape_line(error)


def _flush_output(name: str, status: int) -> int:
    """The exit status once stdout is flushed; another one where it can't be."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        with suppress(OSError):  # or Python would try again, and complain, when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return EXIT_NO_READER
        return _tell_failure(name, f"the output can't be written: {error.strerror}", EXIT_BAD_INPUT)
    return status


def _tell_failure(name: str, why: str, status: int) -> int:
    with suppress(OSError):
        tell(f"{name}: {why}")
    return status
