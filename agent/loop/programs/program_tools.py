"""The one tool of a model that writes programs: `run_program`, which runs one over the tools of the video.

What the program prints is what the model reads; the frames that its calls showed are shown to the model too, and all
that they found is on record as if the model had called them itself.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from textwrap import dedent
from typing import Any

from agent.loop.forwarding_tools import ForwardingTools
from agent.loop.programs.interpreter import ProgramRun, run_program
from agent.loop.programs.values import FUNCTION_NAMES, ProgramError, Value
from agent.policy import Tools
from agent.rendering.answer_parser import strip_fence
from tools.deadline import is_time_up
from tools.observation import Box, Finding, InnerCall, Observation, ToolError, Usage, sum_usages
from tools.observation_text import quote_untrusted
from tools.schema import ToolSpec, describe, format_signature, validate
from tools.toolbox import OPTIONAL_TOOLS, TOOL_NAMES

NAME = "run_program"

_SHOWING = ("select_frames", "zoom")
"""The tools that show frames and find nothing: a program gets a row for each frame."""
_MOST_CALLS = 24
"""Tool calls of one program; each may take seconds."""
_MOST_FRAMES = 16
"""Pictures that one program shows: half of what one look may."""
_MOST_FINDINGS = 500
"""Findings of one program that are kept for evidence."""
_MOST_TEXT = 2_000
"""Characters of the text of one row."""


class ProgramTools(ForwardingTools):
    """Tools that are called by programs; the loop's own initial calls still reach them directly."""

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        spec = describe(self.run_program)
        signatures = "\n".join(f"{tool.name}({format_signature(tool)}): {tool.description}" for tool in tools.specs)
        functions = ", ".join(FUNCTION_NAMES)
        self._spec = ToolSpec(
            NAME, f"{spec.description}\nTools:\n{signatures}\nFunctions: {functions}, print", spec.arguments
        )

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The spec of `run_program`, which describes all other tools."""
        return (self._spec,)

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of a program, or of one of the tools themselves.

        Raises:
            ToolError: a mistake of the policy.
        """
        if name != NAME:
            return self._tools.call(name, arguments)
        return self.run_program(**validate(self._spec, arguments))

    def run_program(self, program: str) -> Observation:
        """Run a short program over the tools below, and read what it prints.

        It is a small part of Python: variables, if, for, while, comprehensions, f-strings and calls. There are no
        imports, no attributes or methods, no functions of your own. Each tool gives a list of rows, and a row is a dict
        with "kind", "start", "stop" (seconds), "text", "score" and "box"; sort_by(rows, "score", reverse=True) orders
        them. Print what you need to know, with its seconds.

        Args:
            program: the program.
        """
        calls = _ToolCalls(self._tools)
        run = run_program(_strip_program(program), [spec.name for spec in self._tools.specs], calls.run)
        return calls.observe(run)


class _ToolCalls:
    """Runs the tool calls of one program, and keeps what they brought."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._specs = {spec.name: spec for spec in tools.specs}
        self._made = 0
        self._brought: list[InnerCall] = []
        self._findings: list[Finding] = []
        self._gaps: list[str] = []
        self._usages: list[Usage] = []
        self._captioner = ""

    def run(self, name: str, values: Sequence[Value], by_name: Mapping[str, Value]) -> Value:
        """The rows that a tool gives.

        Raises:
            ProgramError: the tool refuses its arguments, or no further call is left.
        """
        fields = list(self._specs[name].arguments.model_fields)
        if len(values) > len(fields) or set(fields[: len(values)]) & by_name.keys():
            raise ProgramError(f"{name}: its arguments are {', '.join(fields)}, each of them once")
        if self._made == _MOST_CALLS:
            raise ProgramError(f"a program may call tools {_MOST_CALLS} times, and this one calls more often")
        if is_time_up():
            raise ProgramError("the time for it was over")
        self._made += 1
        if any(isinstance(value, float) and not math.isfinite(value) for value in (*values, *by_name.values())):
            raise ProgramError(f"{name}: its arguments must be finite numbers")
        arguments = dict(zip(fields, values, strict=False)) | dict(by_name)
        try:
            seen = self._tools.call(name, arguments)
        except ToolError as mistake:
            raise ProgramError(quote_untrusted(str(mistake))) from None
        self._gaps += seen.gaps
        self._usages += [] if seen.usage is None else [seen.usage]
        self._captioner = self._captioner or seen.captioner
        if seen.is_error:
            raise ProgramError(quote_untrusted(seen.text))
        self._brought.append(InnerCall(name, arguments, seen.frames, seen.covered, seen.gaps, seen.searched))
        self._findings += seen.findings
        return _list_rows(name, seen)

    def observe(self, run: ProgramRun) -> Observation:
        """The observation of the whole program: of one that failed what it printed, what is wrong, and what it cost."""
        gaps = tuple(dict.fromkeys(self._gaps))
        usage = sum_usages(self._usages) if self._usages else None
        if run.error:
            text = f"{run.printed}The program failed: {run.error}. Mend it."
            return Observation(text, is_error=True, gaps=gaps, captioner=self._captioner, usage=usage)
        told = run.printed or "(nothing was printed)\n"
        frames = tuple(dict.fromkeys(frame for call in self._brought for frame in call.frames))
        if len(frames) > _MOST_FRAMES:
            told += f"({len(frames) - _MOST_FRAMES} further frames are not shown.)\n"
        return Observation(
            "\n".join((told.rstrip("\n"), *gaps)),
            frames[:_MOST_FRAMES],
            tuple(dict.fromkeys(self._findings))[:_MOST_FINDINGS],
            gaps=gaps,
            inner_calls=tuple(replace(call, frames=call.frames[:_MOST_FRAMES]) for call in self._brought),
            captioner=self._captioner,
            usage=usage,
        )


def _strip_program(text: str) -> str:
    """The program without a Markdown fence around it, and without the indentation of all its lines."""
    bare = dedent(text)
    inside = strip_fence(bare)
    return bare if inside == bare.strip() else inside.removeprefix("python").lstrip("\n")


def _list_rows(name: str, seen: Observation) -> list[Value]:
    """What a tool found, or showed where it only shows; of a tool that is not ours, what it says."""
    if name in _SHOWING:
        return [_make_row("frame", frame.seconds, frame.seconds) for frame in seen.frames]
    if not seen.findings and name not in (*TOOL_NAMES, *OPTIONAL_TOOLS):
        return [_make_row("said", text=seen.text)]
    return [_make_row(f.kind, f.start_seconds, f.stop_seconds, f.text, f.score, f.box) for f in seen.findings]


def _make_row(
    kind: str,
    start: float | None = None,
    stop: float | None = None,
    text: str = "",
    score: float | None = None,
    box: Box | None = None,
) -> Value:
    place = None if box is None else list(box)
    return {"kind": kind, "start": start, "stop": stop, "text": text[:_MOST_TEXT], "score": score, "box": place}
